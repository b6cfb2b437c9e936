package campaigns

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules"
	"dotyk/rules/campaign"
)

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
	if text.Templates, err = ReadTemplates(files, path.Join(path.Dir(name), TemplateFolder), store.TemplateNames(d)); err != nil {
		return Text{}, err
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
	all, err := store.CollectTemplates(store.TemplateNames(d), text.Templates, known.Templates)
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
	email, err := activities.CompileEmail(s, c.templates)
	switch {
	case s.Template != "" && c.templates[s.Template].Subject == "":
		c.bad = append(c.bad, c.fault(s, s.Template, CodeBadContent, errNoSubject.Error(), ""))
	case err != nil:
		c.bad = append(c.bad, c.fault(s, s.Template, CodeBadContent, err.Error(), ""))
	case !c.definition.Transactional && slices.ContainsFunc(email.All(), func(e *content.Email) bool { return !e.UsesUnsubscribe() }):
		c.doubtful = append(c.doubtful, c.fault(s, s.Template, campaign.CodeNoUnsubscribe,
			"the e-mail has no link to unsubscribe, so a small footer with one will be added",
			"Put {{ unsubscribe_url }} where you want it."))
	}
}

func (c *contents) sms(s *campaign.SMSStep) {
	if c.missing(s.Template) {
		return
	}
	if _, err := activities.CompileSMS(s, c.templates); err != nil {
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

var errNoSubject = errors.New("an e-mail needs a subject: begin the template with three lines: ---, subject: Hello, ---")
