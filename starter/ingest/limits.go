package ingest

// Limits bound what one request may carry. The zero value of a field means its default.
type Limits struct {
	Event    int // bytes of one message; default 32 KB, as Segment documents
	Batch    int // bytes of a request; default 500 KB, as Segment documents
	Import   int // bytes of a request to the import endpoint; default 4 MB
	Messages int // messages in one request; default 2,500, as Segment documents
	Depth    int // nesting of objects and arrays in one message; default 100
}

// WithDefaults fills what is zero.
func (l Limits) WithDefaults() Limits {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&l.Event, 32<<10)
	or(&l.Batch, 500<<10)
	or(&l.Import, 4<<20)
	or(&l.Messages, 2500)
	or(&l.Depth, 100)
	return l
}

// Body is the largest request of a kind, in bytes.
func (l Limits) Body(kind Kind) int {
	if kind == Import {
		return l.WithDefaults().Import
	}
	return l.WithDefaults().Batch
}

// Lengths that nothing sensible exceeds. Ids and names are indexed, and an index of Postgres takes 2,704 bytes.
const (
	maxID        = 512 // bytes of userId, anonymousId, previousId
	maxEventName = 512 // bytes
	maxMessageID = 100 // bytes, as Segment documents; longer ones are hashed
	maxName      = 300 // bytes of a customer's name, stage, tag or topic
	maxTags      = 100 // tags, or consents, that one message may carry
)
