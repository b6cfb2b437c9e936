package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Summary says what an import came to. After an import that was cut off it tells of what is committed.
type Summary struct {
	Lines     Lines
	Messages  Messages
	Customers int    // created
	Report    string // path of the report; empty when there is nothing in it
	Encoding  string // of the file
	Sorted    bool   // the lines of some order did not stand together, so the file was sorted first
	Resumed   int    // lines that an earlier import had committed before it was cut off; 0 when it began at the top
	Note      string // why it was not taken up although there was one; empty otherwise
	Elapsed   time.Duration
	Buffered  int // most lines that were held in memory at a time
}

// Lines counts records of the file without its header. A record is a line, or several where a quoted cell holds line
// breaks. Read = Stored + Known + all of Skipped + Rejected.
type Lines struct {
	Read     int            `json:"read"`
	Stored   int            `json:"stored"`
	Known    int            `json:"known"`   // their order, or the same line of the customer, was in the store already
	Skipped  map[string]int `json:"skipped"` // by reason
	Rejected int            `json:"rejected"`
	Partial  int            `json:"partial"` // values that were left out of stored lines
}

// Messages counts events: orders, or customers' lines.
type Messages struct {
	Stored int `json:"stored"`
	Known  int `json:"known"`
}

// counts is the part of a Summary that goes on when an import is taken up again.
type counts struct {
	Lines     Lines    `json:"lines"`
	Messages  Messages `json:"messages"`
	Customers int      `json:"customers"`
}

func newCounts() counts { return counts{Lines: Lines{Skipped: map[string]int{}}} }

func (c counts) clone() counts {
	c.Lines.Skipped = maps.Clone(c.Lines.Skipped)
	return c
}

// Accounted is how many lines are stored, known, skipped or rejected: as many as were read.
func (l Lines) Accounted() int {
	sum := l.Stored + l.Known + l.Rejected
	for _, n := range l.Skipped {
		sum += n
	}
	return sum
}

// String is the summary for a person, in several lines.
func (s Summary) String() string {
	var b strings.Builder
	seconds := s.Elapsed.Seconds()
	fmt.Fprintf(&b, "%s lines read in %s", grouped(s.Lines.Read), s.Elapsed.Round(time.Millisecond))
	if s.Resumed == 0 && seconds > 0 {
		fmt.Fprintf(&b, " (%s a second)", grouped(int(float64(s.Lines.Read)/seconds)))
	}
	fmt.Fprintf(&b, "\n  %9s stored, as %s events of which %s made a new customer\n", grouped(s.Lines.Stored),
		grouped(s.Messages.Stored), grouped(s.Customers))
	if s.Lines.Known > 0 {
		fmt.Fprintf(&b, "  %9s known already (%s events)\n", grouped(s.Lines.Known), grouped(s.Messages.Known))
	}
	for _, reason := range slices.Sorted(maps.Keys(s.Lines.Skipped)) {
		fmt.Fprintf(&b, "  %9s skipped: %s\n", grouped(s.Lines.Skipped[reason]), reason)
	}
	if s.Lines.Rejected > 0 {
		fmt.Fprintf(&b, "  %9s rejected\n", grouped(s.Lines.Rejected))
	}
	if s.Lines.Partial > 0 {
		fmt.Fprintf(&b, "  %9s values left out of stored lines\n", grouped(s.Lines.Partial))
	}
	if s.Report != "" {
		fmt.Fprintf(&b, "Reasons and advice: %s\n", s.Report)
	}
	if s.Encoding != "" && s.Encoding != utf8Name {
		fmt.Fprintf(&b, "The file was read as %s. If letters look wrong, name its encoding with --encoding.\n", s.Encoding)
	}
	if s.Sorted {
		b.WriteString("The lines of some orders did not stand together, so the file was sorted first.\n")
	}
	return b.String()
}
