package campaigns

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// WhyCheck is one thing that decides whether a customer enters.
type WhyCheck struct {
	About       string             `json:"about" enum:"campaign,trigger,rule,key,reachable,holdout,reentry"`
	OK          bool               `json:"ok"`
	Text        string             `json:"text" doc:"What was found, in words; moments are in UTC."`
	At          time.Time          `json:"at,omitzero" doc:"Of a trigger: the moment ahead at which it lets the customer in, where it has one."`
	Explanation *rules.Explanation `json:"explanation,omitempty" doc:"Of a rule: the value of each part."`
}

// What a WhyCheck is about.
const (
	AboutCampaign  = "campaign"  // does anybody enter it
	AboutTrigger   = "trigger"   // did what lets customers enter happen
	AboutRule      = "rule"      // does the trigger's rule hold
	AboutKey       = "key"       // has the campaign's key a value
	AboutReachable = "reachable" // can the customer be reached by the channels that must be
	AboutHoldout   = "holdout"   // is the customer kept out, to compare with
	AboutReentry   = "reentry"   // do the journeys so far allow another
)

// judge finds out whether a customer would enter a campaign now, as the engine would, but to tell of it.
type judge struct {
	service *Service
	ws      int64
	policy  campaign.Policy
	now     time.Time
	story   *store.Story

	definition *campaign.Definition
	event      *audience.Event // the latest that could have triggered
	request    *audience.Event // the latest that asked for the customer to enter
	env        rules.Env
	past       []campaign.Past
	sent       []campaign.Message // marketing messages that caps count
	list       []WhyCheck
}

// load reads what the checks look at.
func (j *judge) load(ctx context.Context, tx *store.Tx) error {
	c, k := j.story.Customer.ID, j.story.Campaign
	v, err := tx.LoadVersion(ctx, k.ID, k.Version)
	if err != nil {
		return err
	}
	j.definition = v.Definition
	if name, properties := triggering(j.definition); name != "" {
		if j.event, err = lastEvent(ctx, tx, c, name, properties); err != nil {
			return err
		}
	}
	if j.request, err = lastEvent(ctx, tx, c, audience.EventRequested, map[string]any{"campaign": k.Name}); err != nil {
		return err
	}
	needs := j.definition.TriggerNeeds()
	needs.Consents = needs.Consents || len(j.definition.Reachable) > 0
	if when := j.definition.Reenter.When; when != nil {
		needs = needs.Merge(when.Needs())
	}
	facts, err := tx.Facts(ctx, []string{c}, needs, j.now)
	if err != nil {
		return err
	}
	j.env = rules.Env{Facts: facts[c], Now: j.now}
	past, err := tx.PastJourneys(ctx, []string{c}, []string{k.ID})
	if err != nil {
		return err
	}
	j.past = past[store.Run{CustomerID: c, CampaignID: k.ID}]
	if window := j.policy.Window(); window > 0 && len(j.definition.Reachable) > 0 && !j.definition.Transactional {
		contacts, err := tx.Contacts(ctx, []audience.Customer{j.story.Customer}, j.now.Add(-window))
		if err != nil {
			return err
		}
		j.sent = contacts.Sent[c]
	}
	return nil
}

// triggering names the event that lets customers enter, and what it must say.
func triggering(d *campaign.Definition) (name string, properties map[string]any) {
	if t, ok := d.Trigger.(campaign.SegmentTrigger); ok {
		return d.TriggerEvent(), map[string]any{"segment": t.Segment}
	}
	return d.TriggerEvent(), nil
}

// lastEvent is nil where there never was one.
func lastEvent(ctx context.Context, tx *store.Tx, customer, name string, properties map[string]any) (*audience.Event, error) {
	e, err := tx.LastEvent(ctx, customer, name, properties)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil //nolint:nilnil // that it never happened is an answer
	}
	return &e, err
}

func (j *judge) add(about string, ok bool, format string, args ...any) *WhyCheck {
	j.list = append(j.list, WhyCheck{About: about, OK: ok, Text: fmt.Sprintf(format, args...)})
	return &j.list[len(j.list)-1]
}

// checks makes them in the order in which the engine does.
func (j *judge) checks(ctx context.Context) ([]WhyCheck, error) {
	j.status()
	key, err := j.trigger(ctx)
	if err != nil {
		return nil, err
	}
	may, why := j.definition.MayEnter(j.past, key, j.env)
	check := j.add(AboutReentry, may, "%s", why)
	if rule, env := j.definition.ReentryRule(j.past, key, j.env); rule != nil {
		check.Explanation = rule.Explain(env)
	}
	j.reachable()
	if out, why := j.definition.HoldsOut(j.story.Customer.ID, j.policy); out {
		j.add(AboutHoldout, false, "kept out, to compare with: %s", why)
	}
	return j.list, nil
}

