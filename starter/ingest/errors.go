package ingest

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Code names a way in which a whole request cannot be read.
type Code string

// The codes of a BodyError.
const (
	BadJSON  Code = "bad_json"
	TooLarge Code = "too_large"
	TooMany  Code = "too_many_messages"
	NoBatch  Code = "no_batch"
)

// BodyError says why nothing of a request could be read. Its text is safe to show to the sender.
type BodyError struct {
	Code   Code
	Reason string // what is wrong
	Advice string // how to mend it
	Offset int    // bytes from the start of the body; -1 when no place can be told
	Line   int    // from 1; 0 when no place can be told
	Column int    // from 1, in characters; 0 when no place can be told
}

// Error reads "line 3, column 14 (byte 52): expected a comma".
func (e *BodyError) Error() string {
	if e.Line == 0 {
		return e.Reason
	}
	return fmt.Sprintf("line %d, column %d (byte %d): %s", e.Line, e.Column, e.Offset, e.Reason)
}

// badJSON places a mistake of grammar in the body.
func badJSON(body []byte, offset int, reason string) *BodyError {
	before := body[:min(offset, len(body))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &BodyError{
		Code:   BadJSON,
		Reason: reason,
		Advice: "send one JSON document in UTF-8, as RFC 8259 defines it",
		Offset: offset,
		Line:   bytes.Count(before, []byte{'\n'}) + 1,
		Column: utf8.RuneCount(before[start:]) + 1,
	}
}

// FieldError says why one value cannot be taken, and how to mend it. Its text is safe to show.
type FieldError struct {
	Reason string
	Advice string
}

// Error is the reason followed by the advice.
func (e *FieldError) Error() string { return e.Reason + "; " + e.Advice }
