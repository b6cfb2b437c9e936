package campaigns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Why tells why a customer got what she got by a campaign, or why she did not.
type Why struct {
	Customer WhyCustomer           `json:"customer"`
	Campaign store.StoryCampaign   `json:"campaign"`
	At       time.Time             `json:"at" doc:"The moment for which the checks were made."`
	Answer   string                `json:"answer" doc:"The answer in one or two sentences; moments are in UTC."`
	Journeys []WhyJourney          `json:"journeys" doc:"What happened, the oldest first."`
	Refusals []store.StoryDecision `json:"refusals" doc:"When the customer was judged and did not enter, the oldest first."`
	Checks   []WhyCheck            `json:"checks" doc:"Whether the customer would enter now: the first that is not ok stands in the way."`
}

// WhyCustomer says who the customer is.
type WhyCustomer struct {
	ID         string `json:"customer_id"`
	ExternalID string `json:"external_id,omitempty"`
	Email      string `json:"email,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Name       string `json:"name,omitempty"`
}

// WhyJourney is one journey with everything that came of it.
type WhyJourney struct {
	store.StoryJourney

	Standing  *Standing             `json:"standing,omitempty" doc:"Where an active journey waits."`
	Arms      map[string]string     `json:"arms,omitempty" doc:"Which way the customer went, by the id of the split."`
	Decisions []store.StoryDecision `json:"decisions"`
	Messages  []store.StoryMessage  `json:"messages" doc:"Messages, webhooks, calls, tasks and notes."`
	Tasks     []store.StoryTask     `json:"tasks,omitempty"`
	Coupons   []store.StoryCoupon   `json:"coupons,omitempty"`
}

// Standing is where an active journey waits.
type Standing struct {
	Step  string    `json:"step" doc:"Id of the step; empty before the first."`
	Kind  string    `json:"kind,omitempty" doc:"wait, wait_for, split, webhook or journey."`
	Since time.Time `json:"since,omitzero" doc:"From when the step counts its time."`
	Until time.Time `json:"until,omitzero" doc:"When it is looked at again at the latest; left out where only an event can move it."`
	For   []string  `json:"for" doc:"What may move it before: events, and what may change of the customer."`
}

// Why answers for one customer, given by our id, the site's id, e-mail or phone. store.ErrNotFound names what there is not.
func (s *Service) Why(ctx context.Context, ws int64, customer, name string) (*Why, error) {
	c, err := s.Store.FindCustomer(ctx, ws, customer)
	if err != nil {
		return nil, err
	}
	policy, err := s.Store.Policy(ctx, ws)
	if err != nil {
		return nil, err
	}
	w := &Why{At: s.Now().UTC()}
	var story *store.Story
	j := &judge{service: s, ws: ws, policy: policy, now: w.At}
	err = s.Store.In(ctx, ws, func(tx *store.Tx) error {
		var err error
		if story, err = tx.Story(ctx, c.ID, name); err != nil {
			return err
		}
		if err := w.tell(ctx, tx, story); err != nil {
			return err
		}
		j.story = story
		return j.load(ctx, tx)
	})
	if err != nil {
		return nil, err
	}
	if w.Checks, err = j.checks(ctx); err != nil {
		return nil, err
	}
	w.Answer = w.answer()
	return w, nil
}

// tell sorts the story by journeys.
func (w *Why) tell(ctx context.Context, tx *store.Tx, s *store.Story) error {
	c := s.Customer
	w.Customer = WhyCustomer{ID: c.ID, ExternalID: c.ExternalID, Email: c.Email, Phone: c.Phone, Name: c.Name}
	w.Campaign = s.Campaign
	w.Journeys, w.Refusals = make([]WhyJourney, 0, len(s.Journeys)), []store.StoryDecision{}
	kinds := map[int]map[string]string{} // of steps at which journeys can stand, by version
	for _, j := range s.Journeys {
		told := WhyJourney{StoryJourney: j, Decisions: []store.StoryDecision{}, Messages: []store.StoryMessage{}}
		if j.Status == campaign.Active {
			if kinds[j.Version] == nil {
				v, err := tx.LoadVersion(ctx, s.Campaign.ID, j.Version)
				if err != nil {
					return err
				}
				kinds[j.Version] = map[string]string{}
				for _, r := range v.Definition.Rests() {
					kinds[j.Version][r.Step] = r.Kind
				}
			}
			told.Standing = standing(j, kinds[j.Version][j.Position.Step])
		}
		for step, result := range j.Position.Results {
			if arm, ok := result.Event["arm"].(string); ok {
				if told.Arms == nil {
					told.Arms = map[string]string{}
				}
				told.Arms[step] = arm
			}
		}
		told.Messages = append(told.Messages, of(s.Messages, func(m store.StoryMessage) bool { return m.JourneyID == j.ID })...)
		told.Decisions = append(told.Decisions, of(s.Decisions, func(d store.StoryDecision) bool { return d.JourneyID == j.ID })...)
		told.Tasks = of(s.Tasks, func(t store.StoryTask) bool { return t.JourneyID == j.ID })
		told.Coupons = of(s.Coupons, func(c store.StoryCoupon) bool { return c.JourneyID == j.ID })
		w.Journeys = append(w.Journeys, told)
	}
	w.Refusals = append(w.Refusals, of(s.Decisions, func(d store.StoryDecision) bool { return d.JourneyID == "" })...)
	return nil
}

// of keeps what belongs to something.
func of[T any](list []T, belongs func(T) bool) []T {
	var kept []T
	for _, v := range list {
		if belongs(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

func standing(j store.StoryJourney, kind string) *Standing {
	return &Standing{
		Step: j.Position.Step, Kind: kind, Since: utc(j.Position.Began), Until: utc(j.DueAt), For: listening(j.ListensTo),
	}
}

// listening puts into words what a journey listens to: "order_completed", "customer.timezone".
func listening(to []string) []string {
	list := make([]string, 0, len(to))
	for _, what := range to {
		mention, changed := strings.CutPrefix(what, campaign.Changed(""))
		switch {
		case !changed:
			list = append(list, what)
		case strings.HasSuffix(mention, ":*"): // besides each field of the record
		default:
			kind, name, _ := strings.Cut(mention, ":")
			switch {
			case name == "":
				list = append(list, "a change of "+kind)
			case kind == "customer":
				list = append(list, "a change of customer."+name)
			default:
				list = append(list, fmt.Sprintf("a change of %s %s", kind, name))
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// answer puts it into a sentence or two.
func (w *Why) answer() string {
	if len(w.Journeys) == 0 {
		return w.absence()
	}
	last := w.Journeys[len(w.Journeys)-1]
	var b strings.Builder
	switch last.Status {
	case campaign.HeldOut:
		fmt.Fprintf(&b, "held out on %s, to compare with: %s", moment(last.EnteredAt), held(last))
	case campaign.Active:
		fmt.Fprintf(&b, "entered on %s and is under way: %s", moment(last.EnteredAt), last.Standing)
	case campaign.Finished, campaign.Exited, campaign.Converted:
		fmt.Fprintf(&b, "entered on %s and %s on %s", moment(last.EnteredAt), ending(last.StoryJourney), moment(last.EndedAt))
	}
	for _, m := range last.Messages {
		if note := unsent(m); note != "" {
			fmt.Fprintf(&b, "; %s %s %s", m.Channel, m.Step, note)
		}
	}
	return b.String()
}

// absence says why somebody who never entered did not.
func (w *Why) absence() string {
	for _, c := range w.Checks {
		if !c.OK && c.About == AboutCampaign {
			return "did not enter: " + c.Text
		}
	}
	if n := len(w.Refusals); n > 0 {
		last := w.Refusals[n-1]
		return fmt.Sprintf("did not enter when judged on %s: %s", moment(last.At), last.Reason)
	}
	for _, c := range w.Checks {
		if !c.OK {
			return "did not enter: " + c.Text
		}
	}
	for _, c := range w.Checks {
		if !c.At.IsZero() {
			return "did not enter so far: " + c.Text
		}
	}
	return "did not enter so far, and nothing stands in the way now: what would let the customer enter was not picked up yet, " +
		"was imported as history, or came to hold after the customer was judged"
}

// held gives the reason of a holdout.
func held(j WhyJourney) string {
	for _, d := range j.Decisions {
		if d.Kind == campaign.DecisionTrigger {
			return d.Reason
		}
	}
	return j.Reason
}

// String says where a journey stands and until when.
func (s *Standing) String() string {
	var b strings.Builder
	if s.Step == "" {
		b.WriteString("before the first step")
	} else {
		fmt.Fprintf(&b, "at step %s", s.Step)
		if s.Kind != "" {
			fmt.Fprintf(&b, " (%s)", s.Kind)
		}
	}
	if !s.Until.IsZero() {
		fmt.Fprintf(&b, " until %s", moment(s.Until))
	}
	return b.String()
}

func ending(j store.StoryJourney) string {
	switch {
	case j.Status == campaign.Converted:
		return "reached the goal"
	case j.Status == campaign.Finished:
		return "walked to the end"
	case j.Reason != "":
		return "left: " + j.Reason + ","
	}
	return "left"
}

// unsent says why a message is not with the customer; "" when it is, or is no message.
func unsent(m store.StoryMessage) string {
	switch m.Status {
	case audience.Planned:
		if m.NotBefore.IsZero() {
			return "is planned"
		}
		return strings.TrimSuffix(fmt.Sprintf("is held back until %s: %s", moment(m.NotBefore), m.Outcome), ": ")
	case audience.Suppressed:
		return "was not sent: " + m.Outcome
	case audience.Failed:
		return "failed: " + m.Outcome
	case audience.Uncertain:
		return "may have been sent: " + m.Outcome
	case audience.Claimed, audience.Accepted, audience.Delivered, audience.Recorded:
	}
	return ""
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
