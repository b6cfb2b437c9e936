package importer

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// The encodings that are detected. Any other of one byte a character can be named.
const (
	utf8Name    = "utf-8"
	windows1252 = "windows-1252" // takes in Latin-1, as browsers read that too
)

// decode turns the bytes of a line into text. In every encoding that is taken, ASCII stands for itself, so lines and
// columns can be found before decoding.
type decode func(line []byte) (string, *lineError)

// asIs takes bytes for text without a look at them, where only their equality matters.
func asIs(line []byte) (string, *lineError) { return string(line), nil }

// decoder finds an encoding by any of its names (WHATWG Encoding Standard, section 4.2).
func decoder(name string) (decode, bool) {
	encoding, err := htmlindex.Get(name)
	if err != nil {
		return nil, false
	}
	if canonical, err := htmlindex.Name(encoding); err == nil && canonical == utf8Name {
		return decodeUTF8, true
	}
	table, ok := encoding.(*charmap.Charmap)
	if !ok {
		return nil, false
	}
	return func(line []byte) (string, *lineError) {
		var b strings.Builder
		b.Grow(len(line))
		for _, c := range line {
			if c < utf8.RuneSelf {
				b.WriteByte(c)
				continue
			}
			b.WriteRune(table.DecodeByte(c))
		}
		return keepable(b.String())
	}, true
}

func decodeUTF8(line []byte) (string, *lineError) {
	if !utf8.Valid(line) {
		return "", &lineError{"the line is not valid UTF-8", "save the file as UTF-8, or name its encoding with --encoding"}
	}
	return keepable(string(line))
}

// keepable refuses the one character that Postgres cannot keep.
func keepable(s string) (string, *lineError) {
	if strings.IndexByte(s, 0) >= 0 {
		return "", &lineError{"the line holds the character U+0000, which cannot be kept", "remove it"}
	}
	return s, nil
}

// legible makes text of a line that could not be decoded, for the report.
func legible(line []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(line), "\uFFFD"), "\x00", "\uFFFD")
}
