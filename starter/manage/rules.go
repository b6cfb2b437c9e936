package manage

import (
	"context"

	"dotyk/rules"
)

type previewInput struct {
	Body struct {
		Rule string `json:"rule" minLength:"1"`
		At   string `json:"at,omitempty" maxLength:"100" doc:"A past moment for which to judge, as 2026-01-31 (midnight UTC) or 2026-01-31T09:00:00Z; now when left out."`
	}
}

func (s *server) preview(ctx context.Context, ws int64, in *previewInput) (*body[Preview], error) {
	ctx, cancel := context.WithTimeout(ctx, s.PreviewTimeout)
	defer cancel()
	at, err := moment("body.at", in.Body.At)
	if err != nil {
		return nil, err
	}
	p, err := s.segments.Preview(ctx, ws, in.Body.Rule, at)
	if err != nil {
		return nil, err
	}
	return answerWith(NewPreview(p)), nil
}

type checkInput struct {
	Body struct {
		Rule  string `json:"rule" minLength:"1"`
		Event string `json:"event,omitempty" maxLength:"200" doc:"The event that the rule judges, as a trigger's rule does: then event.<property> may be used."`
	}
}

// Checked is a rule that can be used.
type Checked struct {
	OK       bool     `json:"ok" doc:"Always true: a rule that is wrong is a problem with the code bad_rule."`
	Warnings []Fault  `json:"warnings" doc:"What is doubtful, such as a name that was never seen."`
	Needs    []string `json:"needs" doc:"A change of which of these may change the answer."`
	Clock    bool     `json:"clock" doc:"The passing of time alone may change the answer."`
}

// NewChecked shows a compiled rule.
func NewChecked(r *rules.Rule) Checked {
	needs := r.Needs()
	return Checked{OK: true, Warnings: NewFaults(r.Warnings()), Needs: filled(needs.Mentions()), Clock: needs.Clock}
}

func (s *server) checkRule(ctx context.Context, ws int64, in *checkInput) (*body[Checked], error) {
	rule, err := s.compile(ctx, ws, in.Body.Rule, in.Body.Event)
	if err != nil {
		return nil, err
	}
	return answerWith(NewChecked(rule)), nil
}

// compile checks a rule of a segment, or one that judges an event.
func (s *server) compile(ctx context.Context, ws int64, rule, event string) (*rules.Rule, error) {
	if event == "" {
		return s.segments.Check(ctx, ws, rule)
	}
	schema, err := s.Store.Schema(ctx, ws)
	if err != nil {
		return nil, err
	}
	return rules.Compile(rule, rules.Options{Event: true, EventName: event, Schema: schema})
}
