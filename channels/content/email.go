package content

import (
	"cmp"
	"context"
	"html"
	"maps"
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
	// UnsubscribeLabel is the text of the link that is added where a mail lacks one. Empty means "Unsubscribe", in the
	// language of Locale.
	UnsubscribeLabel string
	// Locale is the language of the mail, as uk or en-GB. Empty: what its HTML says in <html lang="…">.
	Locale string

	lines map[Part][]place // of a source that was put together: where its lines were written
	raw   string           // HTML as it was before styles were written into its elements; "" where that is HTML itself
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
		e.label = unsubscribeLabel(src)
	}
	if strings.TrimSpace(src.Subject) == "" {
		return nil, &Error{Part: PartSubject, Message: "is empty", Advice: "write a subject"}
	}
	if strings.TrimSpace(src.HTML) == "" && strings.TrimSpace(src.Text) == "" {
		return nil, &Error{Part: PartHTML, Message: "is empty, and so is the text", Advice: "write one of them"}
	}
	var err error
	if src, err = src.finished(); err != nil {
		return nil, err
	}
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
		e.html.lineOf = src.locate(PartHTML)
	}
	if e.text, err = compileText(src); err != nil {
		return nil, err
	}
	e.text.lineOf = src.locate(PartText)
	e.textFromHTML = strings.TrimSpace(src.Text) == ""
	return e, nil
}

// finished gives the source with MJML made into HTML, and styles written into the elements that they concern.
func (s EmailSource) finished() (EmailSource, error) {
	made, changed, err := "", false, error(nil)
	if isMJML(s.HTML) {
		if _, err := compile(PartHTML, plainMode, s.HTML); err != nil { // so that lines are those that the author knows
			return s, err
		}
		made, err = htmlOfMJML(s.HTML)
		s.HTML, changed = made, true
	} else if made, changed, err = inlined(s.HTML, inlineStyles); changed {
		if _, err := compile(PartHTML, htmlMode, s.HTML); err != nil {
			return s, err
		}
		s.raw, s.HTML = s.HTML, made
	}
	if changed { // a line of what was made tells nobody anything
		s.lines = maps.Clone(s.lines)
		if s.lines == nil {
			s.lines = map[Part][]place{}
		}
		s.lines[PartHTML] = []place{}
	}
	return s, err
}

// locate says where a line of a part was written.
func (s EmailSource) locate(part Part) func(line int) place {
	lines, ok := s.lines[part]
	if !ok {
		return nil
	}
	return func(line int) place {
		if line < 1 || line > len(lines) {
			return place{}
		}
		return lines[line-1]
	}
}

func compileHTML(source, preheader string) (*program, error) {
	hidden, err := hiddenPreheader(preheader)
	if err != nil {
		return nil, err
	}
	source, links := linksOfHTML(insertAfterBody(source, hidden))
	return build(PartHTML, htmlMode, source, func(tokens []token) []token { return atEdges(tokens, links) })
}

func compileText(src EmailSource) (*program, error) {
	if strings.TrimSpace(src.Text) != "" {
		return compileLinked(plainMode, src.Text)
	}
	text, err := textOf(markUntracked(cmp.Or(src.raw, src.HTML)))
	if err != nil {
		return nil, err
	}
	p, err := compileLinked(textHTMLMode, text)
	if err != nil {
		return nil, &Error{
			Part: PartText, Message: "cannot be made from the HTML", Advice: "write a text part", Err: err,
		}
	}
	return p, nil
}

// compileLinked compiles a text whose links can be tracked.
func compileLinked(m mode, text string) (*program, error) {
	text, links := linksOfText(PartText, text)
	return build(PartText, m, text, func(tokens []token) []token { return atEdges(tokens, links) })
}

// UsesUnsubscribe says whether the author put unsubscribe_url somewhere. If not, or if it is not reached for a customer,
// Render adds a link.
func (e *Email) UsesUnsubscribe() bool { return e.usesUnsubscribe }

// Render fills the e-mail in. Each part that ends up without the address in the binding unsubscribe_url, if there is
// one, gets a small footer with it, and with what the binding postal_address holds, if the part lacks that. The error is
// an *Error.
func (e *Email) Render(ctx context.Context, b Bindings) (RenderedEmail, error) {
	return e.RenderTracked(ctx, b, Tracking{})
}

// RenderTracked is Render with links that are tracked. Links whose tag says data-track="off" are not, nor those to the
// addresses in the bindings unsubscribe_url and preferences_url.
func (e *Email) RenderTracked(ctx context.Context, b Bindings, t Tracking) (RenderedEmail, error) {
	r := newRendering(ctx, b)
	out, err := e.renderSubject(r)
	if err != nil {
		return RenderedEmail{}, err
	}
	r.tracker = newTracker(t, b)
	r.meter.tracked = r.tracker != nil
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
	e.finish(&out, b, t.Pixel)
	return out, nil
}

func (e *Email) renderSubject(r *rendering) (RenderedEmail, error) {
	subject, err := r.fill(e.subject)
	if err != nil {
		return RenderedEmail{}, err
	}
	subject = strings.Join(strings.Fields(subject), " ")
	switch {
	case subject == "":
		return RenderedEmail{}, &Error{Part: PartSubject, Message: "is empty for this customer", Advice: "use default:"}
	case len(subject) > maxSubject:
		return RenderedEmail{}, (&Error{Part: PartSubject, Message: ErrTooLong.Error(), Err: ErrTooLong}).advise()
	}
	return RenderedEmail{Subject: subject}, nil
}

var (
	bodyStart  = regexp.MustCompile(`(?i)<body\b[^>]*>`)
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
