package rehearsal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

// message is a planned message.
type message struct {
	run       *run
	step      campaign.MessageStep
	iteration int
	reason    string
	at        time.Time // of its step
	id        string
	tries     time.Time // when it is looked at next
	held      bool      // it did not go out at once
}

func channelOf(m campaign.MessageStep) audience.Channel {
	switch m.(type) {
	case *campaign.EmailStep:
		return audience.Email
	case *campaign.SMSStep:
		return audience.SMS
	}
	return ""
}

// first puts messages of one moment in order: transactional ones, then by the priority of the campaign.
func (l *live) first() int {
	if l.Transactional {
		return 1000
	}
	return l.Priority
}

func (w *World) plan(r *run, step campaign.MessageStep, iteration int, reason string, at time.Time) {
	m := &message{
		run: r, step: step, iteration: iteration, reason: reason, at: at,
		id: fmt.Sprintf("%s/%s/%d", r.j.ID, step.StepID(), iteration),
	}
	r.person.planned = append(r.person.planned, m)
	w.delivered(m, audience.Planned)
	w.try(m, w.now)
}

// try has a message looked at when all journeys of a moment have moved, higher priorities first.
func (w *World) try(m *message, at time.Time) {
	m.tries = at
	w.agenda.add(item{at: at, rank: rankSend, first: m.run.live.first(), do: func() { w.send(m) }})
}

// delivered notes what has become of a message, for rules.
func (w *World) delivered(m *message, status audience.TouchStatus) {
	id, d := m.step.StepID(), audience.Delivery{Status: status, At: w.now}
	put(&m.run.sent, id, d)
	touch := m.run.live.Name + "/" + id
	put(&m.run.person.touches, touch, d)
	if status != audience.Planned {
		w.changed(m.run.person, rules.MentionTouch+touch)
	}
}

// send does what claiming a message does: it goes out, waits, or is left out.
func (w *World) send(m *message) {
	p, l, how := m.run.person, m.run.live, m.step.How()
	expires := m.at.Add(how.Expires)
	if how.Expires == 0 {
		expires = m.at.Add(campaign.DefaultExpires)
	}
	if m.held && m.run.leftEarly {
		w.suppress(m, LeftOutGone, "the journey has left: "+m.run.j.ExitReason)
		return
	}
	if w.now.After(expires) {
		w.suppress(m, LeftOutExpired, "no longer wanted: it could not be sent in time")
		return
	}
	channel := channelOf(m.step)
	if why := w.refusal(p, channel, l.Topic, l.Transactional); why != "" {
		w.suppress(m, LeftOutRefused, why)
		return
	}
	if !l.Transactional {
		if end, quiet := w.quiet(p, channel, how.Quiet); quiet {
			w.hold(m, how.Quiet, end, expires)
			return
		}
		if ok, why := w.config.Policy.Slot(m.counted(), w.received(p), w.rivals(m)); !ok {
			w.suppress(m, LeftOutCapped, why)
			return
		}
	}
	if why := p.suppression(channel); why != "" {
		w.suppress(m, LeftOutRefused, why)
		return
	}
	if why := w.unsendable(m); why != "" {
		w.suppress(m, LeftOutRefused, why)
		return
	}
	w.sendNow(m)
}

// UnsendableError is the error of a Render that says why a message must not go out: it shows what is missing.
type UnsendableError struct{ Why string }

// Error is why.
func (e *UnsendableError) Error() string { return e.Why }

// unsendable says why a message must not go out as it is; "" if it may. Only the code of a coupon can be missing.
func (w *World) unsendable(m *message) string {
	if w.config.Render == nil || len(m.run.codeless) == 0 {
		return ""
	}
	_, err := w.config.Render(m.sending())
	if unsendable, ok := errors.AsType[*UnsendableError](err); ok {
		return unsendable.Why
	}
	return ""
}

