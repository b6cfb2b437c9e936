package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// table prints rows in columns.
type table struct {
	w    *tabwriter.Writer
	out  io.Writer
	head []string
	rows int
}

func newTable(out io.Writer, head ...string) *table {
	return &table{w: tabwriter.NewWriter(out, 0, 0, 2, ' ', 0), out: out, head: head}
}

func (t *table) row(cells ...string) {
	if t.rows == 0 {
		fmt.Fprintln(t.w, strings.ToUpper(strings.Join(t.head, "\t")))
	}
	t.rows++
	for i := range cells {
		cells[i] = oneLine(cells[i])
	}
	fmt.Fprintln(t.w, strings.Join(cells, "\t"))
}

// end prints what was collected, or the sentence for an empty table.
func (t *table) end(empty string) error {
	if t.rows == 0 {
		_, err := fmt.Fprintln(t.out, empty)
		return err
	}
	return t.w.Flush()
}

// oneLine makes text from outside safe to print in a line of a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0:
			return -1
		}
		return r
	}, s)
}

func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
