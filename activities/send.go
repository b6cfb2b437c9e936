package activities

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/rules/audience"
)

// SendInput names what to send: every planned message of a cohort on a channel.
type SendInput struct {
	Workspace int64
	Cohort    string
	Channel   audience.Channel
	Size      int // of the cohort; one needs no second sender
}

// SendResult counts what became of the messages.
type SendResult struct {
	Accepted   int
	Failed     int
	Suppressed int
	Uncertain  int
	Held       bool // the campaign is paused; what is planned stays planned
	// More says that Config.Chunk messages were delivered and others are to be sent now: call again.
	More bool
	// Next is when the first of the messages may be sent that must wait for their moment. Advance tells of it as well.
	Next time.Time
}

// ErrorTryLater is the type of the error by which Send asks Temporal to be called again: some messages could not be
// sent now and are planned still.
const ErrorTryLater = "TryLater"

// heartbeatEvery keeps a long Send known to be alive. A short one never beats.
const heartbeatEvery = 3 * time.Second

// Send delivers. It commits claims before the provider is called and each answer before the same connection sends the next
// message, so that at any instant no more messages are of unknown fate than connections are open. A repeated Send first
// settles what an earlier one left without an answer, and never sends such a message blindly.
func (a *Activities) Send(ctx context.Context, in SendInput) (SendResult, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer a.beat(ctx)()
	s := &sending{Activities: a, in: in, info: activity.GetInfo(ctx)}
	s.claim = fmt.Sprintf("%s/%s/%d", a.Instance, s.info.ActivityID, s.info.Attempt)
	if err := s.prepare(ctx); err != nil {
		return SendResult{}, err
	}
	if s.info.Attempt > 1 {
		if err := s.reconcile(ctx); err != nil {
			return s.result, err
		}
	}
	for again := true; again; {
		g, sending := errgroup.WithContext(ctx)
		for i := range min(s.connections, max(in.Size, 1)) {
			g.Go(func() error { return s.newLane(i).run(sending) })
		}
		if err := g.Wait(); err != nil {
			return s.result, err
		}
		var err error
		if again, err = s.waitForNext(ctx); err != nil {
			return s.result, err
		}
	}
	if s.later > 0 {
		return s.result, temporal.NewApplicationErrorWithOptions(
			fmt.Sprintf("%d messages could not be sent now: %s", s.later, s.reason), ErrorTryLater,
			temporal.ApplicationErrorOptions{NextRetryDelay: s.delay})
	}
	return s.result, nil
}

// prepare finds out what the workspace sends over.
func (s *sending) prepare(ctx context.Context) (err error) {
	if s.outbox, err = s.Activities.outbox(ctx, s.in.Workspace); err != nil {
		return err
	}
	switch s.in.Channel {
	case audience.Email:
		if s.mail, err = s.mailer(ctx, s.in.Workspace); err != nil {
			return s.tryLater(err.Error(), time.Minute)
		}
		if s.mail != nil {
			s.connections = s.mail.Connections()
		}
	case audience.SMS:
		if s.SMS != nil {
			s.connections = s.SMS.Connections()
		}
	case audience.Webhook:
		if s.Webhook != nil {
			s.connections = webhookConnections
		}
	default: // nothing is sent over the others, and so they have no connections
	}
	if s.connections == 0 {
		return s.tryLater("no "+string(s.in.Channel)+" sender is configured", time.Minute)
	}
	s.places = s.Activities.places.of(s.in.Channel, s.mail, s.connections)
	return nil
}

