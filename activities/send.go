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

// Send delivers. For each message it commits a claim before the provider is called and the answer right after, so
// that at any instant no more messages are of unknown fate than connections are open. A repeated Send first settles
// what an earlier one left without an answer, and never sends such a message blindly.
func (a *Activities) Send(ctx context.Context, in SendInput) (SendResult, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer a.beat(ctx)()
	s := &sending{Activities: a, in: in, info: activity.GetInfo(ctx)}
	s.claim = fmt.Sprintf("%s/%s/%d", a.Instance, s.info.ActivityID, s.info.Attempt)
	connections := a.connections(in.Channel)
	if connections == 0 {
		return SendResult{}, temporal.NewApplicationErrorWithOptions("no "+string(in.Channel)+" sender is configured",
			ErrorTryLater, temporal.ApplicationErrorOptions{NextRetryDelay: time.Minute})
	}
	if s.info.Attempt > 1 {
		if err := s.reconcile(ctx); err != nil {
			return s.result, err
		}
	}
	for again := true; again; {
		g, sending := errgroup.WithContext(ctx)
		for range min(connections, max(in.Size, 1)) {
			g.Go(func() error { return s.run(sending) })
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

	mu     sync.Mutex
	result SendResult
	taken  int           // deliveries begun, of the Chunk
	more   bool          // the last claim left others
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

// take takes one of the deliveries of the chunk, and says whether there was one.
func (s *sending) take() bool {
	chunk := s.Chunk[s.in.Channel]
	s.mu.Lock()
	defer s.mu.Unlock()
	if chunk > 0 && s.taken >= chunk {
		s.result.More = s.more
		return false
	}
	s.taken++
	return true
}

// note keeps what a claim came to, and gives the delivery back that was not needed.
func (s *sending) note(c *store.Claimed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result.Suppressed += c.Suppressed
	s.result.Held = s.result.Held || c.Held
	s.more = c.More
	if next := s.result.Next; !c.Next.IsZero() && (next.IsZero() || c.Next.Before(next)) {
		s.result.Next = c.Next
	}
	if len(c.Messages) == 0 {
		s.taken--
	}
}

func (s *sending) claims(limit int) store.ClaimRequest {
	return store.ClaimRequest{
		Workspace: s.in.Workspace, Cohort: s.in.Cohort, Channel: s.in.Channel, Claim: s.claim, Limit: limit, Now: time.Now(),
	}
}

// run claims and delivers one message after another until none is left, or the chunk is used up.
func (s *sending) run(ctx context.Context) error {
	after := "" // the last message that was claimed here: before it little is left
	for s.take() {
		c, err := s.next(ctx, after)
		if err != nil {
			return err
		}
		switch {
		case !c.More && after == "":
			return nil
		case !c.More:
			after = ""
		case len(c.Messages) > 0:
			after = c.Messages[0].TouchID
		}
	}
	return nil
}

// next claims and delivers one message behind another, and gives what the claim came to. It waits for its turn before it claims:
// what is claimed is of unknown fate should the process die, so it must not wait for a connection behind others.
func (s *sending) next(ctx context.Context, after string) (c store.Claimed, err error) {
	slots := s.slots[s.in.Channel]
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return c, ctx.Err()
	}
	if c, err = s.claimOne(ctx, after); err != nil {
		return c, err
	}
	s.note(&c)
	switch {
	case len(c.Messages) == 0:
		return c, nil
	case ctx.Err() != nil:
		return c, s.giveBack(ctx, &c.Messages[0])
	}
	return c, s.deliver(ctx, &c.Messages[0])
}

// claimOne claims one message. A claim that is under way is waited for even when the sending ends meanwhile: of one that
// came to be without anybody knowing, nobody could say later whether it was sent.
func (s *sending) claimOne(ctx context.Context, after string) (store.Claimed, error) {
	if err := ctx.Err(); err != nil {
		return store.Claimed{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	r := s.claims(1)
	r.After = after
	return s.Store.Claim(ctx, r)
}

// giveBack plans a message again whose sending ended before the provider was called, because another message of the same
// sending found the provider away, or because the program stops.
func (s *sending) giveBack(ctx context.Context, m *store.Outgoing) error {
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return s.settle(settle, store.Settlement{
		TouchID: m.TouchID, Status: audience.Planned, Outcome: "the sending ended before its turn: it waits for the next",
	})
}

// deliver sends one claimed message and records the answer. The error is only that of the store, or that the provider
// cannot be reached at all.
func (s *sending) deliver(ctx context.Context, m *store.Outgoing) error {
	if s.in.Channel == audience.Webhook {
		return s.request(ctx, m)
	}
	sent, err := s.send(ctx, m)
	st := store.Settlement{TouchID: m.TouchID, Summary: sent.summary}
	switch failure := asSendError(err); {
	case err == nil:
		st.Status, st.Outcome = audience.Accepted, sent.receipt.Response
		st.ProviderID, st.Segments = sent.receipt.ProviderID, sent.receipt.Segments
	case failure == nil:
		st.Status, st.Outcome = notMade(err)
	default:
		s.judge(failure, &st)
	}
	s.count(st, err)
	// The answer is recorded even when the activity is being cancelled: it is all we will ever know.
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if st.Status == "" { // unknown, and the provider can be asked: the claim stays, a later attempt reconciles it
		return nil
	}
	if err := s.settle(settle, st); err != nil {
		return err
	}
	s.brakeWhileSending(settle, s.in.Workspace)
	if failure := asSendError(err); failure != nil && failure.Kind == channels.Unreachable {
		return s.tryLater(failure.Error(), failure.RetryAfter)
	}
	return nil
}

// notMade says what becomes of a message whose content could not be made. One that would show what is missing is held
// back as one that nobody may get.
func notMade(err error) (audience.TouchStatus, string) {
	if missing, ok := errors.AsType[*content.MissingError](err); ok {
		return audience.Suppressed, missing.Why
	}
	return audience.Failed, err.Error()
}

// settle records an answer.
func (s *sending) settle(ctx context.Context, st store.Settlement) error {
	return s.insist(ctx, func() error { return s.Store.Settle(ctx, s.in.Workspace, st) })
}

// insist writes an answer and tries again while the store is away: the message may be sent by now.
func (s *sending) insist(ctx context.Context, write func() error) error {
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
	s.delay, s.reason = max(s.delay, delay), reason
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

// reconcile settles what an earlier attempt claimed and did not settle. E-mail that was claimed may have been sent:
// it is uncertain. SMS can be asked about: what the provider knows was accepted, what it does not know after a while
// was not, and is planned again.
func (s *sending) reconcile(ctx context.Context) error {
	orphans, err := s.Store.Orphans(ctx, s.claims(0))
	if err != nil {
		return err
	}
	for i := range orphans {
		m := &orphans[i]
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
