package rules

// Type is what is known of the values of an attribute or property.
type Type string

// The types of a catalogue.
const (
	TypeText    Type = "text"
	TypeNumber  Type = "number"
	TypeBoolean Type = "boolean"
	TypeTime    Type = "time" // text in the form of RFC 3339, or a date alone
	TypeList    Type = "list"
	TypeObject  Type = "object"
	TypeMixed   Type = "mixed" // values of several types were seen
)

// Types are all of them.
var Types = []Type{TypeText, TypeNumber, TypeBoolean, TypeTime, TypeList, TypeObject, TypeMixed}

// Schema is what is known about the data of a workspace, against which rules are checked. A nil map or list means that
// nothing is known, and so nothing is checked. It changes what Compile says about a rule, never what a rule means.
type Schema struct {
	Attributes map[string]Type            // customer.<name>, without the fields that every record has
	Events     map[string]map[string]Type // event name -> property -> type
	Segments   []string
	Topics     []string
	Campaigns  []string
}
