package activities

import (
	"context"
	"fmt"
	"maps"
	"time"

	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// carrying turns the effects of a batch of journeys into what the store writes.
type carrying struct {
	*Activities
	tx      *store.Tx
	out     *store.Advanced
	pending []pending
	issued  map[string]map[string]campaign.Coupon // this moment, by journey and step
	staff   staff
}

// pending is an effect of one journey that is to be carried out.
type pending struct {
	d       *store.DueJourney
	v       *version
	effect  campaign.Effect
	coupons map[string]campaign.Coupon // that the journey gave, by step
}

// carryOut adds to what is written. Codes are given out first, because the titles of tasks may show them.
func (c *carrying) carryOut(ctx context.Context) error {
	if err := c.issue(ctx); err != nil {
		return err
	}
	if err := c.staff.prepare(ctx, c); err != nil {
		return err
	}
	for i := range c.pending {
		c.carry(ctx, &c.pending[i])
	}
	return nil
}

func (c *carrying) issue(ctx context.Context) error {
	var list []store.CouponRequest
	for i := range c.pending {
		p := &c.pending[i]
		e, ok := p.effect.(campaign.IssueCoupon)
		if !ok {
			continue
		}
		list = append(list, store.CouponRequest{
			JourneyID: p.d.ID, CustomerID: p.d.Customer.ID, CampaignID: c.out.State.CampaignID, Step: e.Step,
			Iteration: e.Iteration, Pool: e.Coupon.Pool, Prefix: e.Coupon.Prefix, ExpiresAt: e.ExpiresAt,
			Event: e.Coupon.Event, Property: e.Coupon.Property, Transferable: e.Coupon.Transferable,
		})
	}
	if len(list) == 0 {
		return nil
	}
	codes, err := c.tx.IssueCoupons(ctx, list)
	c.issued = map[string]map[string]campaign.Coupon{}
	for i, code := range codes {
		if code.Code == "" { // the pool is empty
			continue
		}
		if c.issued[list[i].JourneyID] == nil {
			c.issued[list[i].JourneyID] = map[string]campaign.Coupon{}
		}
		c.issued[list[i].JourneyID][list[i].Step] = code
	}
	return err
}

// carry carries out one effect.
func (c *carrying) carry(ctx context.Context, p *pending) {
	switch e := p.effect.(type) {
	case campaign.PlanEmail:
		c.message(p, audience.Email, e.Step, e.Iteration, e.Reason, e.At, e.Email)
	case campaign.PlanSMS:
		c.message(p, audience.SMS, e.Step, e.Iteration, e.Reason, e.At, e.SMS)
	case campaign.PlanWebhook:
		c.webhook(p, e)
	case campaign.PlanCall:
		c.task(ctx, p, e.Assign, &store.PlannedTask{
			Step: e.Step, Iteration: e.Iteration, Kind: store.TaskCall, Title: e.Call.Title, Text: e.Call.Script,
			Dial: e.Call.Dial, DueAt: e.DueAt, Reason: e.Reason,
		})
	case campaign.CreateTask:
		c.task(ctx, p, e.Assign, &store.PlannedTask{
			Step: e.Step, Iteration: e.Iteration, Kind: store.TaskToDo, Title: e.Task.Title, Text: e.Task.Text,
			DueAt: e.DueAt, Reason: e.Reason,
		})
	case campaign.WriteNote:
		c.out.Notes = append(c.out.Notes, store.PlannedNote{
			JourneyID: p.d.ID, CustomerID: p.d.Customer.ID, Version: p.d.Version, Step: e.Step, Iteration: e.Iteration,
			Text: c.render(ctx, p, e.Step, "text", p.v.texts[e.Step].text, e.Note.Text),
		})
	case campaign.AssignOwner:
		c.owner(p, e)
	case campaign.UpdateCustomer:
		c.update(p, e)
	case campaign.IssueCoupon:
		if _, ok := c.issued[p.d.ID][e.Step]; !ok {
			c.mistake(p, e.Step, store.OutcomeNoCode, "No code is left in the pool "+e.Coupon.Pool+": the customer got none.")
		}
	case campaign.StartJourney:
		c.out.Requests = append(c.out.Requests, store.JourneyRequest{
			JourneyID: p.d.ID, CustomerID: p.d.Customer.ID, Step: e.Step, Iteration: e.Iteration, Campaign: e.Campaign,
			Data: e.Data, Wait: e.Wait,
		})
	case campaign.RecordDecision:
		c.decide(p, store.Decision{
			EventID: e.EventID, Step: e.Step, Kind: e.Kind, Outcome: e.Outcome, Rule: e.Rule, Reason: e.Reason,
			Values: e.Values,
		})
	}
}

func (c *carrying) decide(p *pending, d store.Decision) {
	d.CustomerID, d.JourneyID = p.d.Customer.ID, p.d.ID
	d.CampaignID, d.Version, d.At = c.out.State.CampaignID, p.d.Version, c.out.Now
	c.out.Decisions = append(c.out.Decisions, d)
}

// mistake records that something could not be done, and that the journey went on without.
func (c *carrying) mistake(p *pending, step, outcome, reason string) {
	c.decide(p, store.Decision{Step: step, Kind: campaign.DecisionError, Outcome: outcome, Reason: reason})
}

func (c *carrying) message(p *pending, channel audience.Channel, step string, iteration int, reason string, at time.Time, m campaign.MessageStep) {
	d := p.v.Definition
	topic := d.Topic
	if d.Transactional {
		topic = ""
	}
	how := m.How()
	planned := store.PlannedMessage{
		JourneyID: p.d.ID, CustomerID: p.d.Customer.ID, Version: p.d.Version, Channel: channel, Step: step,
		Iteration: iteration, Topic: topic, Reason: reason, Transactional: d.Transactional, Priority: d.Priority,
		Quiet: how.Quiet, Fallback: fallback(how.Fallback),
	}
	if !at.IsZero() {
		planned.ExpiresAt = at.Add(wanted(how))
	}
	c.out.Messages = append(c.out.Messages, planned)
}

// wanted is how long a message is wanted.
func wanted(how campaign.Sending) time.Duration {
	if how.Expires == 0 {
		return campaign.DefaultExpires
	}
	return how.Expires
}

// fallback gives the chain of messages that may take the place of one.
func fallback(m campaign.MessageStep) *store.Fallback {
	if m == nil {
		return nil
	}
	how := m.How()
	f := &store.Fallback{
		Step: m.StepID(), Quiet: how.Quiet, Expires: int64(wanted(how).Seconds()), Fallback: fallback(how.Fallback),
	}
	if f.Quiet == "" {
		f.Quiet = campaign.QuietWait
	}
	switch m.(type) {
	case *campaign.EmailStep:
		f.Channel = audience.Email
	case *campaign.SMSStep:
		f.Channel = audience.SMS
	}
	return f
}

func (c *carrying) webhook(p *pending, e campaign.PlanWebhook) {
	body := e.Body
	if body == nil {
		all := c.about(p).bindings()
		body = map[string]any{"customer": all["customer"], "entry": all["entry"], "campaign": all["campaign"]}
	}
	c.out.Messages = append(c.out.Messages, store.PlannedMessage{
		JourneyID: p.d.ID, CustomerID: p.d.Customer.ID, Version: p.d.Version, Channel: audience.Webhook, Step: e.Step,
		Iteration: e.Iteration, Reason: e.Reason, Transactional: true, Quiet: campaign.QuietIgnore,
		ExpiresAt: e.At.Add(patience(e.Webhook)), Detail: map[string]any{"body": body, "url": e.Webhook.URL},
	})
}

// defaultPatience is how long an answer of a server is waited for.
const defaultPatience = time.Hour

func patience(s *campaign.WebhookStep) time.Duration {
	if s.Timeout == 0 {
		return defaultPatience
	}
	return s.Timeout
}

// about is what the texts of a journey may mention, with the codes that it gave this moment.
func (c *carrying) about(p *pending) *about {
	coupons := p.coupons
	if len(c.issued[p.d.ID]) > 0 {
		coupons = map[string]campaign.Coupon{}
		maps.Copy(coupons, p.coupons)
		maps.Copy(coupons, c.issued[p.d.ID])
	}
	return &about{
		customer: p.d.Customer, entry: p.d.Entry, results: p.d.Position.Results, coupons: coupons,
		campaign: c.out.State.Campaign, version: p.d.Version,
	}
}

// render fills in a text for people of the workspace. What cannot be filled in stays as the marketer wrote it: a task with
// an odd title is better than none.
func (c *carrying) render(ctx context.Context, p *pending, step, what string, compiled *content.Text, source string) string {
	err := p.v.broken[step]
	if err == nil {
		var text string
		if text, err = compiled.Render(ctx, c.about(p).bindings()); err == nil {
			return text
		}
	}
	c.mistake(p, step, "not filled in", fmt.Sprintf("The %s could not be filled in: %v.", what, err))
	return source
}

func (c *carrying) task(ctx context.Context, p *pending, to campaign.Assign, t *store.PlannedTask) {
	compiled := p.v.texts[t.Step]
	t.JourneyID, t.CustomerID, t.Version = p.d.ID, p.d.Customer.ID, p.d.Version
	t.Title = c.render(ctx, p, t.Step, "title", compiled.title, t.Title)
	t.Text = c.render(ctx, p, t.Step, "text", compiled.text, t.Text)
	who := c.staff.resolve(p, to)
	t.UserID, t.Assignee, t.Wanted = who.id, who.email, who.wanted
	if who.problem != "" {
		c.mistake(p, t.Step, "unassigned", who.problem+": the task is nobody's until somebody takes it.")
	}
	c.out.Tasks = append(c.out.Tasks, *t)
}

func (c *carrying) owner(p *pending, e campaign.AssignOwner) {
	present := c.staff.owner(p)
	replace := ownerStep(p.v, e.Step)
	if present != "" && !replace {
		return
	}
	who := c.staff.resolve(p, e.Assign)
	if who.id == "" {
		problem := who.problem
		if problem == "" {
			problem = "Nobody was named"
		}
		c.mistake(p, e.Step, "no owner", problem+": the customer keeps the owner she had.")
		return
	}
	c.staff.owners[p.d.Customer.ID] = who.email
	_, known := p.d.Customer.Attributes[ownerAttribute]
	c.out.Updates = append(c.out.Updates, store.CustomerUpdate{CustomerID: p.d.Customer.ID, Profile: store.Profile{
		Attributes: map[string]any{ownerAttribute: who.email}, FillOnly: !replace && !known,
	}})
}

// ownerStep says whether an owner step replaces the owner that there is.
func ownerStep(v *version, step string) (replace bool) {
	campaign.Walk(v.Definition.Steps, func(s campaign.Step) {
		if o, ok := s.(*campaign.OwnerStep); ok && o.ID == step {
			replace = o.Replace
		}
	})
	return replace
}

// update turns an update step's effect into changes of the record and of lists. Fields of the record that are text take
// text only; the check of a campaign refuses to set e-mail, phone and ids.
func (c *carrying) update(p *pending, e campaign.UpdateCustomer) {
	customer := p.d.Customer.ID
	u := store.CustomerUpdate{CustomerID: customer, Add: e.Add}
	u.Profile.AddTags, u.Profile.RemoveTags = e.AddTags, e.RemoveTags
	fields := map[string]**string{
		"name": &u.Profile.Name, "stage": &u.Profile.Stage, "locale": &u.Profile.Locale, "timezone": &u.Profile.Timezone,
	}
	for name, value := range e.Set {
		field, builtin := fields[name]
		if !builtin {
			if u.Profile.Attributes == nil {
				u.Profile.Attributes = map[string]any{}
			}
			u.Profile.Attributes[name] = value
			if name == ownerAttribute {
				c.staff.owners[customer], _ = value.(string)
			}
			continue
		}
		text := ""
		if value != nil {
			text = fmt.Sprint(value)
		}
		*field = &text
	}
	c.out.Updates = append(c.out.Updates, u)
	for _, list := range e.AddTo {
		c.list(p, e.Step, list, true)
	}
	for _, list := range e.RemoveFrom {
		c.list(p, e.Step, list, false)
	}
}

func (c *carrying) list(p *pending, step, list string, joined bool) {
	c.out.Lists = append(c.out.Lists, store.ListChange{
		CustomerID: p.d.Customer.ID, JourneyID: p.d.ID, Version: p.d.Version, Step: step, List: list, Joined: joined,
	})
}
