package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
)

// laneClaim is how many messages a lane claims at one time, at most. It bounds how long others wait for a lane's place, and
// with the number of lanes how many are planned again after a crash.
const laneClaim = 25

// lane sends messages one after another. It claims several at once, in the order in which it sends them, and lets its
// provider take a message only when the answers to all before it are stored: so of what it holds when the process dies,
// only the first may have been sent. It stops when it finds that somebody took it for dead and has taken over the rest.
type lane struct {
	*sending

	number  int
	session channels.EmailSession // nil on other channels
	behind  []*answer             // answers that are being recorded
	full    int                   // messages in a row for which no sender had room
}

func (s *sending) newLane(number int) *lane { return &lane{sending: s, number: number} }

// run claims and delivers until nothing is left, or the chunk is used up.
func (l *lane) run(ctx context.Context) error {
	for {
		more, err := l.turn(ctx)
		if err != nil || !more {
			return err
		}
	}
}

// turn claims some messages and delivers them, and says whether there may be more. It waits for a place before it claims,
// and gives the place back after it: so others wait no longer than it takes to send these.
func (l *lane) turn(ctx context.Context) (more bool, err error) {
	select {
	case l.places <- struct{}{}:
		defer func() { <-l.places }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	taken := l.take(l.share())
	if taken == 0 {
		return false, nil
	}
	after := l.reached()
	c, err := l.claimSome(ctx, taken, after)
	if err != nil {
		return false, err
	}
	l.note(&c, taken)
	if l.in.Channel == audience.Email && len(c.Messages) > 0 {
		l.session = l.mail.Session()
		defer l.session.Close()
	}
	if err := l.deliverAll(ctx, c.Messages); err != nil {
		return false, err
	}
	return c.More || l.sweeps(after), nil
}

// share is how many messages a lane claims: of a small cohort so many that all lanes have some.
func (l *lane) share() int {
	return min(max(l.in.Size/(2*l.connections), 1), laneClaim)
}

// claimSome claims messages. A claim that is under way is waited for even when the sending ends meanwhile: of one that
// came to be without anybody knowing, nobody could say later whether it was sent.
func (l *lane) claimSome(ctx context.Context, limit int, after string) (store.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return store.Claimed{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	r := l.claims(limit)
	r.After, r.Lane = after, l.number
	return l.Store.Claim(ctx, r)
}

// deliverAll delivers what was claimed. When the sending ends before, the rest is planned again.
func (l *lane) deliverAll(ctx context.Context, list []store.Outgoing) error {
	for i := range list {
		err := ctx.Err()
		if err == nil {
			err = l.deliver(ctx, &list[i])
			i++
		}
		if err != nil {
			for j := range list[i:] {
				l.giveBack(ctx, &list[i+j])
			}
			if failed := l.stored(); failed != nil {
				return errors.Join(err, failed)
			}
			return err
		}
	}
	return l.stored()
}

// giveBack plans a message again whose sending ended before the provider was called, because another message of the same
// sending found the provider away, or because the program stops.
func (l *lane) giveBack(ctx context.Context, m *store.Outgoing) {
	l.record(ctx, m, store.Settlement{
		Status: audience.Planned, Outcome: "the sending ended before its turn: it waits for the next",
	})
}

// record has an answer stored. Whoever hands the next message over waits for it: see stored.
func (l *lane) record(ctx context.Context, m *store.Outgoing, st store.Settlement) {
	st.TouchID = m.TouchID
	if st.Status == audience.Planned || st.Status == audience.Claimed {
		st.Claim = m.Claim
	}
	l.behind = append(l.behind, l.settler.begin(ctx, l.in.Workspace, st))
}

// takenOverError ends a lane whose messages belong to another sending by now.
type takenOverError struct{ touch string }

func (e *takenOverError) Error() string {
	return fmt.Sprintf("message %s was taken over by another sending: this one was taken for dead", e.touch)
}

// stored waits until all answers so far are stored. An error says that nothing more may be sent.
func (l *lane) stored() error {
	var failed error
	for _, a := range l.behind {
		was, err := a.wait()
		switch {
		case failed != nil:
		case err != nil:
			failed = err
		case a.settlement.Claim == "" && !was.Held(l.holder()) && was.Claim != "":
			failed = &takenOverError{touch: a.settlement.TouchID}
		}
	}
	l.behind = l.behind[:0]
	return failed
}

func (l *lane) holder() string {
	r := l.claims(0)
	r.Lane = l.number
	return r.Holder()
}

// deliver sends one claimed message and has the answer stored. The error is only that of the store, or that the provider
// cannot be reached at all.
func (l *lane) deliver(ctx context.Context, m *store.Outgoing) error {
	if l.in.Channel == audience.Webhook {
		if err := l.stored(); err != nil {
			return err
		}
		return l.request(ctx, m)
	}
	sent, err := l.send(ctx, m)
	if stop, ok := err.(*stopError); ok { //nolint:errorlint // send's own, never wrapped
		l.giveBack(ctx, m)
		return stop.err
	}
	st := store.Settlement{Summary: sent.summary}
	switch failure := asSendError(err); {
	case err == nil:
		st.Status, st.Outcome = audience.Accepted, sent.receipt.Response
		st.Sender, st.Cost = sent.receipt.Sender, sent.receipt.Cost
		st.ProviderID, st.Segments = sent.receipt.ProviderID, sent.receipt.Segments
	case failure == nil:
		st.Status, st.Outcome = notMade(err)
	default:
		l.judge(failure, &st)
	}
	l.count(st, err)
	// The answer is recorded even when the activity is being cancelled: it is all we will ever know.
	l.record(ctx, m, st)
	l.brakeWhileSending(ctx, l.in.Workspace)
	return l.goesOn(asSendError(err))
}

// enough is how many messages in a row must find no room before a lane stops to ask. One may be for a receiver that takes
// no more now, where others would.
const enough = 3

// longestRest is how long a provider is left alone at the most before it is asked again: there may be another by then.
const longestRest = 10 * time.Minute

// goesOn says after a failure, which may be nil, whether there is a point in going on.
func (l *lane) goesOn(f *channels.SendError) error {
	if f == nil || f.Code != "" || f.RetryAfter == 0 {
		l.full = 0
	}
	switch {
	case f == nil:
		return nil
	case f.Kind == channels.Unreachable:
		return l.tryLater(f.Error(), min(f.RetryAfter, longestRest))
	case f.Kind == channels.Temporary && f.Code == "" && f.RetryAfter > 0: // limits of our own
		if l.full++; l.full >= enough {
			return l.tryLater(f.Error(), min(f.RetryAfter, longestRest))
		}
	}
	return nil
}

// stopError says that a message was not sent because nothing more may be.
type stopError struct{ err error }

func (e *stopError) Error() string { return e.err.Error() }

// send makes the message's content and hands it to the provider, when all answers before it are stored. An error that is
// no *channels.SendError says that the content could not be made; a *stopError that nothing may be sent. Neither sent
// anything.
func (l *lane) send(ctx context.Context, m *store.Outgoing) (sent, error) {
	if l.in.Channel == audience.SMS {
		message, err := l.sms(ctx, m)
		if err != nil {
			return sent{}, err
		}
		if err := l.stored(); err != nil {
			return sent{}, &stopError{err}
		}
		receipt, err := l.SMS.Send(ctx, message)
		return sent{receipt, message.Body}, err
	}
	message, err := l.email(ctx, m)
	if err != nil {
		return sent{}, err
	}
	if err := l.session.Begin(ctx, message); err != nil {
		return sent{summary: message.Subject}, err
	}
	if err := l.stored(); err != nil {
		l.session.Abort()
		return sent{}, &stopError{err}
	}
	receipt, err := l.session.Commit(ctx)
	return sent{receipt, message.Subject}, err
}
