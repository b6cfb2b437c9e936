package content

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// TemplateKind says what a template is for.
type TemplateKind string

// The kinds.
const (
	KindMessage TemplateKind = ""        // an e-mail or a text message
	KindLayout  TemplateKind = "layout"  // stands around messages, in the place of its {{ content }}
	KindSnippet TemplateKind = "snippet" // is taken into others by {% include "name" %}
)

// Template is something written in Liquid that has a name: the content of an e-mail or a text message, a layout around
// e-mails, or a snippet of them.
type Template struct {
	Subject   string             `json:"subject" required:"false"`
	HTML      string             `json:"html,omitempty" doc:"HTML or MJML."`
	Text      string             `json:"text,omitempty"`
	Kind      TemplateKind       `json:"kind,omitempty" enum:"layout,snippet"`
	Preheader string             `json:"preheader,omitempty"`
	Layout    string             `json:"layout,omitempty" doc:"Name of the layout around it."`
	Locale    string             `json:"locale,omitempty" doc:"Its language, as uk or en-GB: of those who have none of the variants, too."`
	Variants  map[string]Variant `json:"variants,omitempty" doc:"The same in other languages, by locale."`
}

// Variant is a template in another language. What it leaves out is as in the template.
type Variant struct {
	Subject   string `json:"subject,omitempty"`
	Preheader string `json:"preheader,omitempty"`
	HTML      string `json:"html,omitempty"`
	Text      string `json:"text,omitempty"`
}

// in gives the template as it is in a locale. A variant with HTML or text has no other part than its own.
func (t Template) in(locale string) Template {
	v, ok := t.Variants[locale]
	if !ok {
		return t
	}
	if v.Subject != "" {
		t.Subject = v.Subject
	}
	if v.Preheader != "" {
		t.Preheader = v.Preheader
	}
	if v.HTML != "" || v.Text != "" {
		t.HTML, t.Text = v.HTML, v.Text
	}
	t.Locale = locale
	return t
}

// sources are all pieces of Liquid in it.
func (t Template) sources() []string {
	list := []string{t.Subject, t.Preheader, t.HTML, t.Text}
	for _, locale := range slices.Sorted(maps.Keys(t.Variants)) {
		v := t.Variants[locale]
		list = append(list, v.Subject, v.Preheader, v.HTML, v.Text)
	}
	return list
}

