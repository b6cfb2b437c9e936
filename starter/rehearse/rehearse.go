package rehearse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"dotyk/activities"
	"dotyk/channels/content"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
)

// Outcome is how a scenario went.
type Outcome struct {
	File        string                 `json:"file"`
	Scenario    string                 `json:"scenario,omitempty"`
	Passed      bool                   `json:"passed"`
	Millis      float64                `json:"ms"`
	Differences []rehearsal.Difference `json:"differences,omitempty"` // by time
	Error       string                 `json:"error,omitempty"`       // why it could not be played
	Faults      []campaign.Violation   `json:"violations,omitempty"`  // of the scenario or of a campaign
	Log         []rehearsal.Entry      `json:"-"`
}

// File plays a scenario file of a file system. What is wrong with it is in the outcome.
func File(ctx context.Context, files fs.FS, name string) Outcome {
	began := time.Now()
	o := Outcome{File: name}
	result, err := o.play(ctx, files, name)
	o.Millis = float64(time.Since(began).Microseconds()) / float64(time.Millisecond/time.Microsecond)
	if err != nil {
		o.Error = err.Error()
		var faults rehearsal.Faults
		var violations campaign.Violations
		switch {
		case errors.As(err, &faults):
			o.Faults = faults
		case errors.As(err, &violations):
			o.Faults = violations
		}
		return o
	}
	o.Log, o.Differences, o.Passed = result.Log, result.Differences, len(result.Differences) == 0
	return o
}

func (o *Outcome) play(ctx context.Context, files fs.FS, name string) (*rehearsal.Result, error) {
	src, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read scenario: %w", err)
	}
	scenario, err := rehearsal.Read(src)
	if err != nil {
		return nil, err
	}
	o.Scenario = scenario.Name
	r := renderer{ctx: ctx, loaded: map[string]*campaigns.Loaded{}}
	var definitions []*campaign.Definition
	for _, file := range scenario.Campaigns {
		l, err := campaigns.Load(files, path.Join(path.Dir(name), file), campaigns.Known{})
		if err != nil {
			return nil, fmt.Errorf("campaign %s: %w", file, err)
		}
		r.loaded[l.Definition.Name] = l
		definitions = append(definitions, l.Definition)
	}
	return scenario.Play(definitions, r.text)
}

// renderer gives what a person would read.
type renderer struct {
	ctx    context.Context
	loaded map[string]*campaigns.Loaded // by the campaign's name
}

// text renders the subject and text of an e-mail, the text of an SMS, the title of a task, the text of a note.
func (r *renderer) text(e rehearsal.Entry) (string, error) {
	if e.Content == nil {
		return e.Text, nil
	}
	b := activities.RehearsedBindings(e.Campaign, e.Content)
	text, err := r.render(e, b)
	if missing, ok := errors.AsType[*content.MissingError](err); ok {
		return "", &rehearsal.UnsendableError{Why: missing.Why}
	}
	if err != nil {
		return "", fmt.Errorf("fill step %s of campaign %s for %s: %w", e.Step, e.Campaign, e.Customer, err)
	}
	return text, nil
}

func (r *renderer) render(e rehearsal.Entry, b content.Bindings) (string, error) {
	templates := r.loaded[e.Campaign].Templates
	switch m := e.Content.Step.(type) {
	case *campaign.EmailStep:
		b["unsubscribe_url"] = "https://unsubscribe.example/"
		compiled, err := activities.CompileEmail(m, templates)
		if err != nil {
			return "", err
		}
		rendered, err := compiled.For(e.Content.Recipient.Locale).Render(r.ctx, b)
		if err != nil {
			return "", err
		}
		return rendered.Subject + "\n" + rendered.Text, nil
	case *campaign.SMSStep:
		compiled, err := activities.CompileSMS(m, templates)
		if err != nil {
			return "", err
		}
		return compiled.For(e.Content.Recipient.Locale).Render(r.ctx, b)
	}
	compiled, err := content.CompileText(e.Text)
	if err != nil {
		return "", err
	}
	return compiled.Render(r.ctx, b)
}
