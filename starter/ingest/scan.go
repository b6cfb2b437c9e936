package ingest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// hazard is something that is good JSON and yet cannot be kept, because jsonb or a float would refuse or change it.
type hazard struct {
	place          string // "properties.note[2]", from the value that was scanned
	reason, advice string
}

// grammarError is a mistake of grammar at a byte offset.
type grammarError struct {
	offset int
	reason string
}

// Error is the reason.
func (e *grammarError) Error() string { return e.reason }

// scanner walks JSON once, without recursion and whatever its depth, so that one message that is nested absurdly deep
// or holds a character Postgres refuses costs only itself and not the batch it came in. encoding/json cannot do that:
// it stops the whole document at a depth of 10,000 and passes over \u0000 and lone surrogates.
type scanner struct {
	data     []byte
	pos      int
	maxDepth int

	kinds  []byte  // '{' or '[' per open level
	path   []frame // the same, with the place, for the first maxDepth levels
	hazard *hazard // the first one met since it was last cleared
}

type frame struct {
	key   []byte // as written, with its quotes; nil in an array
	index int
}

// value walks one value and what precedes it of white space, and leaves pos after it.
func (s *scanner) value() error {
	s.kinds, s.path = s.kinds[:0], s.path[:0]
	for {
		opened, err := s.open()
		if err != nil {
			return err
		}
		if opened {
			continue
		}
		more, err := s.next()
		if err != nil || !more {
			return err
		}
	}
}

// open reads a scalar, an empty container, or the start of a container up to its first value; only the last is
// reported as true.
func (s *scanner) open() (bool, error) {
	s.space()
	if s.pos >= len(s.data) {
		return false, s.fail("the document ends where a value should be")
	}
	switch c := s.data[s.pos]; {
	case c == '{' || c == '[':
		s.pos++
		s.push(c)
		s.space()
		if s.pos < len(s.data) && s.data[s.pos] == c+2 { // in ASCII both closing brackets stand two after the opening ones
			s.pos++
			s.pop()
			return false, nil
		}
		if c == '{' {
			return true, s.key()
		}
		return true, nil
	case c == '"':
		return false, s.text()
	case c == '-' || c >= '0' && c <= '9':
		return false, s.number()
	default:
		return false, s.literal()
	}
}

// next goes from the end of one value to the start of the following one; false when the outermost value has ended.
func (s *scanner) next() (bool, error) {
	for len(s.kinds) > 0 {
		s.space()
		if s.pos >= len(s.data) {
			return false, s.fail("the document ends inside of an object or array")
		}
		kind, c := s.kinds[len(s.kinds)-1], s.data[s.pos]
		switch {
		case c == kind+2:
			s.pos++
			s.pop()
		case c != ',':
			return false, s.fail(fmt.Sprintf("expected a comma or %q here", string(kind+2)))
		case kind == '{':
			s.pos++
			return true, s.key()
		default:
			s.pos++
			if len(s.path) == len(s.kinds) {
				s.path[len(s.path)-1].index++
			}
			return true, nil
		}
	}
	return false, nil
}

// key reads a member's name and the colon after it.
func (s *scanner) key() error {
	if len(s.path) == len(s.kinds) && len(s.path) > 0 {
		s.path[len(s.path)-1].key = nil
	}
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != '"' {
		return s.fail("expected a name in double quotes here")
	}
	start := s.pos
	if err := s.text(); err != nil {
		return err
	}
	if len(s.path) == len(s.kinds) && len(s.path) > 0 {
		s.path[len(s.path)-1].key = s.data[start:s.pos]
	}
	s.space()
	if s.pos >= len(s.data) || s.data[s.pos] != ':' {
		return s.fail("expected a colon after the name")
	}
	s.pos++
	return nil
}

func (s *scanner) push(kind byte) {
	s.kinds = append(s.kinds, kind)
	switch {
	case len(s.kinds) <= s.maxDepth:
		s.path = append(s.path, frame{})
	case len(s.kinds) == s.maxDepth+1:
		s.note(fmt.Sprintf("objects and arrays are nested more than %d deep", s.maxDepth), "flatten the data before sending it")
	}
}

func (s *scanner) pop() {
	s.kinds = s.kinds[:len(s.kinds)-1]
	s.path = s.path[:min(len(s.path), len(s.kinds))]
}

// note keeps the first hazard of a value.
func (s *scanner) note(reason, advice string) {
	if s.hazard == nil {
		s.hazard = &hazard{place: s.place(), reason: reason, advice: advice}
	}
}

// place writes where the scanner stands, such as "properties.products[2].name".
func (s *scanner) place() string {
	var b strings.Builder
	for i, f := range s.path {
		if s.kinds[i] == '[' {
			fmt.Fprintf(&b, "[%d]", f.index)
			continue
		}
		if f.key == nil {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(keyText(f.key))
		if b.Len() > 200 {
			b.WriteString("…")
			break
		}
	}
	return strings.ReplaceAll(strings.ToValidUTF8(b.String(), "\uFFFD"), "\x00", "\uFFFD")
}

// keyText reads a member's name that the scanner has passed.
func keyText(quoted []byte) string {
	var key string
	if err := json.Unmarshal(quoted, &key); err != nil {
		return string(quoted)
	}
	return key
}
