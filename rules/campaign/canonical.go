package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dotyk/rules"
)

// Canonical gives the campaign as JSON in its one canonical form: defaults left out, short forms written out, every id
// present, durations as rules.FormatDuration writes them, fields in a fixed order. Two files that mean the same give the
// same bytes, and Decode reads them back.
func (d *Definition) Canonical() ([]byte, error) { return slices.Clone(d.canonical), nil }

// Hash is the SHA-256 of Canonical, in lower-case hexadecimal.
func (d *Definition) Hash() string { return d.hash }

// Decode reads what Canonical gave. The error is Violations, if this version of the language no longer accepts it.
func Decode(canonical []byte) (*Definition, error) { return Parse(canonical) }

// seal computes the canonical form and its hash.
func (d *Definition) seal() error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(canonicalDefinition(d)); err != nil {
		return fmt.Errorf("encode campaign: %w", err)
	}
	d.canonical = bytes.TrimSpace(b.Bytes())
	sum := sha256.Sum256(d.canonical)
	d.hash = hex.EncodeToString(sum[:])
	return nil
}

// The canonical form. The order of the fields here is their order in it.
type (
	formDefinition struct {
		Campaign      string      `json:"campaign"`
		Trigger       formTrigger `json:"trigger"`
		Key           string      `json:"key,omitempty"`
		Reenter       any         `json:"reenter,omitempty"` // "always" or formReenter
		Topic         string      `json:"topic,omitempty"`
		Transactional bool        `json:"transactional,omitempty"`
		Priority      int         `json:"priority,omitempty"`
		Goal          *formEvent  `json:"goal,omitempty"`
		Exit          []any       `json:"exit,omitempty"` // a rule as text, or formEvent
		Steps         []formStep  `json:"steps"`
	}
	formTrigger struct {
		Event    string        `json:"event,omitempty"`
		When     string        `json:"when,omitempty"`
		Audience *formAudience `json:"audience,omitempty"`
	}
	formAudience struct {
		Rule string `json:"rule"`
		Once bool   `json:"once"`
	}
	formReenter struct {
		After string `json:"after"`
	}
	formEvent struct {
		Event  string `json:"event"`
		When   string `json:"when,omitempty"`
		Within string `json:"within,omitempty"`
	}
	formStep struct {
		Email   *formEmail   `json:"email,omitempty"`
		SMS     *formSMS     `json:"sms,omitempty"`
		Wait    *formWait    `json:"wait,omitempty"`
		WaitFor *formWaitFor `json:"wait_for,omitempty"`
		Branch  *formBranch  `json:"branch,omitempty"`
		Update  *formUpdate  `json:"update,omitempty"`
		Exit    *formExit    `json:"exit,omitempty"`
	}
	formEmail struct {
		ID       string `json:"id"`
		Template string `json:"template,omitempty"`
		Subject  string `json:"subject,omitempty"`
		HTML     string `json:"html,omitempty"`
		Text     string `json:"text,omitempty"`
	}
	formSMS struct {
		ID       string `json:"id"`
		Text     string `json:"text,omitempty"`
		Template string `json:"template,omitempty"`
	}
	formWait struct {
		ID  string `json:"id"`
		For string `json:"for"`
	}
	formWaitFor struct {
		ID      string `json:"id"`
		Event   string `json:"event"`
		When    string `json:"when,omitempty"`
		Timeout string `json:"timeout"`
	}
	formBranch struct {
		ID   string `json:"id"`
		Arms []any  `json:"arms"` // formArm or formElse
	}
	formArm struct {
		When  string     `json:"when"`
		Steps []formStep `json:"steps"`
	}
	formElse struct {
		Else []formStep `json:"else"`
	}
	formUpdate struct {
		ID         string            `json:"id"`
		Set        map[string]string `json:"set,omitempty"` // encoding/json sorts the names
		AddTags    []string          `json:"add_tags,omitempty"`
		RemoveTags []string          `json:"remove_tags,omitempty"`
	}
	formExit struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
)

func canonicalDefinition(d *Definition) formDefinition {
	form := formDefinition{
		Campaign: d.Name, Key: source(d.Key), Topic: d.Topic, Transactional: d.Transactional, Priority: d.Priority,
		Steps: canonicalSteps(d.Steps),
	}
	switch t := d.Trigger.(type) {
	case EventTrigger:
		form.Trigger = formTrigger{Event: t.Event, When: source(t.When)}
	case AudienceTrigger:
		form.Trigger = formTrigger{Audience: &formAudience{Rule: source(t.Rule), Once: t.Once}}
	}
	switch d.Reenter.Mode {
	case ReenterAlways:
		form.Reenter = string(ReenterAlways)
	case ReenterAfter:
		form.Reenter = formReenter{After: rules.FormatDuration(d.Reenter.After)}
	case ReenterNever:
	}
	if g := d.Goal; g != nil {
		form.Goal = &formEvent{Event: g.Event, When: source(g.When), Within: optional(g.Within)}
	}
	for _, exit := range d.Exit {
		if exit.Rule != nil {
			form.Exit = append(form.Exit, exit.Rule.Source())
		} else {
			form.Exit = append(form.Exit, formEvent{Event: exit.Event, When: source(exit.When)})
		}
	}
	return form
}

func canonicalSteps(steps []Step) []formStep {
	forms := make([]formStep, len(steps))
	for i, step := range steps {
		switch s := step.(type) {
		case *EmailStep:
			forms[i].Email = &formEmail{ID: s.ID, Template: s.Template, Subject: s.Subject, HTML: s.HTML, Text: s.Text}
		case *SMSStep:
			forms[i].SMS = &formSMS{ID: s.ID, Text: s.Text, Template: s.Template}
		case *WaitStep:
			forms[i].Wait = &formWait{ID: s.ID, For: rules.FormatDuration(s.For)}
		case *WaitForStep:
			forms[i].WaitFor = &formWaitFor{
				ID: s.ID, Event: s.Event, When: source(s.When), Timeout: rules.FormatDuration(s.Timeout),
			}
		case *BranchStep:
			forms[i].Branch = canonicalBranch(s)
		case *UpdateStep:
			forms[i].Update = canonicalUpdate(s)
		case *ExitStep:
			forms[i].Exit = &formExit{ID: s.ID, Reason: s.Reason}
		}
	}
	return forms
}

func canonicalBranch(s *BranchStep) *formBranch {
	form := &formBranch{ID: s.ID}
	for _, arm := range s.Arms {
		if arm.When == nil {
			form.Arms = append(form.Arms, formElse{Else: canonicalSteps(arm.Steps)})
		} else {
			form.Arms = append(form.Arms, formArm{When: arm.When.Source(), Steps: canonicalSteps(arm.Steps)})
		}
	}
	return form
}

func canonicalUpdate(s *UpdateStep) *formUpdate {
	form := &formUpdate{ID: s.ID, AddTags: s.AddTags, RemoveTags: s.RemoveTags}
	if len(s.Set) > 0 {
		form.Set = make(map[string]string, len(s.Set))
	}
	for _, a := range s.Set {
		form.Set[a.Attribute] = a.Value.Source()
	}
	return form
}

// source is the text of a rule that may be absent.
func source(r *rules.Rule) string {
	if r == nil {
		return ""
	}
	return r.Source()
}

func optional(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return rules.FormatDuration(d)
}
