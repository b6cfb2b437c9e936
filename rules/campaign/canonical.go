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
	"dotyk/rules/audience"
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
	decoder := json.NewDecoder(bytes.NewReader(d.canonical))
	decoder.UseNumber()
	if err := decoder.Decode(&d.tree); err != nil {
		return fmt.Errorf("decode campaign: %w", err)
	}
	sum := sha256.Sum256(d.canonical)
	d.hash = hex.EncodeToString(sum[:])
	return nil
}

// The canonical form. The order of the fields here is their order in it.
type (
	formDefinition struct {
		Campaign      string             `json:"campaign"`
		Trigger       formTrigger        `json:"trigger"`
		Key           string             `json:"key,omitempty"`
		Reenter       any                `json:"reenter,omitempty"` // "always" or formReenter
		Concurrent    bool               `json:"concurrent,omitempty"`
		Reachable     []audience.Channel `json:"reachable,omitempty"`
		Holdout       string             `json:"holdout,omitempty"`
		Topic         string             `json:"topic,omitempty"`
		Transactional bool               `json:"transactional,omitempty"`
		Priority      int                `json:"priority,omitempty"`
		Tracking      *bool              `json:"tracking,omitempty"` // false, or nil
		Brakes        any                `json:"brakes,omitempty"`   // "none" or formBrakes
		Goal          *formEvent         `json:"goal,omitempty"`
		Exit          []any              `json:"exit,omitempty"` // a rule as text, or formEvent
		Steps         []formStep         `json:"steps"`
	}
	formTrigger struct {
		Event    string        `json:"event,omitempty"`
		Segment  *formSegment  `json:"segment,omitempty"`
		Schedule *formSchedule `json:"schedule,omitempty"`
		Date     *formDate     `json:"date,omitempty"`
		When     string        `json:"when,omitempty"`
		Audience *formAudience `json:"audience,omitempty"`
		API      any           `json:"api,omitempty"` // true or formAPI
	}
	formSegment struct {
		Entered  string `json:"entered,omitempty"`
		Left     string `json:"left,omitempty"`
		Existing bool   `json:"existing,omitempty"`
	}
	formSchedule struct {
		Cron     string    `json:"cron,omitempty"`
		RRule    string    `json:"rrule,omitempty"`
		Zone     string    `json:"zone,omitempty"`
		Audience string    `json:"audience"`
		From     time.Time `json:"from,omitzero"`
		To       time.Time `json:"to,omitzero"`
	}
	formDate struct {
		Attribute string `json:"attribute"`
		Offset    string `json:"offset,omitempty"`
		At        string `json:"at,omitempty"`
		Yearly    bool   `json:"yearly,omitempty"`
		Zone      string `json:"zone,omitempty"`
	}
	formAudience struct {
		Rule string    `json:"rule"`
		Once bool      `json:"once"`
		At   time.Time `json:"at,omitzero"`
	}
	formAPI struct {
		When string `json:"when"`
	}
	formReenter struct {
		After string `json:"after,omitempty"`
		When  string `json:"when,omitempty"`
	}
	formEvent struct {
		Event  string `json:"event"`
		When   string `json:"when,omitempty"`
		Within string `json:"within,omitempty"`
	}
)

func canonicalDefinition(d *Definition) formDefinition {
	form := formDefinition{
		Campaign: d.Name, Trigger: canonicalTrigger(d.Trigger), Key: source(d.Key), Concurrent: d.Concurrent,
		Reachable: d.Reachable,
		Topic:     d.Topic, Transactional: d.Transactional, Priority: d.Priority, Steps: canonicalSteps(d.Steps),
	}
	if d.Holdout > 0 {
		form.Holdout = d.Holdout.String()
	}
	if d.Untracked {
		form.Tracking = new(bool)
	}
	if d.Brakes != nil {
		form.Brakes = d.Brakes.form()
	}
	switch d.Reenter.Mode {
	case ReenterAlways:
		form.Reenter = string(ReenterAlways)
	case ReenterAfter:
		form.Reenter = formReenter{After: rules.FormatDuration(d.Reenter.After)}
	case ReenterWhen:
		form.Reenter = formReenter{When: d.Reenter.When.Source()}
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

func canonicalTrigger(t Trigger) formTrigger {
	switch t := t.(type) {
	case EventTrigger:
		return formTrigger{Event: t.Event, When: source(t.When)}
	case SegmentTrigger:
		form := formTrigger{Segment: &formSegment{Entered: t.Segment, Existing: t.Existing}, When: source(t.When)}
		if t.Left {
			form.Segment = &formSegment{Left: t.Segment}
		}
		return form
	case ScheduleTrigger:
		return formTrigger{Schedule: &formSchedule{
			Cron: t.Schedule.Cron(), RRule: t.Schedule.RRule(), Zone: unless(t.Zone, ZoneWorkspace),
			Audience: source(t.Audience),
			From:     t.From, To: t.To,
		}}
	case DateTrigger:
		form := &formDate{Attribute: t.Attribute, Yearly: t.Yearly, Zone: unless(t.Zone, ZoneCustomer)}
		if t.Days != 0 {
			form.Offset = fmt.Sprintf("%dd", t.Days)
		}
		if t.At != defaultDateAt {
			form.At = t.At.String()
		}
		return formTrigger{Date: form, When: source(t.When)}
	case AudienceTrigger:
		return formTrigger{Audience: &formAudience{Rule: source(t.Rule), Once: t.Once, At: t.At}}
	case APITrigger:
		if t.When != nil {
			return formTrigger{API: formAPI{When: t.When.Source()}}
		}
		return formTrigger{API: true}
	}
	return formTrigger{}
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

// unless is a word, or "" where it is the default.
func unless(word, otherwise string) string {
	if word == otherwise {
		return ""
	}
	return word
}

// optionalUnless is a length of time, or "" where it is the default.
func optionalUnless(d, otherwise time.Duration) string {
	if d == otherwise {
		return ""
	}
	return rules.FormatDuration(d)
}