func (j *judge) status() {
	k := j.story.Campaign
	since := moment(k.UpdatedAt)
	if k.Note != "" {
		since += " (" + k.Note + ")"
	}
	switch k.Status {
	case store.Live:
		j.add(AboutCampaign, true, "the campaign is live as version %d since %s", k.Version, moment(k.Published))
	case store.Paused:
		j.add(AboutCampaign, false, "the campaign is paused since %s: nobody enters, and journeys wait", since)
	case store.Stopped:
		j.add(AboutCampaign, false, "the campaign is stopped since %s: nobody enters", since)
	case store.Archived:
		j.add(AboutCampaign, false, "the campaign is archived since %s: nobody enters", since)
	}
}

// trigger judges what lets customers enter, and gives the key that the journey would have.
func (j *judge) trigger(ctx context.Context) (key string, err error) {
	switch t := j.definition.Trigger.(type) {
	case campaign.EventTrigger:
		return j.eventTrigger(t.Event, t.When), nil
	case campaign.SegmentTrigger:
		return j.segmentTrigger(ctx, t)
	case campaign.ScheduleTrigger:
		j.scheduleTrigger()
		return j.rule(t.Audience, j.env), nil
	case campaign.DateTrigger:
		j.dateTrigger(t)
		return j.rule(t.When, j.env), nil
	case campaign.AudienceTrigger:
		j.audienceTrigger(t)
		return j.rule(t.Rule, j.env), nil
	case campaign.APITrigger:
		return j.requested(t), nil
	}
	return "", nil
}

// rule explains the trigger's rule and evaluates the campaign's key.
func (j *judge) rule(rule *rules.Rule, env rules.Env) (key string) {
	if rule != nil {
		x := rule.Explain(env)
		text := "the rule holds"
		switch {
		case x.Error != "":
			text = "the rule cannot be evaluated: " + x.Error
		case !x.Holds:
			text = "the rule does not hold"
			if len(x.Changes) > 0 {
				text += ": " + strings.Join(x.Changes, "; ")
			}
		}
		j.add(AboutRule, x.Holds, "%s", text).Explanation = x
	}
	return j.key(env)
}

// key evaluates the campaign's key.
func (j *judge) key(env rules.Env) string {
	if j.definition.Key == nil {
		return ""
	}
	value, err := j.definition.Key.Value(env)
	switch {
	case err != nil:
		j.add(AboutKey, false, "the key %s cannot be evaluated: %v", j.definition.Key.Source(), err)
	case value == nil || value == "":
		j.add(AboutKey, false, "the key %s has no value", j.definition.Key.Source())
	default:
		j.add(AboutKey, true, "the key %s is %v", j.definition.Key.Source(), value)
		return fmt.Sprint(value)
	}
	return ""
}

func (j *judge) eventTrigger(name string, when *rules.Rule) string {
	first := j.story.Campaign.FirstPublished
	switch {
	case j.event == nil:
		j.add(AboutTrigger, false, "%s never happened to this customer", name)
		return ""
	case j.event.ReceivedAt.Before(first):
		j.add(AboutTrigger, false, "%s happened last on %s, before the campaign was published on %s", name,
			moment(j.event.OccurredAt), moment(first))
	default:
		j.add(AboutTrigger, true, "%s happened last on %s", name, moment(j.event.OccurredAt))
	}
	j.env.Entry = j.event.Properties
	env := j.env
	env.Event = j.event
	return j.rule(when, env)
}

// segmentTrigger tells since when the customer is in the segment, or why not.
func (j *judge) segmentTrigger(ctx context.Context, t campaign.SegmentTrigger) (string, error) {
	x, err := segments.New(j.service.Store).Explain(ctx, j.ws, t.Segment, j.story.Customer.ID, time.Time{})
	if errors.Is(err, store.ErrNotFound) {
		j.add(AboutTrigger, false, "there is no segment %q any more", t.Segment)
		return "", nil
	}
	if err != nil {
		return "", err
	}
	first := j.story.Campaign.FirstPublished
	changed, at := len(x.History) > 0, time.Time{}
	if changed {
		at = x.History[0].At
	}
	switch {
	case t.Left && x.Member:
		j.add(AboutTrigger, false, "the customer is in segment %s, and leaving it is what counts", t.Segment)
	case t.Left && !changed:
		j.add(AboutTrigger, false, "the customer never was in segment %s", t.Segment)
	case t.Left:
		j.add(AboutTrigger, !at.Before(first), "the customer left segment %s on %s%s", t.Segment, moment(at), before(at, first))
	case !x.Member:
		left := "never was"
		if changed {
			left = "left it on " + moment(at)
		}
		j.add(AboutTrigger, false, "the customer is not in segment %s and %s", t.Segment, left).Explanation = x.Explanation
	default:
		j.add(AboutTrigger, t.Existing || !at.Before(first), "the customer is in segment %s since %s%s", t.Segment, moment(at), before(at, first))
	}
	env := j.env
	if j.event != nil {
		j.env.Entry = j.event.Properties
		env.Event, env.Entry = j.event, j.event.Properties
	}
	return j.rule(t.When, env), nil
}

