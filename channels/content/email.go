package content

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

// maxSubject is in bytes. Mail programs show about 60 characters.
const maxSubject = 900

// unsubscribeVariable is the binding that holds the address at which this customer can unsubscribe.
const unsubscribeVariable = "unsubscribe_url"

// EmailSource is an e-mail as its author wrote it: Liquid in all parts. Subject and one of HTML and Text are needed.
type EmailSource struct {
	Subject   string
	HTML      string // empty for a mail of plain text
	Text      string // empty: made from HTML
	Preheader string // what mail programs show beside the subject; plain text, hidden at the top of HTML
	// UnsubscribeLabel is the text of the link that is added where a mail lacks one. Empty means "Unsubscribe".
	UnsubscribeLabel string
}

// Email is a compiled e-mail. It is immutable and safe for concurrent use.
type Email struct {
	subject, html, text *program // html is nil for a mail of plain text
	textFromHTML        bool
	label               string
	usesUnsubscribe     bool
}

// RenderedEmail is an e-mail for one customer.
type RenderedEmail struct {
	Subject string
	HTML    string // empty for a mail of plain text
	Text    string // never empty
}

// CompileEmail checks and compiles an e-mail. The error is an *Error.
func CompileEmail(src EmailSource) (*Email, error) {
	e := &Email{label: src.UnsubscribeLabel}
	if e.label == "" {
		e.label = "Unsubscribe"
	}
	if strings.TrimSpace(src.Subject) == "" {
		return nil, &Error{Part: PartSubject, Message: "is empty", Advice: "write a subject"}
	}
	if strings.TrimSpace(src.HTML) == "" && strings.TrimSpace(src.Text) == "" {
		return nil, &Error{Part: PartHTML, Message: "is empty, and so is the text", Advice: "write one of them"}
	}
	var err error
	if e.subject, err = compile(PartSubject, plainMode, src.Subject); err != nil {
		return nil, err
	}
	if e.usesUnsubscribe, err = mentions(src.HTML, src.Text); err != nil {
		return nil, err
	}
	if strings.TrimSpace(src.HTML) != "" {
		if e.html, err = compileHTML(src.HTML, src.Preheader); err != nil {
			return nil, err
		}
	}
	if e.text, err = compileText(src); err != nil {
		return nil, err
	}
	e.textFromHTML = strings.TrimSpace(src.Text) == ""
	return e, nil
}

func compileHTML(source, preheader string) (*program, error) {
	hidden, err := hiddenPreheader(preheader)
	if err != nil {
		return nil, err
	}
	return compile(PartHTML, htmlMode, insertAfterBody(source, hidden))
}

func compileText(src EmailSource) (*program, error) {
	if strings.TrimSpace(src.Text) != "" {
		return compile(PartText, plainMode, src.Text)
	}
	text, err := textOf(src.HTML)
	if err != nil {
		return nil, err
	}
	p, err := compile(PartText, textHTMLMode, text)
	if err != nil {
		return nil, &Error{
			Part: PartText, Message: "cannot be made from the HTML", Advice: "write a text part", Err: err,
		}
	}
	return p, nil
}

// UsesUnsubscribe says whether the author put unsubscribe_url somewhere. If not, or if it is not reached for a customer,
// Render adds a link.
func (e *Email) UsesUnsubscribe() bool { return e.usesUnsubscribe }

// Render fills the e-mail in. Each part that ends up without the address in the binding unsubscribe_url, if there is
// one, gets a small footer with it. The error is an *Error.
func (e *Email) Render(ctx context.Context, b Bindings) (RenderedEmail, error) {
	r, cancel := newRendering(ctx, b)
	defer cancel()
	var (
		out RenderedEmail
		err error
	)
	if out.Subject, err = r.fill(e.subject); err != nil {
		return RenderedEmail{}, err
	}
	out.Subject = strings.Join(strings.Fields(out.Subject), " ")
	switch {
	case out.Subject == "":
		return RenderedEmail{}, &Error{Part: PartSubject, Message: "is empty for this customer", Advice: "use default:"}
	case len(out.Subject) > maxSubject:
		return RenderedEmail{}, (&Error{Part: PartSubject, Message: ErrTooLong.Error(), Err: ErrTooLong}).advise()
	}
	if e.html != nil {
		if out.HTML, err = r.fill(e.html); err != nil {
			return RenderedEmail{}, err
		}
	}
	if out.Text, err = r.fill(e.text); err != nil {
		return RenderedEmail{}, err
	}
	if e.textFromHTML {
		out.Text = tidy(out.Text)
	}
	if strings.TrimSpace(out.Text) == "" {
		out.Text = out.Subject + "\n" // a mail of pictures only
	}
	if url, err := format(b[unsubscribeVariable], 0); err == nil && url != "" {
		e.addFooters(&out, url)
	}
	return out, nil
}

func (e *Email) addFooters(out *RenderedEmail, url string) {
	if !strings.Contains(out.Text, url) {
		out.Text = strings.TrimRight(out.Text, "\n") + "\n\n" + e.label + ": " + url + "\n"
	}
	escaped := html.EscapeString(url)
	if out.HTML == "" || strings.Contains(out.HTML, escaped) || strings.Contains(out.HTML, url) || !harmlessURL(url) {
		return
	}
	footer := fmt.Sprintf(`<p style="font-size:12px;color:#666666;text-align:center"><a href="%s" style="color:#666666">%s</a></p>`,
		escaped, html.EscapeString(e.label))
	out.HTML = insertBeforeBodyEnd(out.HTML, footer)
}

var (
	bodyStart  = regexp.MustCompile(`(?i)<body\b[^>]*>`)
	bodyEnd    = regexp.MustCompile(`(?i)</body\s*>`)
	identifier = regexp.MustCompile(`[\pL_][\pL\pN_-]*`)
)

func insertAfterBody(source, what string) string {
	if what == "" {
		return source
	}
	at := 0
	if m := bodyStart.FindStringIndex(source); m != nil {
		at = m[1]
	}
	return source[:at] + what + source[at:]
}

func insertBeforeBodyEnd(source, what string) string {
	all := bodyEnd.FindAllStringIndex(source, -1)
	if len(all) == 0 {
		return source + what
	}
	at := all[len(all)-1][0]
	return source[:at] + what + source[at:]
}

// hiddenPreheader is the preheader as HTML, on one line so that the lines of the mail keep their numbers.
func hiddenPreheader(preheader string) (string, error) {
	preheader = strings.Join(strings.Fields(preheader), " ")
	if preheader == "" {
		return "", nil
	}
	if _, err := compile(PartPreheader, plainMode, preheader); err != nil {
		return "", err
	}
	tokens, err := scan(PartPreheader, preheader)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(`<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">`)
	for _, t := range tokens {
		if t.kind == textToken {
			b.WriteString(html.EscapeString(t.source))
		} else {
			b.WriteString(t.source)
		}
	}
	b.WriteString(`</div>`)
	return b.String(), nil
}

// mentions says whether any source uses unsubscribe_url in its code.
func mentions(htmlSource, text string) (bool, error) {
	for part, source := range map[Part]string{PartHTML: htmlSource, PartText: text} {
		tokens, err := scan(part, source)
		if err != nil {
			return false, err
		}
		for _, t := range tokens {
			if t.kind != outputToken && t.kind != tagToken {
				continue
			}
			if slices.Contains(identifier.FindAllString(t.unquoted(), -1), unsubscribeVariable) {
				return true, nil
			}
		}
	}
	return false, nil
}
