package content

import (
	"regexp"
	"slices"
	"strings"
)

// span is a piece of a source, in bytes.
type span struct{ start, end int }

// untrackedMark stands before the address of a link that is not to be tracked while HTML is made into text.
const untrackedMark = '\uE002'

// anchor is a link of HTML.
type anchor struct {
	target  span // between the quotes
	tracked bool
	says    span // data-track="off" with the white space before it
}

// anchors finds the links of an HTML template: the addresses of <a> and <area>. A template that cannot be read has none;
// compiling it says why.
func anchors(source string) []anchor {
	tokens, err := scan(PartHTML, source)
	if err != nil {
		return nil
	}
	source = masked(tokens, ' ')
	var list []anchor
	for _, m := range elements(source) {
		href, ok := m.attribute("href")
		if m.name != "a" && m.name != "area" || !ok || href.valueStart >= href.valueEnd {
			continue
		}
		a := anchor{target: span{href.valueStart, href.valueEnd}, tracked: isQuote(source[href.valueStart-1])}
		if off, ok := m.attribute("data-track"); ok {
			a.tracked = a.tracked && source[off.valueStart:off.valueEnd] != "off"
			a.says = span{start: len(strings.TrimRight(source[:off.start], " \t\r\f")), end: off.end}
		}
		list = append(list, a)
	}
	return list
}

func isQuote(c byte) bool { return c == '"' || c == '\'' }

// linksOfHTML gives the template without what its links say about tracking, and where the targets of those to be tracked
// stand in it.
func linksOfHTML(source string) (string, []span) {
	var b strings.Builder
	var links []span
	at := 0
	for _, a := range anchors(source) {
		target := a.target
		if a.says.end > 0 && a.says.start < target.start {
			b.WriteString(source[at:a.says.start])
			at = a.says.end
		}
		if a.tracked {
			shift := b.Len() - at
			links = append(links, span{target.start + shift, target.end + shift})
		}
		if a.says.start > target.start {
			b.WriteString(source[at:a.says.start])
			at = a.says.end
		}
	}
	return b.String() + source[at:], links
}

// markUntracked puts a mark before the addresses of links that are not to be tracked.
func markUntracked(source string) string {
	var b strings.Builder
	at := 0
	for _, a := range anchors(source) {
		if a.says.end > 0 && !a.tracked {
			b.WriteString(source[at:a.target.start])
			b.WriteRune(untrackedMark)
			at = a.target.start
		}
	}
	return b.String() + source[at:]
}

// Liquid in a text is masked by bytes that stand for an output and for anything else.
const (
	outputFiller = '\x01'
	tagFiller    = '\x02'
)

// A link in a text begins with its scheme, or is what a single output shows.
var textLink = regexp.MustCompile("(?i)(" + string(untrackedMark) + ")?(?:\\bhttps?://|\x01+)[^\\s<>\"]*")

// linksOfText gives a text template without the marks of untracked links, and where the others stand in it.
func linksOfText(part Part, source string) (string, []span) {
	tokens, err := scan(part, source)
	if err != nil {
		return source, nil
	}
	plain := maskedText(tokens)
	var links []span
	for _, m := range textLink.FindAllStringSubmatchIndex(plain, -1) {
		if s, ok := textSpan(plain, span{m[0], m[1]}); ok && m[2] < 0 {
			links = append(links, s)
		}
	}
	for i := strings.LastIndex(source, string(untrackedMark)); i >= 0; i = strings.LastIndex(source[:i], string(untrackedMark)) {
		source = source[:i] + source[i+len(string(untrackedMark)):]
		for k := range links {
			if links[k].start > i {
				links[k].start -= len(string(untrackedMark))
				links[k].end -= len(string(untrackedMark))
			}
		}
	}
	return source, links
}

