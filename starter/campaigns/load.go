package campaigns

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules"
	"dotyk/rules/campaign"
)

// TemplateFolder stands beside a campaign file and holds the templates that it names: NAME.html, with the subject
// between two lines of ---, and NAME.txt for the text part or for an SMS.
const TemplateFolder = "templates"

// Text is a campaign as a marketer wrote it, with the templates that go with it.
type Text struct {
	Source    string
	Templates map[string]store.Template
}

// Loaded is a campaign that can be published.
type Loaded struct {
	Definition *campaign.Definition
	Source     string
	Templates  map[string]store.Template // those that came with it
	Warnings   campaign.Violations       // what may be a mistake, in the definition, its contents or beside other campaigns
}

// Publication is what the store is given.
func (l *Loaded) Publication() store.Publication {
	return store.Publication{Definition: l.Definition, Source: l.Source, Templates: l.Templates}
}

// CodeBadContent is the code of a violation in the content of a message.
const CodeBadContent = "bad_content"

// Known is what a workspace knows. Its zero value stands for no workspace to ask.
type Known struct {
	Templates func(names []string) (map[string]store.Template, error) // those of the names that are stored
	Schema    *rules.Schema                                           // of the data, against which rules are checked
	World     campaign.Known                                          // all else; its Template is not asked
}

// Load reads a campaign file of a file system and the templates beside it. Templates that are not there are asked of the
// workspace. What is wrong with the campaign comes back as campaign.Violations, all of it at once.
func Load(files fs.FS, name string, known Known) (*Loaded, error) {
	text, err := Read(files, name)
	if err != nil {
		return nil, err
	}
	return Check(text, known)
}

// Read reads a campaign file of a file system, whether it can be published or not, and those of the templates that it
// names which stand beside it. Of a file that is no campaign the templates are not known.
func Read(files fs.FS, name string) (Text, error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return Text{}, fmt.Errorf("read campaign: %w", err)
	}
	text := Text{Source: string(src), Templates: map[string]store.Template{}}
	d, err := campaign.Parse(src)
	if err != nil {
		return text, nil //nolint:nilerr // Check says what is wrong
	}
	for _, template := range templateNames(d) {
		t, found, err := readTemplate(files, path.Dir(name), template)
		if err != nil {
			return Text{}, err
		}
		if found {
			text.Templates[template] = t
		}
	}
	return text, nil
}

// Check finds out whether a campaign can be published. What is wrong with it comes back as campaign.Violations, all of it
// at once. Templates that the text does not bring are asked of the workspace.
func Check(text Text, known Known) (*Loaded, error) {
	d, err := campaign.ParseKnowing([]byte(text.Source), known.Schema)
	if err != nil {
		return nil, err
	}
	all, err := text.templates(templateNames(d), known.Templates)
	if err != nil {
		return nil, err
	}
	world := known.World
	world.Template = func(name string) bool {
		_, ok := all[name]
		return ok
	}
	bad, doubtful := checkContent(d, all)
	if bad = slices.Concat(d.Check(world), bad, refusedHeaders(d)); len(bad) > 0 {
		return nil, bad
	}
	return &Loaded{
		Definition: d, Source: text.Source, Templates: text.Templates,
		Warnings: slices.Concat(d.Warnings(), doubtful, unknownMentions(d, all, known.Schema), d.Caution(world)),
	}, nil
}

// templates gives the named templates: those of the text, and of the others those that are stored.
func (t Text) templates(names []string, stored func([]string) (map[string]store.Template, error)) (map[string]store.Template, error) {
	all := map[string]store.Template{}
	var missing []string
	for _, name := range names {
		if template, ok := t.Templates[name]; ok {
			all[name] = template
			continue
		}
		missing = append(missing, name)
	}
	if stored == nil || len(missing) == 0 {
		return all, nil
	}
	known, err := stored(missing)
	if err != nil {
		return nil, err
	}
	maps.Copy(all, known)
	return all, nil
}

func templateNames(d *campaign.Definition) []string {
	var names []string
	for _, m := range d.Messages() {
		switch m := m.(type) {
		case *campaign.EmailStep:
			if m.Template != "" {
				names = append(names, m.Template)
			}
		case *campaign.SMSStep:
			if m.Template != "" {
				names = append(names, m.Template)
			}
		}
	}
	return names
}

func readTemplate(files fs.FS, folder, name string) (store.Template, bool, error) {
	var t store.Template
	base := path.Join(folder, TemplateFolder, name)
	if !fs.ValidPath(base) || strings.Contains(name, "/") {
		return t, false, nil // not a name that a file can have: it is reported as missing
	}
	html, err := fs.ReadFile(files, base+".html")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, false, fmt.Errorf("read template: %w", err)
	}
	text, textErr := fs.ReadFile(files, base+".txt")
	if textErr != nil && !errors.Is(textErr, fs.ErrNotExist) {
		return t, false, fmt.Errorf("read template: %w", textErr)
	}
	if err != nil && textErr != nil {
		return t, false, nil
	}
	t.Text = strings.TrimRight(string(text), "\n")
	if err != nil {
		t.Subject, t.Text, err = frontMatter(base+".txt", text)
		return t, true, err
	}
	t.Subject, t.HTML, err = frontMatter(base+".html", html)
	return t, true, err
}