// before adds that something was too early to count.
func before(at, published time.Time) string {
	if at.Before(published) {
		return ", before the campaign was published on " + moment(published)
	}
	return ""
}

func (j *judge) scheduleTrigger() {
	next, ok := j.next()
	if !ok {
		j.add(AboutTrigger, false, "the schedule has no moment ahead at which the customer could enter")
		return
	}
	j.add(AboutTrigger, true, "the customer may enter at the next moment of the schedule, %s", moment(next)).At = utc(next)
}

// next is when the customer may next enter by a schedule.
func (j *judge) next() (time.Time, bool) {
	k := j.story.Campaign
	for _, zone := range []string{"", j.story.Customer.Timezone, k.Zone, "UTC"} {
		if at, ok := k.Next[zone]; ok {
			return at, true
		}
	}
	return time.Time{}, false
}

func (j *judge) dateTrigger(t campaign.DateTrigger) {
	c := j.story.Customer
	value, ok := c.Attributes[t.Attribute]
	if t.Attribute == "created_at" {
		value, ok = c.CreatedAt.Format(time.RFC3339), true
	}
	if !ok || value == nil || value == "" {
		j.add(AboutTrigger, false, "the record has no %s", t.Attribute)
		return
	}
	at, day, ok := t.DateAt(value, c.Timezone, j.story.Campaign.Zone, j.now)
	if !ok {
		j.add(AboutTrigger, false, "%s is %v, for which there is no moment ahead", t.Attribute, value)
		return
	}
	j.add(AboutTrigger, true, "%s is %v: the customer enters on %s, for %s", t.Attribute, value, moment(at), day).At = utc(at)
}

func (j *judge) audienceTrigger(t campaign.AudienceTrigger) {
	k := j.story.Campaign
	judged := k.Published
	if t.At.After(judged) {
		judged = t.At
	}
	switch {
	case k.Entering:
		j.add(AboutTrigger, true, "the audience is on its way into the campaign")
	case judged.After(j.now):
		j.add(AboutTrigger, true, "the audience enters on %s", moment(judged)).At = utc(judged)
	case t.Once:
		j.add(AboutTrigger, false, "everybody was judged once, on %s; who comes to fit later does not enter", moment(judged))
	default:
		j.add(AboutTrigger, true, "the customer enters when the rule comes to hold because something happened")
	}
}

// requested tells whether somebody asked for the customer to enter.
func (j *judge) requested(t campaign.APITrigger) string {
	if j.request == nil {
		j.add(AboutTrigger, false, "only those enter for whom a program, a person or another campaign asks, and nobody did")
		return j.rule(t.When, j.env)
	}
	j.add(AboutTrigger, true, "asked for last on %s", moment(j.request.OccurredAt))
	j.env.Entry, _ = j.request.Properties["data"].(map[string]any)
	return j.rule(t.When, j.env)
}

// reachable checks the channels by which the customer must be reachable.
func (j *judge) reachable() {
	for _, channel := range j.definition.Reachable {
		if refusal := j.unreachable(channel); refusal != "" {
			j.add(AboutReachable, false, "not reachable by %s: %s", channel, refusal)
			continue
		}
		j.add(AboutReachable, true, "reachable by %s", channel)
	}
}

// unreachable says why a customer cannot be reached by a channel; "" when she can.
func (j *judge) unreachable(channel audience.Channel) string {
	contact := campaign.Contact{
		Channel: channel, Customer: j.story.Customer, Topic: j.env.Topics[j.definition.Topic], Consents: j.env.Consents,
		Sent: j.sent,
	}
	for _, s := range j.story.Suppressions {
		if s.Channel == channel {
			contact.Suppressed = fmt.Sprintf("the address is suppressed since %s: %s", moment(s.At), s.Reason)
			break
		}
	}
	return j.definition.Unreachable(contact, j.policy, j.now)
}
