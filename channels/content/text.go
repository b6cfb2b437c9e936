package content

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/k3a/html2text"
)

// Liquid in HTML is replaced by a mark of private characters while the HTML is taken away, because its own < and > are
// no HTML.
const (
	markStart = '\uE000'
	markEnd   = '\uE001'
)

var (
	comments   = regexp.MustCompile(`(?s)<!--.*?-->`)
	openTags   = regexp.MustCompile(`(?i)<(p|br|li|head|ul|ol)(?:\s[^>]*|/)>`)
	blockEnds  = regexp.MustCompile(`(?i)</(div|tr|table|blockquote|section|header|footer|article)\s*>`)
	cellEnds   = regexp.MustCompile(`(?i)</(td|th)\s*>`)
	rules      = regexp.MustCompile(`(?i)<hr\b[^>]*>`)
	marks      = regexp.MustCompile("\uE000(\\d+)\uE001")
	lineSpaces = regexp.MustCompile(`[ \t]*\n[ \t]*`)
	manyLines  = regexp.MustCompile(`\n{3,}`)
)

// textOf makes the plain text of an HTML template: a template itself, with the same Liquid.
func textOf(source string) (string, error) {
	tokens, err := scan(PartHTML, source)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for i, t := range tokens {
		switch t.kind {
		case textToken:
			b.WriteString(strings.Map(func(r rune) rune {
				if r == markStart || r == markEnd {
					return -1
				}
				return r
			}, t.source))
		case outputToken, tagToken, rawToken:
			b.WriteRune(markStart)
			b.WriteString(strconv.Itoa(i))
			b.WriteRune(markEnd)
		case commentToken, linkToken:
		}
	}
	text := plain(b.String())
	return marks.ReplaceAllStringFunc(text, func(mark string) string {
		i, err := strconv.Atoi(marks.FindStringSubmatch(mark)[1])
		if err != nil || i >= len(tokens) {
			return ""
		}
		return tokens[i].source
	}), nil
}

// plain takes the HTML away and keeps its paragraphs, rows and links.
func plain(source string) string {
	source = comments.ReplaceAllString(source, "")
	source = openTags.ReplaceAllString(source, "<$1>") // html2text knows these without attributes only
	source = blockEnds.ReplaceAllString(source, "<br></$1>")
	source = cellEnds.ReplaceAllString(source, " </$1>")
	source = rules.ReplaceAllString(source, "<br>")
	text := html2text.HTML2TextWithOptions(source, html2text.WithUnixLineBreaks(), html2text.WithLinksInnerText(),
		html2text.WithListSupport())
	text = strings.ReplaceAll(text, "\u00a0", " ")
	text = lineSpaces.ReplaceAllString(text, "\n")
	return tidy(text)
}

// tidy leaves at most one empty line anywhere. It is called again on the result, where Liquid leaves lines empty.
func tidy(text string) string {
	if strings.Contains(text, "\n\n\n") {
		text = manyLines.ReplaceAllString(text, "\n\n")
	}
	return strings.TrimSpace(text) + "\n"
}