// frontMatter splits a template into the head between two lines of --- and the body.
func frontMatter(file string, src []byte) (subject, body string, err error) {
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(src, []byte("---\n"))
	if !ok {
		return "", strings.TrimRight(string(src), "\n"), nil
	}
	head, rest, ok := bytes.Cut(rest, []byte("\n---\n"))
	if !ok {
		return "", "", fmt.Errorf("template %s: its head begins with a line --- and never ends: put another line --- behind it", file)
	}
	var meta struct {
		Subject string `yaml:"subject"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(head))
	dec.KnownFields(true)
	if err := dec.Decode(&meta); err != nil {
		return "", "", fmt.Errorf("template %s: its head may hold subject only: %w", file, err)
	}
	return meta.Subject, strings.TrimRight(string(rest), "\n"), nil
}

// checkContent compiles what the messages say, and what people are to read, so that no customer is the first to meet a
// mistake. Doubtful are the marketing e-mails without a link to unsubscribe: a footer with one is added to them when they
// go out. Headers and bodies of webhooks are no Liquid.
func checkContent(d *campaign.Definition, templates map[string]store.Template) (bad, doubtful campaign.Violations) {
	c := contents{definition: d, templates: templates}
	campaign.Walk(d.Steps, func(step campaign.Step) {
		switch s := step.(type) {
		case *campaign.EmailStep:
			c.email(s)
		case *campaign.SMSStep:
			c.sms(s)
		case *campaign.CallStep:
			c.texts(s, map[string]string{"title": s.Title, "script": s.Script})
		case *campaign.TaskStep:
			c.texts(s, map[string]string{"title": s.Title, "text": s.Text})
		case *campaign.NoteStep:
			c.texts(s, map[string]string{"text": s.Text})
		case *campaign.WebhookStep, *campaign.WaitStep, *campaign.WaitForStep, *campaign.BranchStep, *campaign.SplitStep,
			*campaign.DecideStep, *campaign.RepeatStep, *campaign.UpdateStep, *campaign.OwnerStep, *campaign.CouponStep,
			*campaign.JourneyStep, *campaign.ExitStep:
		}
	})
	return c.bad, c.doubtful
}

// contents collects what is wrong with what a campaign says.
type contents struct {
	definition    *campaign.Definition
	templates     map[string]store.Template
	bad, doubtful campaign.Violations
}

func (c *contents) fault(step campaign.Step, template, code, message, advice string) campaign.Violation {
	if template != "" {
		return c.definition.Fault(step, code, "template "+template+", which step "+step.StepID()+" sends: "+message, advice)
	}
	return c.definition.Fault(step, code, "step "+step.StepID()+": "+message, advice)
}

// missing tells whether a template is not there, which is reported elsewhere.
func (c *contents) missing(template string) bool {
	_, ok := c.templates[template]
	return template != "" && !ok
}

func (c *contents) email(s *campaign.EmailStep) {
	if c.missing(s.Template) {
		return
	}
	email, err := compileEmail(activities.EmailSource(s, c.templates))
	switch {
	case err != nil:
		c.bad = append(c.bad, c.fault(s, s.Template, CodeBadContent, err.Error(), ""))
	case !c.definition.Transactional && !email.UsesUnsubscribe():
		c.doubtful = append(c.doubtful, c.fault(s, s.Template, campaign.CodeNoUnsubscribe,
			"the e-mail has no link to unsubscribe, so a small footer with one will be added",
			"Put {{ unsubscribe_url }} where you want it."))
	}
}

func (c *contents) sms(s *campaign.SMSStep) {
	if c.missing(s.Template) {
		return
	}
	if _, err := content.CompileSMS(activities.SMSSource(s, c.templates)); err != nil {
		c.bad = append(c.bad, c.fault(s, s.Template, CodeBadContent, err.Error(), ""))
	}
}

// texts checks fields that people read, by their names.
func (c *contents) texts(step campaign.Step, fields map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if _, err := content.CompileText(fields[name]); err != nil {
			c.bad = append(c.bad, c.fault(step, "", CodeBadContent, "its "+name+": "+err.Error(), ""))
		}
	}
}

func compileEmail(source content.EmailSource) (*content.Email, error) {
	if source.Subject == "" {
		return nil, errNoSubject
	}
	return content.CompileEmail(source)
}

var errNoSubject = errors.New("an e-mail needs a subject: begin the template with three lines: ---, subject: Hello, ---")