// sending is the entry of the log that tells of the message going out.
func (m *message) sending() Entry {
	l := m.run.live
	entry := m.run.entry(Sent, m.step.StepID(), m.iteration)
	entry.Channel, entry.Reason, entry.Priority = channelOf(m.step), m.reason, l.Priority
	entry.Content = m.run.content(m.step)
	if !l.Transactional {
		entry.Topic = l.Topic
	}
	return entry
}

func (w *World) quiet(p *person, channel audience.Channel, how campaign.Quiet) (time.Time, bool) {
	if how == campaign.QuietIgnore {
		return w.now, false
	}
	return w.config.Policy.QuietUntil(channel, w.country(p), w.zone(p), w.now)
}

func (w *World) hold(m *message, how campaign.Quiet, end, expires time.Time) {
	zone := w.zone(m.run.person)
	why := "quiet hours until " + calendar.Moment(end, zone)
	switch {
	case how == campaign.QuietSkip:
		w.suppress(m, LeftOutQuiet, why)
	case end.After(expires):
		w.suppress(m, LeftOutExpired, "no longer wanted: "+why+", it expires on "+calendar.Moment(expires, zone))
	case !end.After(w.now):
		w.suppress(m, LeftOutQuiet, "quiet hours without end")
	default:
		entry := m.run.entry(Delayed, m.step.StepID(), m.iteration)
		entry.Channel, entry.Until, entry.Reason = channelOf(m.step), end, why
		w.note(entry)
		m.held = true
		w.try(m, end)
	}
}

// rivals are the marketing messages of her that wait to go out now, too.
func (w *World) rivals(m *message) []campaign.Message {
	var rivals []campaign.Message
	for _, o := range m.run.person.planned {
		if o != m && !o.run.live.Transactional && !o.tries.After(w.now) {
			rivals = append(rivals, o.counted())
		}
	}
	return rivals
}

// counted is a message as caps count it.
func (m *message) counted() campaign.Message {
	l := m.run.live
	return campaign.Message{
		ID: m.id, Channel: channelOf(m.step), Topic: l.Topic, Campaign: l.Name, Priority: l.Priority, At: m.at,
	}
}

func (w *World) sendNow(m *message) {
	p, l := m.run.person, m.run.live
	m.forget()
	if !l.Transactional {
		counted := m.counted()
		counted.At = w.now
		p.Received = append(p.Received, counted)
	}
	w.note(m.sending())
	put(&p.sentBy, m.step.StepID(), m.run)
	w.delivered(m, audience.Delivered)
}

// Why a message was left out: the Detail of such an entry.
const (
	LeftOutRefused = "refused" // no address, no consent, suppressed: Reason says what
	LeftOutCapped  = "capped"
	LeftOutQuiet   = "quiet hours" // it must not come late
	LeftOutExpired = "expired"
	LeftOutGone    = "journey left" // by the goal or an exit of the campaign, while the message was held back
)

// suppress leaves a message out, and plans what is to be sent instead where another can make up for it.
func (w *World) suppress(m *message, kind, why string) {
	m.forget()
	entry := m.run.entry(Suppressed, m.step.StepID(), m.iteration)
	entry.Channel, entry.Detail, entry.Reason = channelOf(m.step), kind, why
	w.note(entry)
	w.delivered(m, audience.Suppressed)
	instead := kind == LeftOutRefused || kind == LeftOutCapped
	if fallback := m.step.How().Fallback; instead && fallback != nil {
		w.plan(m.run, fallback, m.iteration, "instead of "+m.step.StepID()+": "+why, w.now)
	}
}

func (m *message) forget() {
	p := m.run.person
	p.planned = slices.DeleteFunc(p.planned, func(o *message) bool { return o == m })
}

// content is what a message or task may mention now.
func (r *run) content(step campaign.MessageStep) *Content {
	return &Content{
		Step: step, Recipient: r.person.Customer.Customer, Entry: r.j.Entry, Position: r.j.Position, Coupons: maps.Clone(r.coupons),
		Codeless: maps.Clone(r.codeless),
	}
}
