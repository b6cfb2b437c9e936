package importer

import (
	"fmt"
	"strings"
)

// FileError says why a file cannot be imported at all. Its text is safe to show.
type FileError struct {
	File   string
	Reason string // what is wrong
	Advice string // how to mend it
}

// Error is "orders.csv: the file is empty; export it again".
func (e *FileError) Error() string { return e.File + ": " + e.Reason + "; " + e.Advice }

// Problem is one thing that is wrong with a mapping.
type Problem struct {
	Line   int // from 1; 0 when the whole file is meant
	Column int // from 1, in characters
	Reason string
	Advice string // may be empty
}

// String is "line 3, column 5: unknown field; did you mean email?".
func (p Problem) String() string {
	text := p.Reason
	if p.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, text)
	}
	if p.Advice != "" {
		text += "; " + p.Advice
	}
	return text
}

// MappingError lists all that is wrong with a mapping, in itself or for the file at hand.
type MappingError struct {
	Mapping  string
	Problems []Problem // never empty, in the order of the file
}

// Error gives one line a problem.
func (e *MappingError) Error() string {
	lines := make([]string, 0, len(e.Problems)+1)
	lines = append(lines, "mapping "+e.Mapping+" cannot be used:")
	for _, p := range e.Problems {
		lines = append(lines, "- "+p.String())
	}
	return strings.Join(lines, "\n")
}

// lineError is why a line, or one value of it, cannot be taken.
type lineError struct {
	reason string
	advice string
}

// shown cuts a value for a message to people.
func shown(s string) string {
	const longest = 60
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "…"
	}
	return fmt.Sprintf("%q", s)
}
