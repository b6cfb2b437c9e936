package importer

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// layout is how a file writes dates.
type layout struct {
	pattern string // as the mapping has it, for messages
	goForm  string // for package time; empty for the named layouts
}

// The layouts that have a name instead of a pattern.
const (
	layoutISO       = "iso"     // ISO 8601, with or without time and zone
	layoutUnix      = "unix"    // seconds since 1970
	layoutUnixMilli = "unix_ms" // milliseconds since 1970
)

// tokens are the parts of a pattern and their forms in package time, longer ones before their beginnings.
var tokens = []struct{ token, goForm string }{
	{"YYYY", "2006"},
	{"YY", "06"},
	{"MMMM", "January"},
	{"MMM", "Jan"},
	{"MM", "01"},
	{"M", "1"},
	{"DD", "02"},
	{"D", "2"},
	{"HH", "15"},
	{"H", "15"},
	{"hh", "03"},
	{"h", "3"},
	{"mm", "04"},
	{"m", "4"},
	{".SSS", ".000"},
	{"ss", "05"},
	{"s", "5"},
	{"A", "PM"},
	{"ZZ", "Z0700"},
	{"Z", "Z07:00"},
	{"T", "T"},
}

const layoutAdvice = `write one such as "YYYY-MM-DD HH:mm:ss" or "DD.MM.YYYY", or iso, unix, unix_ms`

// parseLayout reads a pattern such as "DD.MM.YYYY HH:mm", as spreadsheets write them.
func parseLayout(pattern string) (layout, error) {
	switch pattern {
	case layoutISO, layoutUnix, layoutUnixMilli:
		return layout{pattern: pattern}, nil
	}
	var form strings.Builder
	has := map[string]bool{}
	for rest := pattern; rest != ""; {
		token, goForm := nextToken(rest)
		switch {
		case token != "":
			form.WriteString(goForm)
			has[token[:1]] = true
			rest = rest[len(token):]
		case strings.IndexByte(" -/.,:()'", rest[0]) >= 0:
			form.WriteByte(rest[0])
			rest = rest[1:]
		default:
			return layout{}, fmt.Errorf("%q is not part of a date layout", []rune(rest)[0])
		}
	}
	if !has["Y"] || !has["M"] || !has["D"] {
		return layout{}, fmt.Errorf("the layout %q lacks year, month or day", pattern)
	}
	return layout{pattern: pattern, goForm: form.String()}, nil
}

func nextToken(s string) (token, goForm string) {
	for _, t := range tokens {
		if strings.HasPrefix(s, t.token) {
			return t.token, t.goForm
		}
	}
	return "", ""
}

var isoForms = [...]string{
	time.RFC3339Nano, "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.999999999", time.DateOnly,
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700", "2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02T15:04Z07:00",
}

// read reads a date; one that names no zone is in the given one. A local time that a clock change skips or repeats is
// read as package time does.
func (l layout) read(s string, zone *time.Location) (time.Time, *lineError) {
	at, ok := l.parse(s, zone)
	if !ok {
		return time.Time{}, &lineError{
			fmt.Sprintf("%s is not a date as %s", shown(s), l.pattern),
			fmt.Sprintf("write it like %s, or set layout in the mapping to how the file writes dates", l.example(zone)),
		}
	}
	if at.Year() < 1900 || at.Year() > 2200 {
		return time.Time{}, &lineError{fmt.Sprintf("%s is in the year %d", shown(s), at.Year()), "correct the date, or the layout in the mapping"}
	}
	return at.UTC(), nil
}

func (l layout) parse(s string, zone *time.Location) (time.Time, bool) {
	switch l.pattern {
	case layoutISO:
		for _, form := range isoForms {
			if at, err := time.ParseInLocation(form, s, zone); err == nil {
				return at, true
			}
		}
		return time.Time{}, false
	case layoutUnix, layoutUnixMilli:
		n, err := strconv.ParseInt(s, 10, 64)
		if l.pattern == layoutUnix {
			return time.Unix(n, 0), err == nil
		}
		return time.UnixMilli(n), err == nil
	}
	at, err := time.ParseInLocation(l.goForm, s, zone)
	return at, err == nil
}

func (l layout) example(zone *time.Location) string {
	at := time.Date(2026, 3, 31, 14, 5, 0, 0, zone)
	switch l.pattern {
	case layoutISO:
		return at.Format("2006-01-02 15:04:05")
	case layoutUnix:
		return strconv.FormatInt(at.Unix(), 10)
	case layoutUnixMilli:
		return strconv.FormatInt(at.UnixMilli(), 10)
	}
	return at.Format(l.goForm)
}
