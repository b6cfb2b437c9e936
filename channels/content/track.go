package content

import (
	"bytes"
	"html"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Tracking says what becomes of the links of an e-mail. Its zero value leaves them alone.
type Tracking struct {
	// Link gives the address that stands in the mail for a target, which is an http or https address, filled in.
	Link func(target string) string
	// Pixel is the address of a picture that is put at the end of the HTML; empty for none.
	Pixel string
	// UTM is added to targets before Link, but where they have a parameter of that name. Its keys are source, medium,
	// campaign, content and term, with or without utm_ before them.
	UTM map[string]string
}

// preferencesVariable is the binding that holds the address at which this customer can say what they want to get.
const preferencesVariable = "preferences_url"

// confirmVariable is the binding that holds the address at which this customer confirms a consent.
const confirmVariable = "confirm_url"

// tracker changes the links of one message.
type tracker struct {
	Tracking

	own []string // addresses by which a customer leaves: never tracked
	utm []parameter
}

type parameter struct{ name, pair string }

func newTracker(t Tracking, b Bindings) *tracker {
	if t.Link == nil && len(t.UTM) == 0 {
		return nil
	}
	tr := &tracker{Tracking: t}
	for _, name := range []string{unsubscribeVariable, preferencesVariable, confirmVariable} {
		if address, ok := b[name].(string); ok && address != "" {
			tr.own = append(tr.own, address)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(t.UTM)) {
		if value := t.UTM[key]; value != "" {
			name := "utm_" + strings.TrimPrefix(key, "utm_")
			tr.utm = append(tr.utm, parameter{name, url.QueryEscape(name) + "=" + url.QueryEscape(value)})
		}
	}
	return tr
}

// replace gives what stands in the mail for a target; false where that stays as it is.
func (t *tracker) replace(target string) (string, bool) {
	if !isHTTP(target) || slices.ContainsFunc(t.own, func(own string) bool { return strings.HasPrefix(target, own) }) {
		return "", false
	}
	target = withParameters(target, t.utm)
	if t.Link != nil {
		target = t.Link(target)
	}
	return target, true
}

func isHTTP(target string) bool {
	scheme, rest, ok := strings.Cut(target, "://")
	return ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) && rest != "" &&
		!strings.ContainsFunc(target, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// withParameters adds parameters to the query of an address, but those it has.
func withParameters(target string, add []parameter) string {
	if len(add) == 0 {
		return target
	}
	rest, fragment, hasFragment := strings.Cut(target, "#")
	_, query, hasQuery := strings.Cut(rest, "?")
	var b strings.Builder
	b.WriteString(rest)
	for _, p := range add {
		if hasParameter(query, p.name) {
			continue
		}
		switch {
		case !hasQuery:
			b.WriteByte('?')
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "?") && !strings.HasSuffix(b.String(), "&"):
			b.WriteByte('&')
		}
		hasQuery = true
		b.WriteString(p.pair)
	}
	if hasFragment {
		b.WriteByte('#')
		b.WriteString(fragment)
	}
	return b.String()
}

func hasParameter(query, name string) bool {
	for pair := range strings.SplitSeq(query, "&") {
		if key, _, _ := strings.Cut(pair, "="); key == name {
			return true
		}
	}
	return false
}

// track replaces the target that was written from a place on.
func (f *filling) track(from int) error {
	if f.tracker == nil {
		return nil
	}
	link, ok := f.replacement(f.out.bytes[from:])
	if !ok {
		return nil
	}
	f.out.bytes = f.out.bytes[:from]
	f.out.last = from
	_, err := f.out.Write([]byte(link))
	return err
}

// replacement gives what is written in the place of a target, which is escaped in HTML.
func (f *filling) replacement(written []byte) (string, bool) {
	target := string(written)
	if f.program.mode == htmlMode {
		target = strings.TrimSpace(html.UnescapeString(target))
	} else if strings.ContainsAny(target, " \t\r\n<>\"") {
		return "", false // an address that a mail program would cut there
	}
	link, ok := f.tracker.replace(target)
	if f.program.mode == htmlMode {
		link = html.EscapeString(link)
	}
	return link, ok
}

// In what the library writes, marks stand at the edges of targets. Nothing else in a message holds such a byte.
const (
	openMark  = "\x00("
	closeMark = "\x00)"
)

// linkMarks are the marks by what the tag of a link says.
var linkMarks = []string{openMark, closeMark}

func linkIndex(opens bool) int { return map[bool]int{true: 0, false: 1}[opens] }

// trackMarked replaces the targets between marks, from a place on.
func (f *filling) trackMarked(from int) error {
	written := bytes.Clone(f.out.bytes[from:])
	f.out.bytes = f.out.bytes[:from]
	for {
		before, rest, found := bytes.Cut(written, []byte(openMark))
		target, behind, closed := bytes.Cut(rest, []byte(closeMark))
		if !found || !closed {
			before = bytes.ReplaceAll(bytes.ReplaceAll(written, []byte(openMark), nil), []byte(closeMark), nil)
			_, err := f.out.Write(before)
			return err
		}
		link, ok := f.replacement(target)
		if !ok {
			link = string(target)
		}
		if _, err := f.out.Write(before); err != nil {
			return err
		}
		if _, err := f.out.Write([]byte(link)); err != nil {
			return err
		}
		written = behind
	}
}
