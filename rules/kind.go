package rules

import "slices"

// kind is what is known about a value before a rule runs.
type kind uint8

const (
	kindAny     kind = iota // only the data will tell
	kindMissing             // the literal null
	kindBool
	kindNumber
	kindText
	kindTime
	kindSpan // a length of time
	kindList
	kindEvent
)

func (k kind) String() string {
	switch k {
	case kindMissing:
		return "null"
	case kindBool:
		return "true or false"
	case kindNumber:
		return "a number"
	case kindText:
		return "text"
	case kindTime:
		return "a time"
	case kindSpan:
		return "a duration"
	case kindList:
		return "a list"
	case kindEvent:
		return "an event"
	case kindAny:
	}
	return "a value"
}

// may reports whether a value of kind k can turn out to be one of want.
func (k kind) may(want ...kind) bool {
	if k == kindAny || k == kindMissing {
		return true
	}
	return slices.Contains(want, k)
}

// comparableKinds reports whether values of two kinds can be equal, or one less than the other. A value of unknown kind
// can be text that says a time, but never a duration.
func comparableKinds(a, b kind) bool {
	if a == kindSpan || b == kindSpan {
		return a == b || a == kindMissing || b == kindMissing
	}
	written := func(text, other kind) bool { return text == kindText && other == kindTime }
	return a.may(b) || b.may(a) || written(a, b) || written(b, a)
}