// Uses gives the names of the layout and the snippets that a template names itself.
func (t Template) Uses() []string {
	names := map[string]bool{}
	if t.Layout != "" {
		names[t.Layout] = true
	}
	for _, source := range t.sources() {
		for _, name := range Includes(source) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Includes gives the names of snippets that a source takes in. One that cannot be read takes in nothing; compiling it
// says why.
func Includes(source string) []string {
	tokens, err := scan(PartText, source)
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range tokens {
		if name, err := included(PartText, t); err == nil && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Library is the templates that a message may be made of, by name.
type Library map[string]Template

// The bounds of templates within templates.
const (
	maxIncludes = 8   // within each other
	maxIncluded = 200 // in one part
)

var includeArgs = regexp.MustCompile(`^(?:"([^"]*)"|'([^']*)')$`)

// included gives the name of the snippet that a tag takes in; "" for other tokens.
func included(part Part, t token) (string, error) {
	if t.kind != tagToken || t.name != "include" && t.name != "render" {
		return "", nil
	}
	m := includeArgs.FindStringSubmatch(t.args)
	if m == nil || m[1]+m[2] == "" {
		return "", &Error{
			Part: part, Line: t.line, Message: fmt.Sprintf("cannot understand {%% %s %s %%}", t.name, t.args),
			Advice: `write the name of a snippet in quotes and nothing else, as {% include "footer" %}; it sees the same variables`,
		}
	}
	return m[1] + m[2], nil
}

// isContent reports whether a token is the place of the message in a layout.
func (t token) isContent() bool { return t.kind == outputToken && t.args == "content" }

// expansion puts layouts and snippets into one part of a message.
type expansion struct {
	library Library
	part    Part
	locale  string
	open    []string // the templates that are being put in, one within the other
	count   int

	out   strings.Builder
	lines []place // of out, by line from 0
}

// expand gives a part with everything in it, and where each of its lines was written.
func (l Library) expand(part Part, locale, source, layout string) (string, []place, error) {
	e := &expansion{library: l, part: part, locale: locale, lines: []place{{line: 1}}}
	var err error
	if layout == "" {
		err = e.source("", source, nil)
	} else {
		err = e.around(layout, source)
	}
	return e.out.String(), e.lines, err
}

// within writes a template while it is known to be open.
func (e *expansion) within(name string, write func() error) error {
	if slices.Contains(e.open, name) {
		return &Error{
			Part: e.part, Message: "templates contain each other: " + strings.Join(append(e.open, name), ", then "),
			Advice: "take one of them out",
		}
	}
	if e.count++; len(e.open) >= maxIncludes || e.count > maxIncluded {
		return &Error{
			Part: e.part, Message: fmt.Sprintf("more than %d templates within each other, or %d in one part", maxIncludes, maxIncluded),
			Advice: "put their texts into fewer",
		}
	}
	e.open = append(e.open, name)
	defer func() { e.open = e.open[:len(e.open)-1] }()
	return write()
}

// around writes a layout with the content in its place.
func (e *expansion) around(name, content string) error {
	t, ok := e.library[name]
	if !ok || t.Kind != KindLayout {
		return &Error{Part: e.part, Message: fmt.Sprintf("there is no layout %q", name), Advice: "save a template of that name and of the kind layout"}
	}
	source := e.pick(t)
	if source == "" {
		return e.source("", content, nil) // a layout of HTML leaves the text alone
	}
	return e.within(name, func() error {
		inside := func() error {
			open := e.open
			e.open = nil // the content is no part of the layout: it may take in what that does
			defer func() { e.open = open }()
			return e.source("", content, nil)
		}
		return e.source(name, source, inside)
	})
}

// pick is what a layout or a snippet has for the part, in the language of the message if it has that.
func (e *expansion) pick(t Template) string {
	t = t.in(bestLocale(t, e.locale))
	if e.part == PartHTML {
		return t.HTML
	}
	return t.Text
}

func (e *expansion) source(name, source string, content func() error) error {
	tokens, err := scan(e.part, source)
	if err != nil {
		return inTemplate(err, name)
	}
	placed := false
	for _, t := range tokens {
		snippet, err := included(e.part, t)
		switch {
		case err != nil:
			return inTemplate(err, name)
		case snippet != "":
			if err := e.snippet(name, snippet, t); err != nil {
				return err
			}
		case content != nil && t.isContent():
			placed = true
			if err := content(); err != nil {
				return err
			}
		default:
			e.append(name, t.source, t.line)
		}
		if e.out.Len() > maxSource {
			return &Error{Part: e.part, Message: fmt.Sprintf("more than %d bytes with its layout and snippets", maxSource)}
		}
	}
	if content != nil && !placed {
		return &Error{Part: e.part, Template: name, Message: "the layout shows no content", Advice: "write {{ content }} where it is to stand"}
	}
	return nil
}

func (e *expansion) snippet(in, name string, at token) error {
	t, ok := e.library[name]
	fail := func(message, advice string) error {
		return &Error{Part: e.part, Template: in, Line: at.line, Message: message, Advice: advice}
	}
	if !ok || t.Kind != KindSnippet {
		return fail(fmt.Sprintf("there is no snippet %q", name), "save a template of that name and of the kind snippet")
	}
	source := e.pick(t)
	if source == "" {
		return fail(fmt.Sprintf("the snippet %s has no %s", name, e.part), "give it one")
	}
	m := plainMode
	if e.part == PartHTML {
		m = htmlMode
	}
	if len(Includes(source)) == 0 { // one that stands for itself is checked by itself, so that its own lines are named
		if _, err := compile(e.part, m, source); err != nil {
			return inTemplate(err, name)
		}
	}
	err := e.within(name, func() error { return e.source(name, source, nil) })
	if fault, ok := err.(*Error); ok && fault.Template == "" && fault.Line == 0 { //nolint:errorlint // made here, never wrapped
		fault.Template, fault.Line = in, at.line
	}
	return err
}

func inTemplate(err error, name string) error {
	if e, ok := err.(*Error); ok && e.Template == "" { //nolint:errorlint // made here, never wrapped
		e.Template = name
	}
	return err
}

// append writes a piece of a template, which begins at a line of it.
func (e *expansion) append(name, text string, line int) {
	written := e.out.String()
	if written == "" || strings.HasSuffix(written, "\n") {
		e.lines[len(e.lines)-1] = place{name, line}
	}
	for range strings.Count(text, "\n") {
		line++
		e.lines = append(e.lines, place{name, line})
	}
	e.out.WriteString(text)
}
