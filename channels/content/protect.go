package content

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Tools that read HTML or MJML do not know Liquid. While they work, words stand in its place that they take for text.
const placeholder = "dotykliquid"

var placeholders = regexp.MustCompile(`<!--` + placeholder + `(\d+)z-->|` + placeholder + `(\d+)z=""|` + placeholder + `(\d+)z`)

// protected is a source with words in the place of Liquid.
type protected struct {
	source string
	tokens []token
}

// protect replaces Liquid by words, and by comments where aComment says so of a place in the masked source.
func protect(tokens []token, aComment func(at int) bool) protected {
	var b strings.Builder
	at := 0
	for i, t := range tokens {
		word := placeholder + strconv.Itoa(i) + "z"
		switch {
		case t.kind == textToken:
			b.WriteString(t.source)
		case aComment(at):
			b.WriteString("<!--" + word + "-->")
		default:
			b.WriteString(word)
		}
		at += len(t.source)
	}
	return protected{source: b.String(), tokens: tokens}
}

// restore puts Liquid back. Tokens that are not there any more are given as well.
func (p protected) restore(made string) (source string, lost []token) {
	found := make([]bool, len(p.tokens))
	source = placeholders.ReplaceAllStringFunc(made, func(word string) string {
		m := placeholders.FindStringSubmatch(word)
		i, err := strconv.Atoi(m[1] + m[2] + m[3])
		if err != nil || i >= len(p.tokens) {
			return word
		}
		found[i] = true
		return p.tokens[i].source
	})
	for i, t := range p.tokens {
		if !found[i] && t.kind != textToken && t.kind != commentToken {
			lost = append(lost, t)
		}
	}
	return source, lost
}

var (
	styleElement = regexp.MustCompile(`(?is)<style\b[^>]*>(.*?)</style\s*>`)
	rawElement   = regexp.MustCompile(`(?is)<(?:style|script|title|textarea)\b.*?</(?:style|script|title|textarea)\s*>`)
	anyTag       = regexp.MustCompile(`(?s)</?[A-Za-z](?:[^>"']|"[^"]*"|'[^']*')*>`)
)

// inlined writes the rules of style elements into the elements that they concern, because mail programs leave style
// elements out. Media queries and the like stay where they are. Where blocks of Liquid stand among the rules, nobody can
// tell which hold: the source stays as it is.
func inlined(source string, inline func(string) (string, error)) (string, bool, error) {
	tokens, err := scan(PartHTML, source)
	if err != nil {
		return source, false, nil //nolint:nilerr // compiling says what is wrong
	}
	plain := masked(tokens, ' ')
	styles := styleElement.FindAllStringIndex(plain, -1)
	if len(styles) == 0 {
		return source, false, nil
	}
	at := 0
	for _, t := range tokens {
		if t.kind == tagToken && within(styles, at) {
			return source, false, nil
		}
		at += len(t.source)
	}
	inside := slices.Concat(comments.FindAllStringIndex(plain, -1), rawElement.FindAllStringIndex(plain, -1),
		anyTag.FindAllStringIndex(plain, -1))
	p := protect(tokens, func(at int) bool { return !within(inside, at) })
	made, err := inline(p.source)
	if err != nil {
		return source, false, &Error{
			Part: PartHTML, Line: lineAt(plain, styles[0][0]), Message: "its styles cannot be understood: " + err.Error(), Err: err,
			Advice: `correct the style element, or let it alone: <style data-premailer="ignore">`,
		}
	}
	made, lost := p.restore(made)
	for _, t := range lost {
		if t.kind == tagToken {
			return source, false, &Error{
				Part: PartHTML, Line: t.line, Message: fmt.Sprintf("%s stands where HTML has no place for it", t.source),
				Advice: "move it into the text or around a whole element",
			}
		}
	}
	return made, true, nil
}

func within(spans [][]int, at int) bool {
	return slices.ContainsFunc(spans, func(s []int) bool { return s[0] <= at && at < s[1] })
}

func lineAt(source string, at int) int { return 1 + strings.Count(source[:at], "\n") }
