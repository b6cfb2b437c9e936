package ingest

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

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
