package segments

import (
	"context"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// Explained says why a customer belongs to a segment, or does not.
type Explained struct {
	Segment     store.Segment      `json:"segment"`
	Customer    audience.Customer  `json:"customer"`
	At          time.Time          `json:"at"`
	Member      bool               `json:"member"`                // as kept
	Holds       bool               `json:"holds"`                 // as judged; of a list the same as Member
	Explanation *rules.Explanation `json:"explanation,omitempty"` // nil for a list
	Problem     string             `json:"problem,omitempty"`     // why the rule could not be evaluated
	History     []Transition       `json:"history"`               // newest first
	NextCheck   time.Time          `json:"next_check,omitzero"`   // when time alone may change the answer; zero: never
}

// historyShown is how many joinings and leavings an explanation looks back on.
const historyShown = 1000

// Explain judges one customer, given by our id, the site's id, e-mail or phone, at a moment; the zero moment is now. Of
// a past moment it knows the events, consents, messages and journeys up to it; fields and attributes are those of now.
func (s *Service) Explain(ctx context.Context, ws int64, segment, customer string, at time.Time) (Explained, error) {
	now := at.IsZero()
	if now {
		at = s.Now()
	}
	seg, err := s.Store.Segment(ctx, ws, segment)
	if err != nil {
		return Explained{}, err
	}
	c, err := s.Store.FindCustomer(ctx, ws, customer)
	if err != nil {
		return Explained{}, err
	}
	e := Explained{Segment: seg, Customer: c, At: at}
	if e.History, err = s.History(ctx, ws, segment, c.ID, historyShown); err != nil {
		return Explained{}, err
	}
	for _, change := range e.History {
		if now || !change.At.After(at) {
			e.Member = change.Joined
			break
		}
	}
	if seg.Kind == store.SegmentStatic {
		e.Holds = e.Member
		return e, nil
	}
	return e, s.judge(ctx, ws, &e)
}

func (s *Service) judge(ctx context.Context, ws int64, e *Explained) error {
	rule, err := compile(e.Segment.Rule, nil)
	if err != nil {
		e.Problem = err.Error()
		return nil //nolint:nilerr // what is wrong with the rule is the answer
	}
	var facts map[string]rules.Facts
	err = s.Store.In(ctx, ws, func(tx *store.Tx) error {
		var err error
		facts, err = tx.Facts(ctx, []string{e.Customer.ID}, rule.Needs(), e.At)
		return err
	})
	if err != nil {
		return err
	}
	env := rules.Env{Facts: facts[e.Customer.ID], Now: e.At}
	e.Explanation = rule.Explain(env)
	if e.Holds, e.NextCheck, err = rule.Watch(env); err != nil {
		e.Problem = err.Error()
	}
	return nil
}
