package segments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"dotyk/activities/store"
)

// ImportReport is what became of a list.
type ImportReport struct {
	Lines        int           `json:"lines"`   // that name a customer, known or not
	Known        int           `json:"known"`   // customers they name, each counted once
	Joined       int64         `json:"joined"`  // who were not members before
	Left         int64         `json:"left"`    // who are not on the list that replaced the one before
	Unknown      []UnknownLine `json:"unknown"` // the first thousand lines that name nobody
	UnknownCount int           `json:"unknown_count"`
}

// UnknownLine is a line of a list that names no customer of the workspace.
type UnknownLine struct {
	Line int    `json:"line"` // counted from 1
	Text string `json:"text"`
}

// ErrNoneFound says that a list is not taken, because it names nobody we know.
var ErrNoneFound = errors.New("no customer of the list is known")

// NoneFoundError is ErrNoneFound with the lines of the list.
type NoneFoundError struct {
	Unknown []UnknownLine // the first thousand
	Count   int           // of all of them
}

// Error shows the first lines, so that a wrong column or file is recognised.
func (e *NoneFoundError) Error() string {
	const lines, characters = 3, 60
	var b strings.Builder
	b.WriteString(ErrNoneFound.Error())
	mark := ": "
	for _, u := range e.Unknown[:min(lines, len(e.Unknown))] {
		text := []rune(u.Text)
		if len(text) > characters {
			text = append(text[:characters:characters], '…')
		}
		fmt.Fprintf(&b, "%sline %d is %q", mark, u.Line, string(text))
		mark = ", "
	}
	if more := e.Count - lines; more > 0 {
		fmt.Fprintf(&b, ", and %d more", more)
	}
	return b.String()
}

// Unwrap gives ErrNoneFound.
func (*NoneFoundError) Unwrap() error { return ErrNoneFound }

const (
	maxUnknown = 1000
	lookupPage = 5000
)

// Import adds the customers of a list to a static segment, or makes them its only members. The list is CSV with a
// heading (id, external_id, email, phone), or without one such a value a line. A list without lines that replaces the
// members leaves none. ErrKind when the segment has a rule; ErrNoneFound, as a *NoneFoundError, when the list names
// nobody we know, and then the segment is left as it was.
func (s *Service) Import(ctx context.Context, ws int64, name string, r io.Reader, replace bool) (ImportReport, error) {
	seg, err := s.Store.Segment(ctx, ws, name)
	if err != nil {
		return ImportReport{}, err
	}
	if seg.Kind != store.SegmentStatic {
		return ImportReport{}, fmt.Errorf("%w: the members of %q follow from its rule", ErrKind, name)
	}
	list, err := readList(r)
	if err != nil {
		return ImportReport{}, err
	}
	report := ImportReport{Lines: len(list)}
	ids, err := s.resolve(ctx, ws, list, &report)
	if err != nil {
		return report, err
	}
	emptied := replace && report.Lines == 0
	if len(ids) == 0 && !emptied {
		return report, &NoneFoundError{Unknown: report.Unknown, Count: report.UnknownCount}
	}
	report.Known = len(ids)
	report.Joined, report.Left, err = s.Store.ImportMembers(ctx, ws, name, ids, replace)
	return report, err
}

// resolve finds the customers of a list, each once. What is not found in the likeliest way is looked up in the next.
func (s *Service) resolve(ctx context.Context, ws int64, list []entry, report *ImportReport) ([]string, error) {
	set := map[string]bool{}
	for page := range slices.Chunk(list, lookupPage) {
		open := page
		for nth := 0; len(open) > 0; nth++ {
			var later []entry
			found, err := s.find(ctx, ws, open, nth)
			if err != nil {
				return nil, err
			}
			for _, e := range open {
				switch {
				case nth >= len(e.lookups):
					if report.UnknownCount++; len(report.Unknown) < maxUnknown {
						report.Unknown = append(report.Unknown, UnknownLine{e.line, e.text})
					}
				case found[e.lookups[nth]] != "":
					set[found[e.lookups[nth]]] = true
				default:
					later = append(later, e)
				}
			}
			open = later
		}
	}
	slices.SortFunc(report.Unknown, func(a, b UnknownLine) int { return a.Line - b.Line })
	return slices.Sorted(maps.Keys(set)), nil
}

// find looks up the nth guess of each entry, with one query a field.
func (s *Service) find(ctx context.Context, ws int64, list []entry, nth int) (map[lookup]string, error) {
	values := map[string][]string{}
	for _, e := range list {
		if nth < len(e.lookups) {
			values[e.lookups[nth].field] = append(values[e.lookups[nth].field], e.lookups[nth].value)
		}
	}
	found := map[lookup]string{}
	for _, field := range slices.Sorted(maps.Keys(values)) {
		ids, err := s.Store.FindCustomers(ctx, ws, field, values[field])
		if err != nil {
			return nil, err
		}
		for value, id := range ids {
			found[lookup{field, value}] = id
		}
	}
	return found, nil
}
