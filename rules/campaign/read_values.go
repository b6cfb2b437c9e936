package campaign

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/calendar"
)

// longestDuration is how long anything in a campaign can take.
const longestDuration = 10 * 366 * 24 * time.Hour

// duration reads a field that must be a length of time, in whole seconds and longer than zero.
func (r *reader) duration(n *node, path string) time.Duration {
	return r.length(n, path, "Write it with units, as in 90s, 1h30m, 2d or 2w.", false)
}

// optionalDuration is duration for a field that may be absent; it gives otherwise then.
func (r *reader) optionalDuration(fields map[string]*node, name, path string, otherwise time.Duration) time.Duration {
	if fields[name] == nil {
		return otherwise
	}
	return r.duration(fields[name], join(path, name))
}

// offset reads a field that may be absent and must be a length of time after or, with a minus, before a moment.
func (r *reader) offset(fields map[string]*node, path string) time.Duration {
	if fields["offset"] == nil {
		return 0
	}
	return r.length(fields["offset"], join(path, "offset"),
		"Write it with units, and a minus for before, as in -3d or 1h30m.", true)
}

func (r *reader) length(n *node, path, example string, signed bool) time.Duration {
	if n.shape != shapeText && n.shape != shapeNumber {
		r.wrongShape(n, path, "this", "a length of time", example)
		return 0
	}
	text, sign := strings.TrimSpace(n.text), time.Duration(1)
	if rest, negative := strings.CutPrefix(text, "-"); signed && negative {
		text, sign = rest, -1
	} else if signed {
		text = strings.TrimPrefix(text, "+")
	}
	d, err := rules.ParseDuration(text)
	switch {
	case err != nil:
		r.report(n.place(path), CodeBadDuration, err.Error(), example)
	case d == 0 && !signed:
		r.report(n.place(path), CodeBadDuration, "a length of time must be longer than zero", example)
	case d > longestDuration:
		r.report(n.place(path), CodeBadDuration, fmt.Sprintf("%s is longer than ten years", clip(n.text)), example)
	default:
		return sign * d
	}
	return 0
}

// formatOffset writes what offset reads.
func formatOffset(d time.Duration) string {
	if d < 0 {
		return "-" + rules.FormatDuration(-d)
	}
	return rules.FormatDuration(d)
}

// share reads a part of all.
func (r *reader) share(n *node, path string) Share {
	s, err := ParseShare(strings.TrimSpace(n.text))
	switch {
	case n.shape != shapeText && n.shape != shapeNumber:
		r.wrongShape(n, path, "this", "a part of all", "Write it as in 5%.")
	case err != nil:
		r.report(n.place(path), CodeBadValue, err.Error(), "Write it as in 5% or 0.5%.")
	}
	return s
}

// clockPattern is what looks like a time of day, whether there is one or not.
var clockPattern = regexp.MustCompile(`^[0-9]{1,2}:[0-9]{2}$`)

// clock reads a field that must be a time of day.
func (r *reader) clock(n *node, path string) calendar.Clock {
	c, err := calendar.ParseClock(strings.TrimSpace(n.text))
	switch {
	case n.shape != shapeText:
		r.wrongShape(n, path, "this", "a time of day", `Write it in quotes, as in "09:00".`)
	case err != nil:
		r.report(n.place(path), CodeBadValue, err.Error(), `Write it as in "09:00".`)
	}
	return c
}

// weekdays reads a field that may be absent and must name days of the week.
func (r *reader) weekdays(n *node, path string) calendar.Weekdays {
	if n == nil {
		return 0
	}
	days, err := calendar.ParseWeekdays(strings.TrimSpace(n.text))
	switch {
	case n.shape != shapeText:
		r.wrongShape(n, path, "this", "days of the week", "Write them as in mon-fri or sat,sun.")
	case err != nil:
		r.report(n.place(path), CodeBadValue, err.Error(), "Write them as in mon-fri or sat,sun.")
	}
	return days
}

// zone reads a field that may be absent and says whose clock is meant.
func (r *reader) zone(fields map[string]*node, path, otherwise string) string {
	name := r.name(fields, "zone", path)
	switch {
	case name == "":
		return otherwise
	case name != ZoneCustomer && name != ZoneWorkspace && !calendar.KnownZone(name):
		r.report(fields["zone"].place(join(path, "zone")), CodeBadValue, fmt.Sprintf("there is no zone %q", clip(name)),
			"Write customer, workspace, or a name of the time zone database such as Europe/Kyiv.")
	}
	return name
}

