package content

import (
	"regexp"
	"slices"
	"strings"
)

// attribute is one of a tag of HTML: where it stands in the source, and where its value does.
type attribute struct {
	name                 string // in lower case
	start, end           int    // with what follows it up to the next
	valueStart, valueEnd int    // without quotes
}

// markup is what a scan of HTML finds: tags that open elements.
type markup struct {
	name       string // in lower case
	start, end int    // from < to behind >
	attributes []attribute
}

// rawText are elements in which nothing is a tag.
var rawText = regexp.MustCompile(`(?i)^<(script|style|textarea|title)[\s>]`)

// elements lists the tags that open elements in HTML, in which Liquid was masked. Comments are passed over, except those
// that Outlook reads as HTML.
func elements(source string) []markup {
	var list []markup
	for at := 0; ; {
		next := strings.IndexByte(source[at:], '<')
		if next < 0 {
			return list
		}
		at += next
		rest := source[at:]
		switch {
		case strings.HasPrefix(rest, "<!--") && !strings.HasPrefix(rest, "<!--[if"):
			end := strings.Index(rest, "-->")
			if end < 0 {
				return list
			}
			at += end + len("-->")
		case len(rest) > 1 && isLetter(rest[1]):
			m := element(source, at)
			list = append(list, m)
			at = m.end
			if found := rawText.FindStringSubmatch(rest); found != nil {
				at = endOf(source, at, found[1])
			}
		default:
			at++
		}
	}
}

// endOf finds the tag that closes an element of raw text.
func endOf(source string, at int, name string) int {
	closer := regexp.MustCompile(`(?i)</` + regexp.QuoteMeta(name) + `\s*>`)
	if m := closer.FindStringIndex(source[at:]); m != nil {
		return at + m[1]
	}
	return len(source)
}

func element(source string, at int) markup {
	m := markup{start: at}
	at++
	nameStart := at
	for at < len(source) && !strings.ContainsRune(" \t\r\n\f/>", rune(source[at])) {
		at++
	}
	m.name = strings.ToLower(source[nameStart:at])
	for {
		for at < len(source) && strings.ContainsRune(" \t\r\n\f/", rune(source[at])) {
			at++
		}
		if at >= len(source) {
			m.end = at
			return m
		}
		if source[at] == '>' {
			m.end = at + 1
			return m
		}
		a := readAttribute(source, at)
		m.attributes = append(m.attributes, a)
		at = a.end
	}
}

func readAttribute(source string, at int) attribute {
	a := attribute{start: at}
	at++ // a name may even begin with =
	for at < len(source) && !strings.ContainsRune(" \t\r\n\f/>=", rune(source[at])) {
		at++
	}
	a.name = strings.ToLower(source[a.start:at])
	a.end, a.valueStart, a.valueEnd = at, at, at
	behind := skipSpace(source, at)
	if behind >= len(source) || source[behind] != '=' {
		return a
	}
	at = skipSpace(source, behind+1)
	if at < len(source) && (source[at] == '"' || source[at] == '\'') {
		a.valueStart = at + 1
		length := strings.IndexByte(source[a.valueStart:], source[at])
		if length < 0 {
			a.valueEnd, a.end = len(source), len(source)
			return a
		}
		a.valueEnd = a.valueStart + length
		a.end = a.valueEnd + 1
		return a
	}
	a.valueStart = at
	for at < len(source) && !strings.ContainsRune(" \t\r\n\f>", rune(source[at])) {
		at++
	}
	a.valueEnd, a.end = at, at
	return a
}

func skipSpace(source string, at int) int {
	for at < len(source) && strings.ContainsRune(" \t\r\n\f", rune(source[at])) {
		at++
	}
	return at
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func (m *markup) attribute(name string) (attribute, bool) {
	i := slices.IndexFunc(m.attributes, func(a attribute) bool { return a.name == name })
	if i < 0 {
		return attribute{}, false
	}
	return m.attributes[i], true
}

// masked is the source that tokens were cut from, with Liquid replaced by a byte that means nothing, so that places in it
// are places in the source.
func masked(tokens []token, filler byte) string {
	var b strings.Builder
	for _, t := range tokens {
		if t.kind == textToken {
			b.WriteString(t.source)
		} else {
			b.WriteString(strings.Repeat(string(filler), len(t.source)))
		}
	}
	return b.String()
}
