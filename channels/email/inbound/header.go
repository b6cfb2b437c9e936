package inbound

import (
	"io"
	"mime"
	"regexp"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// Field is one line of a header.
type Field struct{ Name, Value string }

// Header is a header in its order. Names are as written; look them up by Get.
type Header []Field

// Get gives the first field of a name, in whatever case; "" without one.
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// All gives every field of a name.
func (h Header) All(name string) []string {
	var all []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// maxFields bounds what is read of a header that somebody made to be large.
const maxFields = 1000

var fieldLine = regexp.MustCompile(`^([!-9;-~]{1,76})[ \t]*:(?:[ \t]*(.*))?$`)

// readHeader reads a header, and gives what follows it. It is lenient: lines that belong to no field are skipped, so that
// one broken line does not hide the rest.
func readHeader(text string) (Header, string) {
	var h Header
	first := true
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		if line == "" {
			return h, rest
		}
		text = rest
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if len(h) > 0 {
				h[len(h)-1].Value += " " + strings.TrimSpace(line)
			}
			continue
		}
		if first && strings.HasPrefix(line, "From ") { // of an mbox
			first = false
			continue
		}
		first = false
		if m := fieldLine.FindStringSubmatch(line); m != nil && len(h) < maxFields {
			h = append(h, Field{m[1], strings.TrimSpace(m[2])})
		}
	}
	return h, ""
}

// words decodes the encoded words of RFC 2047, as far as their character set is known.
func words(s string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(in), nil
	}}
	decoded, err := d.DecodeHeader(s)
	if err != nil {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return strings.ToValidUTF8(decoded, "\uFFFD")
}

var addressIn = regexp.MustCompile("[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u0080-\U0010FFFF-]{1,128}@(?:[A-Za-z0-9\u0080-\U0010FFFF](?:[A-Za-z0-9_\u0080-\U0010FFFF-]*[A-Za-z0-9\u0080-\U0010FFFF])?\\.)*[A-Za-z0-9\u0080-\U0010FFFF-]{1,63}")

// address finds the first address in a text; that in angle brackets before others. It is "" without one.
func address(s string) string {
	if _, inner, found := strings.Cut(s, "<"); found {
		inner, _, _ = strings.Cut(inner, ">")
		if a := addressIn.FindString(inner); a != "" {
			return normal(a)
		}
	}
	return normal(addressIn.FindString(s))
}

func normal(a string) string {
	return strings.ToLower(strings.Trim(strings.TrimPrefix(strings.TrimPrefix(a, "rfc822;"), "mailto:"), ".'`"))
}

var messageIDs = regexp.MustCompile(`<([^<>\s]{1,250})>`)

// ids gives the message ids in a field, without angle brackets.
func ids(s string) []string {
	var list []string
	for _, m := range messageIDs.FindAllStringSubmatch(s, 20) {
		list = append(list, m[1])
	}
	if list == nil && s != "" && !strings.ContainsAny(s, " \t<>") {
		list = []string{s}
	}
	return list
}

func firstID(s string) string {
	if list := ids(s); len(list) > 0 {
		return list[0]
	}
	return ""
}
