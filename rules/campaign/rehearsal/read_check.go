package rehearsal

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// numbered stands, in a group, for the number of each.
const numbered = "{{n}}"

// afterwards is how long a scenario goes on, if it does not say, behind the last moment that it mentions.
const afterwards = 30 * 24 * time.Hour

// check finds what cannot be meant.
func (r *reader) check(s *Scenario) {
	if s.Name == "" {
		r.report(Place{1, 1}, "scenario", campaign.CodeMissingField, "the scenario has no name", `Add "scenario: <name>".`)
	}
	if len(s.Campaigns) == 0 {
		r.report(Place{1, 1}, "campaigns", campaign.CodeMissingField, "no campaign is named", `Add "campaigns: [FILE.yaml]".`)
	}
	for name, policy := range s.Topics {
		if !audience.TopicPolicy(policy).Valid() {
			r.report(Place{1, 1}, "topics."+name, campaign.CodeBadValue,
				fmt.Sprintf("the policy of topic %s is %q", name, policy), "Write opt_in, opt_out or double_opt_in.")
		}
	}
	for name, src := range s.Segments {
		if _, err := rules.Compile(src, rules.Options{}); err != nil {
			r.report(Place{1, 1}, "segments."+name, campaign.CodeBadRule, err.Error(), "")
		}
	}
	r.checkPeople(s.Customers)
	names := map[string]bool{}
	for _, p := range s.Customers {
		names[p.ID] = true
		for n := 1; n <= p.Count; n++ {
			names[p.number(p.ID, n)] = true
		}
	}
	for i := range s.Events {
		r.checkEvent(&s.Events[i], fmt.Sprintf("events[%d]", i), names)
	}
	for i := range s.Expect {
		e := &s.Expect[i]
		path := fmt.Sprintf("expect[%d]", i)
		if e.At.IsZero() {
			r.report(e.Place, path+".at", campaign.CodeMissingField, "when it is expected is not said",
				`Add "at: 2026-01-05T10:00:00Z".`)
		}
		r.checkExpectation(e, path, names, 1)
	}
	for i := range s.Never {
		r.checkExpectation(&s.Never[i], fmt.Sprintf("never[%d]", i), names, 0)
	}
	for i := range s.Counts {
		r.checkCount(&s.Counts[i], fmt.Sprintf("counts[%d]", i))
	}
}

func (r *reader) checkPeople(people People) {
	for _, p := range people {
		if path := "customers." + p.ID; strings.Contains(p.ID, numbered) != (p.Count > 0) {
			r.report(p.Place, path, campaign.CodeConflict, "a group has both a count and "+numbered+" in its name",
				"Write "+`"reader{{n}}: {count: 100, …}"`+", or remove both.")
		} else if p.Kind != "" && !p.Kind.Valid() {
			r.report(p.Place, path+".kind", campaign.CodeBadValue, fmt.Sprintf("there is no kind %q of customers", p.Kind),
				"Write client, partner or supplier.")
		}
	}
}

func (r *reader) who(at Place, path, name string, names map[string]bool) {
	switch {
	case name == "":
		r.report(at, path, campaign.CodeMissingField, "no customer is named", `Add "customer: <name>".`)
	case !names[name]:
		advice := "Name her under customers."
		if meant := rules.Suggest(name, slices.Sorted(maps.Keys(names))); meant != "" && len(names) < maxSuggested {
			advice = fmt.Sprintf("Did you mean %q?", meant)
		}
		r.report(at, path, campaign.CodeUnknownName, fmt.Sprintf("there is no customer %q", name), advice)
	}
}

const maxSuggested = 1000 // names among which the one that was meant is searched

func (r *reader) checkEvent(m *Moved, path string, names map[string]bool) {
	if m.At.IsZero() {
		r.report(m.Place, path+".at", campaign.CodeMissingField, "when it happens is not said",
			`Add "at: 2026-01-05T10:00:00Z".`)
	}
	r.who(m.Place, path+".customer", m.Customer, names)
	if len(m.inputs()) == 0 {
		r.report(m.Place, path, campaign.CodeMissingField, "nothing happens here",
			"Give event, update, consent, unsubscribe, suppress, complete, click, open, request, join or leave.")
	}
	if len(m.Arm) > 1 {
		r.report(m.Place, path+".arm", campaign.CodeConflict, "arm names one split", "")
	}
}

func (r *reader) checkExpectation(e *Expectation, path string, names map[string]bool, least int) {
	r.who(e.Place, path+".customer", e.Customer, names)
	if n := len(e.whats()); n < least || n > 1 {
		r.report(e.Place, path, campaign.CodeConflict, fmt.Sprintf("%d things are named here, where one is wanted", n),
			"Give one of email, sms, task, call, note, webhook, coupon, entered, left, held_out, record.")
	}
}

func (r *reader) checkCount(c *Count, path string) {
	if c.Is == nil && c.Min == nil && c.Max == nil {
		r.report(c.Place, path, campaign.CodeMissingField, "how many are wanted is not said", "Give is, or min and max.")
	}
	if len(c.Sum) == 0 && c.what() == "" {
		r.report(c.Place, path, campaign.CodeMissingField, "what is counted is not said",
			"Give email, sms, task, call, entered, not_entered, held_out, left, split with arm, or sum.")
	}
}

// complete fills in what the file leaves out.
func (s *Scenario) complete() {
	if !s.Within.Set {
		s.Within = Span{DefaultWithin, true}
	}
	first, last := s.Start.Time, s.Start.Time
	see := func(m Moment) {
		if !m.IsZero() {
			if first.IsZero() || m.Before(first) {
				first = m.Time
			}
			if m.After(last) {
				last = m.Time
			}
		}
	}
	for _, m := range s.Events {
		see(m.At)
	}
	for _, e := range s.Expect {
		see(e.At)
	}
	if s.Start.IsZero() {
		s.Start.Time = first
	}
	if s.Until.IsZero() {
		s.Until.Time = last.Add(afterwards)
	}
	for i := range s.Expect {
		if !s.Expect[i].Within.Set {
			s.Expect[i].Within = s.Within
		}
	}
	slices.SortStableFunc(s.Events, func(a, b Moved) int { return cmp.Or(a.At.Compare(b.At.Time)) })
}