// beat sends heartbeats until the returned function is called.
func (a *Activities) beat(ctx context.Context) func() {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(heartbeatEvery)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// sending is one attempt to send the planned messages of a cohort.
type sending struct {
	*Activities
	in    SendInput
	info  activity.Info
	claim string

	outbox      *outbox
	mail        channels.EmailSender // on the channel of e-mail
	connections int                  // how many messages the sender takes at one time
	places      chan struct{}        // one for each

	mu     sync.Mutex
	result SendResult
	taken  int           // deliveries begun, of the Chunk
	more   bool          // the last claim left others
	after  string        // the highest message that was claimed: before it little is left
	swept  bool          // somebody looks at the little that is left
	later  int           // messages that stay planned
	delay  time.Duration // the longest that a provider asked to wait
	reason string
}

// shortWait is how long Send waits for the moment of a message itself. What comes later is found by Advance.
const shortWait = 5 * time.Second

// waitForNext waits for a message whose moment is near, and says whether there is one.
func (s *sending) waitForNext(ctx context.Context) (bool, error) {
	pause := time.Until(s.result.Next)
	if s.result.Next.IsZero() || s.later > 0 || s.result.More || pause > shortWait {
		return false, nil
	}
	s.result.Next = time.Time{}
	select {
	case <-time.After(pause):
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// take takes up to most of the deliveries of the chunk, and says how many there were.
func (s *sending) take(most int) int {
	chunk := s.Chunk[s.in.Channel]
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk > 0 {
		most = min(most, chunk-s.taken)
	}
	if most == 0 {
		s.result.More = s.more
	}
	s.taken += most
	return most
}

// note keeps what a claim came to, and gives the deliveries back that were taken and not needed.
func (s *sending) note(c *store.Claimed, taken int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Suppressed += c.Suppressed
	s.result.Held = s.result.Held || c.Held
	s.more = c.More
	if next := s.result.Next; !c.Next.IsZero() && (next.IsZero() || c.Next.Before(next)) {
		s.result.Next = c.Next
	}
	s.taken -= taken - len(c.Messages)
	if n := len(c.Messages); n > 0 {
		s.after = max(s.after, c.Messages[n-1].TouchID)
	}
}

// reached is the message behind which the next claim looks.
func (s *sending) reached() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.swept {
		return ""
	}
	return s.after
}

// sweeps says whether who found nothing more behind a message is to look from the first on: one does.
func (s *sending) sweeps(after string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after == "" || s.swept {
		return false
	}
	s.swept = true
	return true
}

func (s *sending) claims(limit int) store.ClaimRequest {
	return store.ClaimRequest{
		Workspace: s.in.Workspace, Cohort: s.in.Cohort, Channel: s.in.Channel, Claim: s.claim, Limit: limit, Now: time.Now(),
	}
}

// notMade says what becomes of a message whose content could not be made. One that would show what is missing is held
// back as one that nobody may get.
func notMade(err error) (audience.TouchStatus, string) {
	if missing, ok := errors.AsType[*content.MissingError](err); ok {
		return audience.Suppressed, missing.Why
	}
	return audience.Failed, err.Error()
}

// settleTimeout bounds how long an answer waits for the store.
const settleTimeout = 30 * time.Second

// insist writes an answer and tries again while the store is away: the message may be sent by now.
func insist(ctx context.Context, write func() error) error {
	pause := 50 * time.Millisecond
	for {
		err := write()
		if err == nil || !store.Unavailable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		}
	}
}

func asSendError(err error) *channels.SendError {
	if failure, ok := errors.AsType[*channels.SendError](err); ok {
		return failure
	}
	return nil
}

// judge says what a provider's failure means for the message and its address.
func (s *sending) judge(f *channels.SendError, st *store.Settlement) {
	f.Kind = s.outbox.classes.Kind(s.in.Channel, f)
	st.Outcome = f.Error()
	switch f.Kind {
	case channels.Temporary, channels.Unreachable, channels.SenderBlocked:
		st.Status = audience.Planned
		s.postpone(f.Error(), f.RetryAfter)
	case channels.BadAddress:
		st.Status, st.Suppress = audience.Failed, "bad_address"
	case channels.OptedOut:
		st.Status, st.Suppress = audience.Suppressed, "opted_out"
	case channels.BadMessage:
		st.Status = audience.Failed
	case channels.Unknown:
		if s.in.Channel == audience.SMS { // Twilio can be asked
			s.postpone(f.Error(), s.Reconcile)
			st.Status = audience.Claimed
			return
		}
		st.Status = audience.Uncertain
	}
}

// postpone notes that a message stays planned, and how long its provider wants to be left alone.
func (s *sending) postpone(reason string, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.later++
	s.delay, s.reason = max(s.delay, min(delay, longestRest)), reason
}

func (s *sending) count(st store.Settlement, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch st.Status {
	case audience.Accepted:
		s.result.Accepted++
	case audience.Failed:
		s.result.Failed++
	case audience.Suppressed:
		s.result.Suppressed++
	case audience.Uncertain:
		s.result.Uncertain++
	case audience.Planned, audience.Claimed, audience.Delivered, audience.Recorded, "":
	}
	if err != nil {
		s.Logger.Warn("message not sent", "touch", st.TouchID, "channel", s.in.Channel, "status", st.Status, "error", err)
	}
}

func (s *sending) tryLater(reason string, after time.Duration) error {
	return temporal.NewApplicationErrorWithOptions(reason, ErrorTryLater,
		temporal.ApplicationErrorOptions{NextRetryDelay: after})
}

// reconcile settles what an earlier attempt claimed and did not settle. Of each of its senders one message may have been
// sent. An e-mail is uncertain then. SMS can be asked about: what the provider knows was accepted, what it does not know
// after a while was not, and is planned again.
func (s *sending) reconcile(ctx context.Context) error {
	left, err := s.Store.Recover(ctx, s.claims(0))
	if err != nil {
		return err
	}
	for i := range left {
		m := &left[i]
		st := store.Settlement{
			TouchID: m.TouchID, Status: audience.Uncertain,
			Outcome: "the process ended between the claim and the answer: it may have been sent",
		}
		if s.in.Channel == audience.Webhook { // its server knows it by its id
			st.Status, st.Outcome = audience.Planned, "the process ended before the answer: asked again"
		}
		if s.in.Channel == audience.SMS {
			if st, err = s.ask(ctx, m); err != nil {
				return err
			}
		}
		if err := s.Store.Settle(ctx, s.in.Workspace, st); err != nil {
			return err
		}
		s.count(st, nil)
	}
	return nil
}

// ask finds out from the SMS provider what became of a claimed message.
func (s *sending) ask(ctx context.Context, m *store.Outgoing) (store.Settlement, error) {
	st := store.Settlement{TouchID: m.TouchID}
	message, err := s.sms(ctx, m)
	if err != nil {
		st.Status, st.Outcome = audience.Uncertain, "it may have been sent, and its text cannot be made again to ask: "+err.Error()
		return st, nil
	}
	receipt, err := s.SMS.Find(ctx, message, m.ClaimedAt)
	switch {
	case err == nil:
		st.Status, st.Outcome, st.Summary = audience.Accepted, "found at the provider after its answer was lost", message.Body
		st.ProviderID, st.Segments = receipt.ProviderID, receipt.Segments
		st.Sender, st.Cost = receipt.Sender, receipt.Cost
		return st, nil
	case errors.Is(err, channels.ErrNotFound) && time.Since(m.ClaimedAt) >= s.Reconcile:
		st.Status, st.Outcome = audience.Planned, "the provider does not know it: it was not sent"
		return st, nil
	case errors.Is(err, channels.ErrNotFound):
		return st, s.tryLater("waiting to learn whether a message was sent", s.Reconcile-time.Since(m.ClaimedAt))
	default:
		return st, s.tryLater("ask the provider about a message: "+err.Error(), 0)
	}
}
