package content

import (
	"regexp"
	"strings"
)

// kind tells tokens apart.
type kind int

const (
	textToken    kind = iota + 1 // literal text
	outputToken                  // {{ … }} or {% echo … %}
	tagToken                     // {% … %}
	rawToken                     // {% raw %}…{% endraw %}, whose content is in args
	commentToken                 // {% comment %}…{% endcomment %} or {% # … %}
	linkToken                    // the begin or the end of a link's target; it is made by us, and empty
)

// token is a piece of a template.
type token struct {
	kind                kind
	source              string // as written
	name                string // of a tag
	args                string // of an output, a tag or a raw block
	trimLeft, trimRight bool   // {%- and -%}
	line                int    // on which it begins, from 1
	opens               bool   // of a link: it begins
}

// newlines keeps the count of lines when a token is replaced by another text.
func (t token) newlines() string { return strings.Repeat("\n", strings.Count(t.source, "\n")) }

// scan cuts a template into tokens. Unlike the library's scanner it takes outputs of several lines, and reports what is
// opened and never closed.
func scan(part Part, source string) ([]token, error) {
	var tokens []token
	for line := 1; source != ""; {
		t, err := next(part, source, line)
		if err != nil {
			return nil, err
		}
		tokens = append(tokens, t)
		source = source[len(t.source):]
		line += strings.Count(t.source, "\n")
	}
	return tokens, nil
}

func next(part Part, source string, line int) (token, error) {
	switch start := openers(source); {
	case start < 0:
		return token{kind: textToken, source: source, line: line}, nil
	case start > 0:
		return token{kind: textToken, source: source[:start], line: line}, nil
	}
	if strings.HasPrefix(source, "{{") {
		inside, ok := between(source, "}}")
		if !ok {
			return token{}, &Error{Part: part, Line: line, Message: "{{ is never closed", Advice: "close it with }}"}
		}
		t := trimmed(inside)
		t.kind, t.source, t.line = outputToken, source[:len(inside)+4], line
		return t, nil
	}
	inside, ok := between(source, "%}")
	if !ok {
		return token{}, &Error{Part: part, Line: line, Message: "{% is never closed", Advice: "close it with %}"}
	}
	t := trimmed(inside)
	t.kind, t.source, t.line = tagToken, source[:len(inside)+4], line
	return block(part, named(t), source)
}

// openers finds the first {{ or {%.
func openers(s string) int {
	for i := 0; i+1 < len(s); i++ {
		if s[i] == '{' && (s[i+1] == '{' || s[i+1] == '%') {
			return i
		}
	}
	return -1
}

func between(source, closer string) (string, bool) {
	end := strings.Index(source[2:], closer)
	if end < 0 {
		return "", false
	}
	return source[2 : 2+end], true
}

func trimmed(inside string) token {
	var t token
	inside, t.trimLeft = strings.CutPrefix(inside, "-")
	inside, t.trimRight = strings.CutSuffix(inside, "-")
	t.args = strings.TrimSpace(inside)
	return t
}

var tagName = regexp.MustCompile(`^(\w+|#)\s*`)

// named splits the name off a tag's arguments.
func named(t token) token {
	if m := tagName.FindStringSubmatch(t.args); m != nil {
		t.name, t.args = m[1], t.args[len(m[0]):]
	}
	switch t.name {
	case "echo":
		t.kind = outputToken
	case "#":
		t.kind = commentToken
	}
	return t
}

var blockEnd = map[string]*regexp.Regexp{
	"raw":     regexp.MustCompile(`\{%(-?)\s*endraw\s*(-?)%\}`),
	"comment": regexp.MustCompile(`\{%(-?)\s*endcomment\s*(-?)%\}`),
	"doc":     regexp.MustCompile(`\{%(-?)\s*enddoc\s*(-?)%\}`),
}

// block swallows the content of blocks in which nothing is Liquid.
func block(part Part, t token, source string) (token, error) {
	re, ok := blockEnd[t.name]
	if !ok {
		return t, nil
	}
	rest := source[len(t.source):]
	m := re.FindStringSubmatchIndex(rest)
	if m == nil {
		return token{}, &Error{
			Part: part, Line: t.line, Message: t.name + " is never closed", Advice: "close it with {% end" + t.name + " %}",
		}
	}
	content := rest[:m[0]]
	if t.trimRight {
		content = strings.TrimLeft(content, " \t\r\n")
	}
	if m[3] > m[2] {
		content = strings.TrimRight(content, " \t\r\n")
	}
	t.trimRight = m[5] > m[4]
	t.source = source[:len(t.source)+m[1]]
	t.kind, t.args = commentToken, ""
	if t.name == "raw" {
		t.kind, t.args = rawToken, content
	}
	return t, nil
}

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'`)

// unquoted is the code of args without the contents of its strings.
func (t token) unquoted() string { return quoted.ReplaceAllString(t.args, `""`) }
