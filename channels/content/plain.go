package content

import (
	"context"
	"strings"
)

// Text is a compiled piece of plain text that people of the workspace read: the title of a task, a script, a note. It is
// immutable and safe for concurrent use.
type Text struct{ text *program }

// CompileText checks and compiles a piece of plain text, which may be empty. The error is an *Error.
func CompileText(text string) (*Text, error) {
	p, err := compile(PartText, plainMode, text)
	if err != nil {
		return nil, err
	}
	return &Text{text: p}, nil
}

// Render fills the text in, without white space around it. The error is an *Error.
func (t *Text) Render(ctx context.Context, b Bindings) (string, error) {
	r := newRendering(ctx, b)
	text, err := r.fill(t.text)
	return strings.TrimSpace(text), err
}
