package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/starter/campaigns"
	"dotyk/starter/manage"
	"dotyk/starter/server"
)

// mailServer is where tests of e-mails go, as workers are configured.
type mailServer struct {
	SMTPURL   string `name:"smtp-url" env:"SMTP_URL" help:"Mail server for tests of e-mails, as smtp://user:password@host:587."`
	EmailFrom string `name:"email-from" env:"DOTYK_EMAIL_FROM" help:"Sender of e-mail, as 'Shop <hello@shop.example>'."`
}

func (m *mailServer) mailer() (campaigns.Mailer, func(), error) {
	mailer, stop, err := server.Mailer(m.SMTPURL, m.EmailFrom)
	return mailer, func() { _ = stop() }, err // a test that was sent has its answer already
}

type templateCommands struct {
	List    templateList    `cmd:"" help:"List the templates, layouts and snippets."`
	Show    templateShow    `cmd:"" help:"Print a template."`
	Save    templateSave    `cmd:"" help:"Save a template from its files, with the layout and the snippets beside it."`
	Delete  templateDelete  `cmd:"" help:"Delete a template; published campaigns keep what they have."`
	Preview templatePreview `cmd:"" help:"Fill an e-mail in for a customer."`
	Send    templateSend    `cmd:"" help:"Send what a customer would get to yourself, marked as a test."`
}

type templateList struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists templates.
func (c *templateList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).ListTemplates)
	if err != nil {
		return err
	}
	if c.JSON {
		views := make([]manage.SavedTemplate, 0, len(list))
		for _, t := range list {
			views = append(views, manage.NewSavedTemplate(t))
		}
		return printJSON(p.stdout, views)
	}
	t := newTable(p.stdout, "template", "kind", "subject", "layout", "languages", "changed")
	for _, l := range list {
		kind := string(l.Kind)
		if l.Kind == content.KindMessage {
			kind = "message"
		}
		t.row(l.Name, kind, l.Subject, l.Layout, languages(l.Template), when(l.UpdatedAt))
	}
	return t.end("no templates yet: starter template save FILE, or publish a campaign with templates beside it")
}

// languages lists in which languages a template is.
func languages(t store.Template) string {
	var list []string
	for locale := range t.Variants {
		list = append(list, locale)
	}
	slices.Sort(list)
	if t.Locale != "" {
		list = append([]string{t.Locale}, list...)
	}
	return strings.Join(list, ", ")
}

type namedTemplate struct {
	workspaced
	Name string `arg:"" help:"Name of the template."`
}

type templateShow struct{ namedTemplate }

// Run prints a template as JSON.
func (c *templateShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	t, err := st.Template(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	return printJSON(p.stdout, manage.NewSavedTemplate(t))
}

type templateSave struct {
	workspaced
	File string `arg:"" help:"One of its files: NAME.html, NAME.mjml or NAME.txt." type:"existingfile"`
}

// Help says how files are laid out.
func (*templateSave) Help() string {
	return `A file begins with a head between two lines of ---: subject, preheader, layout, locale, kind (layout or snippet).
NAME.html (or NAME.mjml) and NAME.txt are one template; NAME.uk.html is the same in Ukrainian. A layout holds
{{ content }}; a snippet is taken in by {% include "name" %}.

Example: starter template save templates/welcome.html`
}

// Run saves a template and what it uses.
func (c *templateSave) Run(p *program) error {
	folder, file := filepath.Split(c.File)
	if folder == "" {
		folder = "."
	}
	name := strings.TrimSuffix(file, filepath.Ext(file))
	read, err := campaigns.ReadTemplates(os.DirFS(folder), ".", []string{name})
	if err != nil {
		return err
	}
	if _, ok := read[name]; !ok {
		return fmt.Errorf("%s: a template is a file NAME.html, NAME.mjml or NAME.txt", c.File)
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := campaigns.New(st)
	for _, one := range inOrder(read, name) {
		if err := service.SaveTemplate(p.ctx, ws.ID, one, read[one]); err != nil {
			return err
		}
		fmt.Fprintf(p.stdout, "saved template %s\n", one)
	}
	return nil
}

// inOrder lists a template behind all that it uses.
func inOrder(all map[string]store.Template, name string) []string {
	var list []string
	seen := map[string]bool{}
	var add func(string)
	add = func(name string) {
		t, ok := all[name]
		if !ok || seen[name] {
			return
		}
		seen[name] = true
		for _, used := range t.Uses() {
			add(used)
		}
		list = append(list, name)
	}
	add(name)
	return list
}

type templateDelete struct{ namedTemplate }

// Run deletes a template.
func (c *templateDelete) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.DeleteTemplate(p.ctx, ws.ID, c.Name); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "deleted template %s\n", c.Name)
	return nil
}

// previewed says what is filled in for whom.
type previewed struct {
	workspaced
	Name     string `arg:"" optional:"" help:"Name of the template; not needed with --step."`
	Customer string `required:"" help:"Our id, the site's id, e-mail or phone."`
	Campaign string `help:"The campaign that it belongs to, with its templates as they were published."`
	Step     string `help:"An e-mail step of the campaign."`
	Locale   string `help:"Another language than the customer's."`
}

func (c *previewed) request() campaigns.PreviewRequest {
	return campaigns.PreviewRequest{Template: c.Name, Customer: c.Customer, Campaign: c.Campaign, Step: c.Step, Locale: c.Locale}
}

type templatePreview struct {
	previewed
	HTML string `name:"html" help:"File to write the HTML to." type:"path"`
}

// Help gives examples.
func (*templatePreview) Help() string {
	return `Examples:
  starter template preview welcome --customer ann@example.com --html out.html
  starter template preview --campaign welcome --step hello --customer 42`
}

// Run fills an e-mail in.
func (c *templatePreview) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	preview, err := campaigns.New(st).Preview(p.ctx, ws.ID, c.request())
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "Subject: %s\n\n%s", preview.Subject, preview.Text)
	warnOfContent(p, preview)
	switch {
	case c.HTML == "":
		return nil
	case preview.HTML == "":
		return errors.New("the e-mail has no HTML: leave --html out")
	}
	if err := os.WriteFile(c.HTML, []byte(preview.HTML), 0o600); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}

func warnOfContent(p *program, preview campaigns.Preview) {
	for _, w := range preview.Warnings {
		fmt.Fprintf(p.stderr, "warning: %s: %s\n", w.Part, w.Message)
	}
}

type templateSend struct {
	previewed
	mailServer
	To string `required:"" help:"Address that gets it."`
}

// Help gives an example.
func (*templateSend) Help() string {
	return `It is marked [Test] in its subject, does not stand in the ledger, and nothing in it is tracked.

Example: starter template send welcome --customer ann@example.com --to me@shop.example`
}

// Run sends a test.
func (c *templateSend) Run(p *program) error {
	mailer, closeMailer, err := c.mailer()
	if err != nil {
		return err
	}
	defer closeMailer()
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	preview, _, err := campaigns.New(st).SendTest(p.ctx, ws.ID, mailer, c.request(), c.To)
	if err != nil {
		return err
	}
	warnOfContent(p, preview)
	fmt.Fprintf(p.stdout, "sent %q to %s\n", "[Test] "+preview.Subject, c.To)
	return nil
}