func maskedText(tokens []token) string {
	var b strings.Builder
	for _, t := range tokens {
		switch t.kind {
		case textToken:
			b.WriteString(t.source)
		case outputToken:
			b.WriteString(strings.Repeat(string(outputFiller), len(t.source)))
		default:
			b.WriteString(strings.Repeat(string(tagFiller), len(t.source)))
		}
	}
	return b.String()
}

// textSpan leaves out what ends a sentence and not an address, and says whether it is one: an output must stand alone.
func textSpan(text string, s span) (span, bool) {
	for {
		last := strings.TrimRight(text[s.start:s.end], ".,;:!?'*_")
		if strings.HasSuffix(last, ")") && !strings.Contains(last, "(") || strings.HasSuffix(last, "]") && !strings.Contains(last, "[") {
			last = last[:len(last)-1]
		}
		if len(last) == s.end-s.start {
			break
		}
		s.end = s.start + len(last)
	}
	if text[s.start] != outputFiller {
		return s, true
	}
	alone := strings.Trim(text[s.start:s.end], string([]byte{outputFiller, tagFiller})) == ""
	before := s.start == 0 || strings.ContainsRune(" \t\r\n<([\x02", rune(text[s.start-1]))
	return s, alone && before
}

// atEdges puts tokens at the begin and the end of links, which are sorted. A link of which only a part stands within a
// block ends where the block does; one that goes on behind it is left alone.
func atEdges(tokens []token, links []span) []token {
	starts := make([]int, len(tokens)+1) // where each token begins
	for i, t := range tokens {
		starts[i+1] = starts[i] + len(t.source)
	}
	var edges []edge
	for _, s := range links {
		if end, ok := wholeLink(tokens, starts, s); ok {
			edges = append(edges, edge{s.start, true}, edge{end, false})
		}
	}
	if len(edges) == 0 {
		return tokens
	}
	out := make([]token, 0, len(tokens)+2*len(edges))
	for i, t := range tokens {
		for len(edges) > 0 && (edges[0].at <= starts[i] || edges[0].at < starts[i+1]) {
			at := max(edges[0].at-starts[i], 0)
			line := t.line + strings.Count(t.source[:at], "\n")
			if at > 0 && t.kind == textToken {
				head := t
				head.source = t.source[:at]
				out = append(out, head)
				t.source, t.line = t.source[at:], line
				starts[i] += at
			}
			out = append(out, token{kind: linkToken, line: line, opens: edges[0].opens})
			edges = edges[1:]
		}
		out = append(out, t)
	}
	for _, e := range edges {
		out = append(out, token{kind: linkToken, line: tokens[len(tokens)-1].line, opens: e.opens})
	}
	return out
}

// edge is where a link begins or ends.
type edge struct {
	at    int
	opens bool
}

// wholeLink follows the blocks within a link. It gives where it ends, and whether it is one.
func wholeLink(tokens []token, starts []int, s span) (end int, ok bool) {
	depth := 0
	for i, t := range tokens {
		if starts[i+1] <= s.start || starts[i] >= s.end {
			continue
		}
		if (t.trimLeft && starts[i] == s.start) || (t.trimRight && starts[i+1] == s.end) {
			return 0, false // what is trimmed lies outside
		}
		clause := depth == 0 && t.kind == tagToken && slices.Contains([]string{"else", "elsif", "when"}, t.name)
		if depth += nesting(t); depth < 0 || clause {
			return starts[i], starts[i] > s.start && endsBehind(tokens[i:])
		}
	}
	return s.end, depth == 0
}

// endsBehind says whether nothing that belongs to an address follows behind the block that ends first in tokens.
func endsBehind(tokens []token) bool {
	depth := 1
	for _, t := range tokens {
		if depth <= 0 && t.kind == textToken {
			return strings.ContainsAny(t.source[:1], " \t\r\n<>\"'.,;:!?)]")
		}
		if depth <= 0 && t.kind == outputToken {
			return false
		}
		depth += nesting(t)
	}
	return true
}