// moment reads a field that may be absent and must be an instant.
func (r *reader) moment(fields map[string]*node, name, path string) time.Time {
	n := fields[name]
	if n == nil {
		return time.Time{}
	}
	const example = `Write it with its offset, as in "2026-12-01T09:00:00+02:00".`
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(n.text))
	switch {
	case n.shape != shapeText:
		r.wrongShape(n, join(path, name), "this", "a moment", example)
	case err != nil:
		r.report(n.place(join(path, name)), CodeBadValue, fmt.Sprintf("%q is not a moment", clip(n.text)), example)
	default:
		return t.UTC().Truncate(time.Second)
	}
	return time.Time{}
}

// word reads a field that may be absent and must be one of some words.
func (r *reader) word(fields map[string]*node, name, path, otherwise string, words ...string) string {
	n := fields[name]
	if n == nil {
		return otherwise
	}
	if n.shape == shapeText && slices.Contains(words, n.text) {
		return n.text
	}
	at := n.place(join(path, name))
	if n.shape != shapeText {
		r.wrongShape(n, at.path, fmt.Sprintf("%q", name), "a word", "Write one of: "+strings.Join(words, ", ")+".")
		return otherwise
	}
	advice := "Write one of: " + strings.Join(words, ", ") + "."
	if meant := rules.Suggest(n.text, words); meant != "" {
		advice = fmt.Sprintf("Did you mean %q?", meant)
	}
	r.report(at, CodeBadValue, fmt.Sprintf("%q cannot be %q", name, clip(n.text)), advice)
	return otherwise
}

// integer reads a field that must be a whole number within bounds.
func (r *reader) integer(n *node, path, what string, least, most int) int {
	v, err := strconv.Atoi(n.text)
	if n.shape != shapeNumber || err != nil || v < least || v > most {
		r.report(n.place(path), CodeBadValue, fmt.Sprintf("%s must be a whole number from %d to %d", what, least, most),
			"")
		return least
	}
	return v
}

// nameList reads a field that may be absent and must be a list of names. They come in the order of the file.
func (r *reader) nameList(n *node, path, what, example string) []string {
	if n == nil {
		return nil
	}
	if n.shape != shapeList {
		r.wrongShape(n, path, "this", "a list", "Write it in brackets, as in "+example+".")
		return nil
	}
	var names []string
	for i, item := range n.items {
		if name := r.nameAt(item, fmt.Sprintf("%s[%d]", path, i), what); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// nameSet is nameList, sorted and without repetitions.
func (r *reader) nameSet(n *node, path, what, example string) []string {
	names := r.nameList(n, path, what, example)
	slices.Sort(names)
	return slices.Compact(names)
}

// value gives a node as JSON decodes it, with numbers as json.Number.
func (r *reader) value(n *node, path string) any {
	switch n.shape {
	case shapeNull:
		return nil
	case shapeBool:
		return strings.EqualFold(n.text, "true")
	case shapeNumber:
		return r.number(n, path)
	case shapeList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = r.value(item, fmt.Sprintf("%s[%d]", path, i))
		}
		return list
	case shapeObject:
		object := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			at := join(path, f.name)
			if _, twice := object[f.name]; twice {
				r.report(f.at.place(at), CodeDuplicateField, fmt.Sprintf("%q stands twice in the value", clip(f.name)),
					"Remove one of them.")
			}
			object[f.name] = r.value(f.node, at)
		}
		return object
	case shapeText:
	}
	return n.text
}

// number gives a number as JSON writes it. YAML knows other forms, too: hexadecimal ones, infinity.
func (r *reader) number(n *node, path string) json.Number {
	if json.Valid([]byte(n.text)) {
		return json.Number(n.text)
	}
	if i, err := strconv.ParseInt(n.text, 0, 64); err == nil {
		return json.Number(strconv.FormatInt(i, 10))
	}
	if f, err := strconv.ParseFloat(n.text, 64); err == nil {
		if encoded, err := json.Marshal(f); err == nil {
			return json.Number(encoded)
		}
	}
	r.report(n.place(path), CodeBadValue, fmt.Sprintf("%s is not a number that can be kept", clip(n.text)),
		"Write it in digits, as in 12 or 0.5.")
	return "0"
}
