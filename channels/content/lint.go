package content

import (
	"fmt"
	"html"
	"strings"
	"unicode/utf8"
)

// Warning is what may be a mistake in an e-mail that can be sent.
type Warning struct {
	Code    string `json:"code"`
	Part    Part   `json:"part"`
	Message string `json:"message"`
}

// The codes of warnings.
const (
	WarnLongSubject   = "long_subject"
	WarnTooBig        = "too_big"
	WarnNoAlt         = "image_without_alt"
	WarnInsecureLink  = "insecure_link"
	WarnNoUnsubscribe = "no_unsubscribe"
)

// What mail programs show of a subject, in characters, and how many bytes of HTML Gmail shows before it cuts.
const (
	phoneSubject   = 60
	desktopSubject = 78
	gmailClips     = 102 << 10
)

// Lint looks at an e-mail that was filled in.
func (e *Email) Lint(r RenderedEmail) []Warning {
	var list []Warning
	warn := func(code string, part Part, format string, args ...any) {
		list = append(list, Warning{Code: code, Part: part, Message: fmt.Sprintf(format, args...)})
	}
	switch n := utf8.RuneCountInString(r.Subject); {
	case n > desktopSubject:
		warn(WarnLongSubject, PartSubject, "%d characters: most mail programs cut it after %d", n, desktopSubject)
	case n > phoneSubject:
		warn(WarnLongSubject, PartSubject, "%d characters: telephones cut it after about %d", n, phoneSubject)
	}
	if n := len(r.HTML); n > gmailClips {
		warn(WarnTooBig, PartHTML, "%d KB: Gmail cuts a message at 102 KB, and with it the link to unsubscribe", n>>10)
	}
	for _, m := range elements(r.HTML) {
		switch m.name {
		case "img":
			if _, ok := m.attribute("alt"); !ok {
				warn(WarnNoAlt, PartHTML, `the picture %s has no alt: say what it shows, or alt="" for decoration`, m.value(r.HTML, "src"))
			}
		case "a", "area":
			if target := m.value(r.HTML, "href"); strings.HasPrefix(strings.ToLower(target), "http://") {
				warn(WarnInsecureLink, PartHTML, "the link to %s is not https", target)
			}
		}
	}
	if !e.UsesUnsubscribe() {
		warn(WarnNoUnsubscribe, PartHTML, "no link to unsubscribe: a marketing e-mail gets a small footer with one; put {{ unsubscribe_url }} where you want it")
	}
	return list
}

// value is that of an attribute, as it is meant.
func (m *markup) value(source, name string) string {
	a, ok := m.attribute(name)
	if !ok {
		return ""
	}
	return html.UnescapeString(source[a.valueStart:a.valueEnd])
}
