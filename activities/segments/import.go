package segments

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

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

const (
	maxUnknown = 1000
	lookupPage = 5000
)

// Import adds the customers of a list to a static segment, or makes them its only members. The list is CSV with a
// heading (id, external_id, email, phone), or without one such a value a line. ErrKind when the segment has a rule;
// ErrNoneFound when the list names nobody we know, and then the segment is left as it was.
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
	if len(ids) == 0 {
		return report, ErrNoneFound
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
