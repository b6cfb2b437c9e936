package rules

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// What a rule can run into besides a mistake of its author. They are found with errors.Is in an *Error.
var (
	ErrSourceTooLong = errors.New("rule is too long")
	ErrTooManyNodes  = errors.New("rule has too many parts")
	ErrTooDeep       = errors.New("rule is nested too deeply")
	ErrMemory        = errors.New("rule needs too much memory")
	ErrWork          = errors.New("rule needs too much work")
	ErrNotBoolean    = errors.New("rule does not give true or false")
	ErrNotText       = errors.New("rule does not give text")
	ErrNotYet        = errors.New("step has not run yet") // a rule names the result of a step that comes later
)

// Error says what is wrong with a rule, and where: when it is compiled, or, for what only the data can show, when it is
// evaluated.
type Error struct {
	Source     string `json:"source"`
	Line       int    `json:"line"`                 // 1-based
	Column     int    `json:"column"`               // 1-based, in characters
	Message    string `json:"message"`              // what is wrong, without its place
	Snippet    string `json:"snippet,omitempty"`    // the faulty line and, beneath it, a caret at the column
	Suggestion string `json:"suggestion,omitempty"` // the name that was probably meant

	cause error
}

// Error gives the place, the message and the line with its caret.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, column %d: %s", e.Line, e.Column, e.Message)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %q?", e.Suggestion)
	}
	if e.Snippet != "" {
		b.WriteString("\n" + e.Snippet)
	}
	return b.String()
}

// Unwrap gives one of this package's Err values, or nil for a plain mistake in the rule.
func (e *Error) Unwrap() error { return e.cause }

const maxSnippet = 100 // characters of the faulty line that are shown

// newError places a message at an offset, in characters, of the source.
func newError(src string, offset int, message string) *Error {
	e := &Error{Source: src, Line: 1, Column: 1, Message: message}
	runes := []rune(src)
	start := 0
	for i, r := range runes[:min(max(offset, 0), len(runes))] {
		e.Column++
		if r == '\n' {
			e.Line, e.Column, start = e.Line+1, 1, i+1
		}
	}
	end := start
	for end < len(runes) && runes[end] != '\n' {
		end++
	}
	e.Snippet = snippet(runes[start:end], e.Column-1)
	return e
}

// snippet draws a caret beneath a line. Of a long line it keeps the part around the caret.
func snippet(line []rune, caret int) string {
	if len(line) == 0 {
		return ""
	}
	from := 0
	if len(line) > maxSnippet {
		from = min(max(caret-maxSnippet/2, 0), len(line)-maxSnippet)
		line = line[from : from+maxSnippet]
	}
	shown := strings.Map(func(r rune) rune {
		if r == '\t' || r == '\r' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, string(line))
	return shown + "\n" + strings.Repeat(" ", caret-from) + "^"
}
