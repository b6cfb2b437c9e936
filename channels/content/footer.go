package content

import (
	"html"
	"regexp"
	"strings"

	"golang.org/x/text/language"
)

// postalVariable is the binding that holds the sender's postal address, on one or several lines.
const postalVariable = "postal_address"

// finish adds what a mail lacks: the footer of a marketing mail, which is one that can be unsubscribed from, and the
// picture that tells that it was opened.
func (e *Email) finish(out *RenderedEmail, b Bindings, pixel string) {
	var added string
	if address, err := format(b[unsubscribeVariable], 0); err == nil && address != "" {
		postal, err := format(b[postalVariable], 0)
		if err != nil {
			postal = ""
		}
		f := footer{label: e.label, unsubscribe: address, postal: nonEmptyLines(postal)}
		out.Text = f.belowText(out.Text)
		added = f.forHTML(out.HTML)
	}
	if pixel != "" {
		added += `<img src="` + html.EscapeString(pixel) + `" width="1" height="1" alt="" style="display:block;border:0">`
	}
	if out.HTML != "" && added != "" {
		out.HTML = insertBeforeBodyEnd(out.HTML, added)
	}
}

// footer is what a marketing mail must say at its end.
type footer struct {
	label, unsubscribe string
	postal             []string // lines
}

func (f footer) belowText(text string) string {
	var lines []string
	if !strings.Contains(text, f.unsubscribe) {
		lines = append(lines, f.label+": "+f.unsubscribe)
	}
	if lacks(text, f.postal) {
		lines = append(lines, f.postal...)
	}
	if len(lines) == 0 {
		return text
	}
	return strings.TrimRight(text, "\n") + "\n\n" + strings.Join(lines, "\n") + "\n"
}

const footerStyle = `style="font-size:12px;color:#666666;text-align:center"`

// forHTML is what the HTML lacks; "" when it has all, or when there is none.
func (f footer) forHTML(source string) string {
	if source == "" {
		return ""
	}
	var b strings.Builder
	escaped := html.EscapeString(f.unsubscribe)
	if !strings.Contains(source, escaped) && !strings.Contains(source, f.unsubscribe) && harmlessURL(f.unsubscribe) {
		b.WriteString(`<p ` + footerStyle + `><a href="` + escaped + `" style="color:#666666">` + html.EscapeString(f.label) + `</a></p>`)
	}
	postal := make([]string, len(f.postal))
	for i, line := range f.postal {
		postal[i] = html.EscapeString(line)
	}
	if lacks(source, postal) {
		b.WriteString(`<p ` + footerStyle + `>` + strings.Join(postal, "<br>") + `</p>`)
	}
	return b.String()
}

// lacks says whether any of the lines is not there.
func lacks(text string, lines []string) bool {
	for _, line := range lines {
		if !strings.Contains(text, line) {
			return true
		}
	}
	return false
}

func nonEmptyLines(s string) []string {
	var lines []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// insertBeforeBodyEnd puts something before the last </body>, or at the end where there is none.
func insertBeforeBodyEnd(source, what string) string {
	at := len(source)
	for end := strings.LastIndex(source, "</"); end >= 0; end = strings.LastIndex(source[:end], "</") {
		if closesBody(source[end+len("</"):]) {
			at = end
			break
		}
	}
	return source[:at] + what + source[at:]
}

func closesBody(tag string) bool {
	const body = "body"
	if len(tag) <= len(body) || !strings.EqualFold(tag[:len(body)], body) {
		return false
	}
	return strings.HasPrefix(strings.TrimLeft(tag[len(body):], " \t\r\n\f"), ">")
}

var htmlLanguage = regexp.MustCompile(`(?i)<html\b[^>]*\slang\s*=\s*["']?([A-Za-z-]+)`)

// unsubscribeLabels by language. The first is for all others.
var unsubscribeLabels = []string{"Unsubscribe", "Відписатися"}

var labelLanguages = language.NewMatcher([]language.Tag{language.English, language.Ukrainian})

// unsubscribeLabel is in the language of the mail.
func unsubscribeLabel(src EmailSource) string {
	locale := src.Locale
	if found := htmlLanguage.FindStringSubmatch(src.HTML); locale == "" && found != nil {
		locale = found[1]
	}
	_, i := language.MatchStrings(labelLanguages, locale)
	return unsubscribeLabels[i]
}
