package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
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

// literal reads true, false or null.
func (s *scanner) literal() error {
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(string(s.data[s.pos:min(s.pos+len(word), len(s.data))]), word) {
			s.pos += len(word)
			return nil
		}
	}
	return s.fail("expected a value here: an object, an array, a text in double quotes, a number, true, false or null")
}

// number reads a number by RFC 8259 section 6. What a double cannot hold, or needs absurdly many digits, is a hazard:
// rules compute with doubles, and numeric in Postgres ends at 16,383 decimals.
func (s *scanner) number() error {
	start := s.pos
	s.skip('-')
	if !s.skip('0') && s.digits() == 0 {
		return s.fail("expected a digit here")
	}
	if s.skip('.') && s.digits() == 0 {
		return s.fail("expected a digit after the decimal point")
	}
	if s.skip('e') || s.skip('E') {
		if !s.skip('+') {
			s.skip('-')
		}
		if s.digits() == 0 {
			return s.fail("expected a digit in the exponent")
		}
	}
	if literal := s.data[start:s.pos]; len(literal) > 15 || bytes.ContainsAny(literal, "eE") {
		if !keepable(string(literal)) {
			s.note("the number is beyond what can be kept (about ±1.8e308, and 400 digits)", "send it as text")
		}
	}
	return nil
}

// keepable reports whether a number fits a double and has at most 400 digits on either side of its decimal point.
func keepable(literal string) bool {
	if len(literal) > 400 {
		return false
	}
	if i := strings.IndexAny(literal, "eE"); i >= 0 {
		if exp, err := strconv.Atoi(literal[i+1:]); err != nil || exp < -400 {
			return false
		}
	}
	_, err := strconv.ParseFloat(literal, 64)
	return err == nil
}

// text reads a text by RFC 8259 section 7.
func (s *scanner) text() error {
	s.pos++
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < 0x20:
			return s.fail("a control character stands in a text; write it as an escape such as \\n")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				s.note("the text is not valid UTF-8", "encode the request in UTF-8")
			}
			s.pos += size
		}
	}
	return s.fail("the document ends inside of a text")
}

// escape reads one escape, or the pair of them that stands for one character outside of the basic plane.
func (s *scanner) escape() error {
	if s.pos+1 >= len(s.data) {
		return s.fail("the document ends inside of a text")
	}
	if s.data[s.pos+1] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, s.data[s.pos+1]) < 0 {
			return s.fail("unknown escape in a text")
		}
		s.pos += 2
		return nil
	}
	unit, ok := s.unit(s.pos)
	if !ok {
		return s.fail("expected four hexadecimal digits after \\u")
	}
	s.pos += 6
	switch {
	case unit == 0:
		s.note("the text holds the character U+0000, which Postgres cannot keep", "remove it before sending")
	case unit >= 0xDC00 && unit <= 0xDFFF:
		s.note("the text holds half of a surrogate pair, often an emoji that was cut", "cut texts between characters, not inside of one")
	case unit >= 0xD800 && unit <= 0xDBFF:
		low, ok := s.unit(s.pos)
		if !ok || low < 0xDC00 || low > 0xDFFF {
			s.note("the text holds half of a surrogate pair, often an emoji that was cut", "cut texts between characters, not inside of one")
			return nil
		}
		s.pos += 6
	}
	return nil
}

// unit reads the UTF-16 unit of an escape \uXXXX that starts at pos.
func (s *scanner) unit(pos int) (uint16, bool) {
	if pos+6 > len(s.data) || s.data[pos] != '\\' || s.data[pos+1] != 'u' {
		return 0, false
	}
	var unit uint16
	for _, c := range s.data[pos+2 : pos+6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		unit = unit<<4 | uint16(c)
	}
	return unit, true
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) skip(c byte) bool {
	if s.pos < len(s.data) && s.data[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() int {
	start := s.pos
	for s.pos < len(s.data) && s.data[s.pos] >= '0' && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos - start
}

func (s *scanner) fail(reason string) error { return &grammarError{offset: s.pos, reason: reason} }

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
