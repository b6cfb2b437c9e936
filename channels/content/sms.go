package content

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxSMS is in characters: the most that providers take in one message.
const maxSMS = 1600

// SMS is a compiled text message. It is immutable and safe for concurrent use.
type SMS struct{ text *program }

// CompileSMS checks and compiles a text message. The error is an *Error.
func CompileSMS(text string) (*SMS, error) {
	if strings.TrimSpace(text) == "" {
		return nil, &Error{Part: PartSMS, Message: "is empty", Advice: "write a text"}
	}
	p, err := compile(PartSMS, plainMode, text)
	if err != nil {
		return nil, err
	}
	return &SMS{text: p}, nil
}

// Render fills the message in, without white space around it. The error is an *Error.
func (s *SMS) Render(ctx context.Context, b Bindings) (string, error) {
	r := newRendering(ctx, b)
	text, err := r.fill(s.text)
	if err != nil {
		return "", err
	}
	text = strings.TrimSpace(text)
	switch n := utf8.RuneCountInString(text); {
	case n == 0:
		return "", &Error{Part: PartSMS, Message: "is empty for this customer", Advice: "use default:"}
	case n > maxSMS:
		return "", (&Error{Part: PartSMS, Message: fmt.Sprintf("%d characters, at most %d", n, maxSMS), Err: ErrTooLong}).advise()
	}
	return text, nil
}
