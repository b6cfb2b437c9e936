package sms

import (
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"dotyk/channels"
)

var _ channels.SMSSender = (*Router)(nil)

const (
	// ahead is how far a sender may be ahead of its rate: the provider's queue holds far more.
	ahead = 15 * time.Second
	// patience is how long a message waits for its sender's turn by itself before it is given back.
	patience = 5 * time.Second
)

// Router sends what its workspaces let it send, from the senders that they have: it chooses the number, keeps to the
// rates and the countries, and leaves the rest to another sender.
type Router struct {
	next   channels.SMSSender
	ledger channels.SMSLedger
}

// NewRouter makes a router before a sender.
func NewRouter(next channels.SMSSender, ledger channels.SMSLedger) *Router {
	return &Router{next, ledger}
}

// Connections are those of the sender.
func (r *Router) Connections() int { return r.next.Connections() }

// Find asks the sender: the provider knows a message by its recipient and text.
func (r *Router) Find(ctx context.Context, m *channels.SMSMessage, since time.Time) (channels.Receipt, error) {
	t, _, err := r.ledger.SMSPlan(ctx, m.Workspace, m.To)
	if err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.Temporary, Detail: err.Error(), Err: err}
	}
	receipt, err := r.next.Find(ctx, fitted(m, &t), since)
	if err != nil {
		return channels.Receipt{}, err
	}
	return costed(receipt, &t, m.To), nil
}

// Send sends m from a sender of its workspace; m.From is the one where the workspace names none. The receipt says which
// it was and what it is estimated to cost. What must not be sent is a *channels.SendError of kind BadMessage, what has to
// wait for its sender one of kind Temporary, with RetryAfter.
func (r *Router) Send(ctx context.Context, m *channels.SMSMessage) (channels.Receipt, error) {
	t, last, err := r.ledger.SMSPlan(ctx, m.Workspace, m.To)
	if err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.Temporary, Detail: "read settings of SMS: " + err.Error(), Err: err}
	}
	country := Country(m.To)
	if err := permitted(&t, country, m); err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	out := fitted(m, &t)
	if out.From, err = r.choose(ctx, &t, m, country, last); err != nil {
		return channels.Receipt{}, err
	}
	receipt, err := r.next.Send(ctx, out)
	if err != nil {
		return channels.Receipt{}, err
	}
	if receipt.Sender == "" {
		receipt.Sender = out.From
	}
	return costed(receipt, &t, m.To), nil
}

func costed(receipt channels.Receipt, t *channels.TelephonySettings, to string) channels.Receipt {
	receipt.Cost = Cost(t, to, receipt.Segments)
	return receipt
}

// fitted is the message as its workspace sends it: folded here, where the provider would do it as well, so that what is
// counted, sent and later looked for is one text.
func fitted(m *channels.SMSMessage, t *channels.TelephonySettings) *channels.SMSMessage {
	out := *m
	if t.SmartEncoding {
		out.Body = Fold(m.Body)
	}
	return &out
}

// permitted says why a message must not be sent: because of where it goes, or because it is too long.
func permitted(t *channels.TelephonySettings, country string, m *channels.SMSMessage) error {
	switch {
	case slices.Contains(t.Block, country):
		return fmt.Errorf("no text messages go to %s: it is among the countries that telephony.block names", country)
	case len(t.Allow) > 0 && !slices.Contains(t.Allow, country):
		return fmt.Errorf("no text messages go to %s: only to %s, as telephony.allow says", where(country), strings.Join(t.Allow, ", "))
	default:
		return CheckLength(t, m.Body)
	}
}

func where(country string) string {
	if country == "" {
		return "a number of no known country"
	}
	return country
}

// nameless are countries whose carriers take no names as senders, or replace them
// (https://help.twilio.com/articles/223133767, and the guidelines of each country).
var nameless = []string{
	"US", "CA", "PR", "VI", "GU", "AS", "MP", "CN", "KR", "MX", "BR", "AR", "CL", "CO", "EC", "CR", "GT", "HN", "NI", "PA",
	"PE", "SV", "UY", "VE", "DO", "BE", "MY", "ZA",
}

// choose takes segments of a sender that may write to the country: the one that wrote to the number last, if it is still
// among them, else any. Which is asked first depends on the number, so that they share the work.
func (r *Router) choose(ctx context.Context, t *channels.TelephonySettings, m *channels.SMSMessage, country, last string) (string, error) {
	senders := fitting(t, m, country)
	if len(senders) == 0 {
		detail := fmt.Sprintf("no sender may write to %s: add one to telephony.senders", where(country))
		if len(t.Senders) == 0 {
			detail = fmt.Sprintf("the name %s cannot be the sender of messages to %s: add a number to telephony.senders", m.From, country)
		}
		return "", &channels.SendError{Kind: channels.BadMessage, Detail: detail}
	}
	if len(t.Senders) == 0 {
		return senders[0].From, nil
	}
	spread(senders, m.To)
	sticky := slices.IndexFunc(senders, func(s channels.SMSSenderSettings) bool { return s.From == last })
	if sticky > 0 {
		senders[0], senders[sticky] = senders[sticky], senders[0]
	}
	var wait time.Duration
	for i, s := range senders {
		taken, err := r.ledger.TakeSegments(ctx, m.Workspace, channels.SegmentQuota{
			Sender: s.From, To: m.To, Segments: CountFor(m.Body, t.SmartEncoding).Parts, Rate: s.Rate, Daily: s.Daily,
			Ahead: ahead, Patience: patience,
		})
		if err != nil {
			return "", &channels.SendError{Kind: channels.Temporary, Detail: "take a sender's turn: " + err.Error(), Err: err}
		}
		if taken.OK {
			return s.From, pause(ctx, taken.Wait)
		}
		if wait == 0 || taken.Wait < wait {
			wait = taken.Wait
		}
		if i == 0 && sticky >= 0 && !taken.Used {
			break // she knows this number: it is worth a wait
		}
	}
	return "", &channels.SendError{
		Kind: channels.Temporary, RetryAfter: wait,
		Detail: fmt.Sprintf("the senders for %s have as much to send as they may: next in %s", where(country), wait.Round(time.Second)),
	}
}

func fitting(t *channels.TelephonySettings, m *channels.SMSMessage, country string) []channels.SMSSenderSettings {
	senders := t.Senders
	if len(senders) == 0 {
		senders = []channels.SMSSenderSettings{{From: m.From}}
	}
	var own, others []channels.SMSSenderSettings
	for _, s := range senders {
		switch {
		case s.IsName() && slices.Contains(nameless, country):
		case slices.Contains(s.Countries, country):
			own = append(own, s)
		case len(s.Countries) == 0:
			others = append(others, s)
		}
	}
	if len(own) > 0 {
		return own
	}
	return others
}

// spread turns the list by the number.
func spread(senders []channels.SMSSenderSettings, to string) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(to))                     // it never fails
	first := int(h.Sum32() % uint32(len(senders))) //nolint:gosec // a handful
	slices.Reverse(senders[:first])
	slices.Reverse(senders[first:])
	slices.Reverse(senders)
}

// pause waits for the sender's turn. Nothing was sent when the waiting is broken off.
func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return &channels.SendError{Kind: channels.Temporary, Detail: "the sending ended before its sender's turn", Err: context.Cause(ctx)}
	}
}
