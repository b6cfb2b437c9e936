package audience

import "time"

// CustomerKind says on which side of the business a customer stands.
type CustomerKind string

// The kinds of customer.
const (
	Client   CustomerKind = "client"
	Partner  CustomerKind = "partner"
	Supplier CustomerKind = "supplier"
)

// Valid reports whether k is one of the known kinds.
func (k CustomerKind) Valid() bool { return k == Client || k == Partner || k == Supplier }

// Customer is a person or organisation we have a record of.
type Customer struct {
	ID         string         // UUID
	Kind       CustomerKind   // client, partner or supplier
	ExternalID string         // the site's own id (Segment's userId); empty while anonymous
	Email      string         // lower case, validated; empty when unknown
	Phone      string         // E.164, validated; empty when unknown
	Name       string         // display name; empty when unknown
	Locale     string         // BCP 47 tag such as "uk-UA"; empty when unknown
	Timezone   string         // IANA name such as "Europe/Kyiv"; empty when unknown
	Stage      string         // where the customer stands in the sales process; free text
	Tags       []string       // sorted, unique
	Attributes map[string]any // everything else the site told us, as decoded JSON
	CreatedAt  time.Time
	UpdatedAt  time.Time
}
