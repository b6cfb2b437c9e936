package content

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/osteele/liquid/parser"
)

// Part names the piece of a message that an error is about.
type Part string

// The parts.
const (
	PartSubject   Part = "subject"
	PartPreheader Part = "preheader"
	PartHTML      Part = "html"
	PartText      Part = "text"
	PartSMS       Part = "sms"
)

// Error says what is wrong with a template, for the person who wrote it.
type Error struct {
	Part Part `json:"part"`
	// Template is the layout or the snippet whose line it is; empty for the template itself.
	Template string `json:"template,omitempty"`
	// Locale is that of the variant; empty for the template's own.
	Locale  string `json:"locale,omitempty"`
	Line    int    `json:"line,omitempty"` // from 1; 0 when no line is to blame
	Message string `json:"message"`
	Advice  string `json:"advice,omitempty"` // what to do about it; empty if nothing better than Message is known
	Err     error  `json:"-"`                // the cause, may be nil
}

// Error reads "html, line 3: unknown filter "moneyy": did you mean …".
func (e *Error) Error() string {
	s := string(e.Part)
	if e.Locale != "" {
		s += " of " + e.Locale
	}
	if e.Template != "" {
		s += " of " + e.Template
	}
	if e.Line > 0 {
		s += fmt.Sprintf(", line %d", e.Line)
	}
	s += ": " + e.Message
	if e.Advice != "" {
		s += " (" + e.Advice + ")"
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// The bounds that a template can run into. They are causes of *Error.
var (
	ErrTooLong = errors.New("the result is too long")
	ErrTooBusy = errors.New("too many loop turns")
)

// MissingError says that a message would show a Missing. It is the cause of an *Error.
type MissingError struct{ Why string }

// Error is why there is no value.
func (e *MissingError) Error() string { return e.Why }

var liquidError = regexp.MustCompile(`(?s)^Liquid error(?: \(line \d+\))?: (.*?)(?: in \{[{%].*)?$`)

// located turns an error of the Liquid library into ours.
func located(part Part, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Part: part, Message: err.Error(), Err: err}
	pe, ok := errors.AsType[parser.Error](err)
	if !ok {
		return e.advise()
	}
	e.Line = pe.LineNumber()
	for pe.Cause() != nil {
		e.Message = pe.Cause().Error()
		next, ok := pe.Cause().(parser.Error) //nolint:errorlint // the library's causes are not wrapped the standard way
		if !ok {
			return e.advise()
		}
		pe = next
	}
	e.Message = pe.Error()
	if m := liquidError.FindStringSubmatch(e.Message); m != nil {
		e.Message = m[1]
	}
	return e.advise()
}

func (e *Error) advise() *Error {
	switch {
	case e.Advice != "":
	case errors.Is(e.Err, ErrTooLong):
		e.Advice = "shorten the template or the data, or bound the loop with limit:"
	case errors.Is(e.Err, ErrTooBusy):
		e.Advice = "bound the loop with limit:"
	}
	return e
}
