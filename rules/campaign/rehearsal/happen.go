package rehearsal

import (
	"fmt"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// Input is something that comes from outside at a moment. The set is closed: Event, Update, Consent, Suppression,
// Completion, Response, Ask, ListChange.
//
//sumtype:decl
type Input interface{ input() }

// Event is something that a customer did. An event of hers carries no profile; see Update.
type Event struct {
	Name       string
	Properties map[string]any
	// ID names it in decisions; made up if empty.
	ID string
}

// Update is a change of the record by somebody else than a campaign. A nil value removes the attribute.
type Update struct{ Set map[string]any }

// Consent is a customer's word on a topic, or on all of them (audience.AllTopics). A refusal becomes the event
// unsubscribed as well.
type Consent struct {
	Channel audience.Channel
	Topic   string
	Action  audience.ConsentAction
	Method  string
}

// Suppression takes an address off limits: a hard bounce, a complaint.
type Suppression struct {
	Channel audience.Channel
	Reason  string
}

// Completion is a person's word on a task or call: that of the step, of the latest journey that asked for it.
type Completion struct{ Step, Outcome, Note, By string }

// Response is a click or an opening of a message that a step sent.
type Response struct {
	Step   string
	Opened bool // not clicked
	URL    string
}

// Ask is a request of a program or a person to let the customer enter a campaign.
type Ask struct {
	Campaign string
	Data     map[string]any
}

// ListChange puts the customer on a list, or takes her off.
type ListChange struct {
	List   string
	Remove bool
	Untold bool // nobody hears of it: it is no joining and no leaving, as when a segment is built
}

func (Event) input()       {}
func (Update) input()      {}
func (Consent) input()     {}
func (Suppression) input() {}
func (Completion) input()  {}
func (Response) input()    {}
func (Ask) input()         {}
func (ListChange) input()  {}

// Happen notes what comes from outside at a moment that is not past. Inputs of one moment happen in the order in
// which they were noted. ErrUnknownCustomer if there is no such customer then.
func (w *World) Happen(at time.Time, customer string, in Input) error {
	at = instant(at)
	p := w.byID[customer]
	if p == nil {
		return fmt.Errorf("note what happens to %q: %w", customer, ErrUnknownCustomer)
	}
	if at.Before(w.now) {
		return fmt.Errorf("note what happens to %q: %s is past: the clock stands at %s", customer, clock(at), clock(w.now))
	}
	w.at(at, rankInput, func() { w.take(p, in) })
	return nil
}

func (w *World) take(p *person, in Input) {
	switch in := in.(type) {
	case Event:
		e := w.newEvent(p, "track", in.Name, in.Properties)
		if in.ID != "" {
			e.ID = in.ID
		}
		w.handle(p, e)
	case Update:
		w.set(p, in.Set, Entry{Reason: "the record was changed"})
	case Consent:
		w.consent(p, in)
	case Suppression:
		put(&p.Suppressed, in.Channel, in.Reason)
		w.note(Entry{Kind: Changed, Customer: p.ID, Channel: in.Channel, Reason: "address is suppressed: " + in.Reason})
	case Completion:
		w.complete(p, in)
	case Response:
		w.respond(p, in)
	case Ask:
		w.request(p, in.Campaign, in.Data, nil)
	case ListChange:
		if in.Untold {
			put(&p.member, in.List, !in.Remove)
			return
		}
		w.list(p, in.List, !in.Remove, Entry{Reason: "the list was changed"})
	}
}

// system lets an event of Dotyk itself happen, after what goes on now.
func (w *World) system(p *person, name string, properties map[string]any) {
	e := w.newEvent(p, "system", name, properties)
	w.at(w.now, rankInput, func() { w.handle(p, e) })
}

// handle does what Pick does with an event: segments first, then journeys that it concerns, then campaigns that it
// triggers.
func (w *World) handle(p *person, e audience.Event) {
	put(&p.byName, e.Name, append(p.byName[e.Name], e))
	w.note(Entry{Kind: Happened, Customer: p.ID, Event: e.Name, Values: e.Properties})
	w.changed(p, rules.MentionEvent+e.Name)
	w.deliver(p, e)
	w.redeemBy(p, e)
	w.trigger(p, e)
}

func (w *World) consent(p *person, in Consent) {
	c := audience.Consent{
		Channel: in.Channel, Topic: in.Topic, Action: in.Action, OccurredAt: w.now, Method: in.Method,
	}
	p.Consents = append(p.Consents, c)
	w.note(Entry{
		Kind: Changed, Customer: p.ID, Channel: in.Channel, Topic: in.Topic, Reason: "consent " + string(in.Action),
	})
	w.changed(p, rules.MentionConsents)
	if in.Action == audience.Withdrawn {
		w.handle(p, w.newEvent(p, "system", audience.EventUnsubscribed, map[string]any{
			"channel": string(in.Channel), "topic": in.Topic, "method": in.Method,
		}))
	}
}

// respond becomes the event of a click or an opening, as the links of a message report it.
func (w *World) respond(p *person, in Response) {
	name := audience.EventEmailClicked
	if in.Opened {
		name = audience.EventEmailOpened
	}
	properties := map[string]any{"step": in.Step}
	if in.URL != "" {
		properties["url"] = in.URL
	}
	if r := p.sentBy[in.Step]; r != nil {
		properties["campaign"], properties["journey"] = r.live.Name, r.j.ID
		w.seen(r, in)
	}
	w.handle(p, w.newEvent(p, "system", name, properties))
}

// seen notes for rules that a message was opened, or that a link in it was followed, too.
func (w *World) seen(r *run, in Response) {
	d := r.sent[in.Step]
	if d.OpenedAt.IsZero() {
		d.OpenedAt = w.now
	}
	if !in.Opened && d.ClickedAt.IsZero() {
		d.ClickedAt = w.now
	}
	put(&r.sent, in.Step, d)
	touch := r.live.Name + "/" + in.Step
	put(&r.person.touches, touch, d)
	w.changed(r.person, rules.MentionTouch+touch)
}
