package accounts

import (
	"context"
	"errors"
	"time"

	"dotyk/channels"
)

// longestWait is how long Begin waits for room itself.
const longestWait = time.Second

// session sends one message after another. It takes a connection for each and gives it back: sessions that kept the
// connections of one account while they wait for those of another would stop each other.
type session struct {
	router *Router
	inner  channels.EmailSession
	begun  *attempt
}

var errNotBegun = errors.New("no message is begun")

// Begin hands m over to the account whose turn it is, and after a failure of the account to the next. Where none has room
// and none will have within a second, the error says when to come again.
func (s *session) Begin(ctx context.Context, m *channels.EmailMessage) error {
	s.Abort()
	r := s.router
	provider := r.directory.provider(ctx, m.To)
	patience := longestWait
	var tried []*member
	var last error
	for {
		a, none, err := r.pick(ctx, provider, tried)
		switch {
		case err != nil:
			return &channels.SendError{Kind: channels.Temporary, Detail: err.Error(), Err: err}
		case a == nil && last != nil && none.limited.IsZero():
			return last
		case a == nil:
			now := r.cfg.Now()
			pause := none.until().Sub(now)
			if none.paused || none.limited.IsZero() || pause > patience {
				return none.sendError(now)
			}
			pause = max(pause, time.Millisecond)
			patience -= pause
			if err := r.cfg.Wait(ctx, pause); err != nil {
				return &channels.SendError{Kind: channels.Temporary, Detail: "gave up before an account had room", Err: err}
			}
		default:
			if last = s.begin(ctx, a, m); last == nil || !another(ctx, last) {
				return last
			}
			tried = append(tried, a.member)
		}
	}
}

// begin hands m over to one account.
func (s *session) begin(ctx context.Context, a *attempt, m *channels.EmailMessage) error {
	own := *m
	if a.account.From != "" {
		own.From, own.FromName = a.account.From, a.account.FromName
	}
	inner := a.member.sender.Session()
	if err := inner.Begin(ctx, &own); err != nil {
		inner.Close()
		s.router.done(ctx, a, err)
		return err
	}
	s.inner, s.begun = inner, a
	return nil
}

// another says whether a message may go over another account after err: the account was at fault, and nothing was sent.
func another(ctx context.Context, err error) bool {
	f, ok := errors.AsType[*channels.SendError](err)
	return ok && f.Kind != channels.Unknown && ctx.Err() == nil && blame(ctx, f) == theAccount
}

// Commit sends the message begun.
func (s *session) Commit(ctx context.Context) (channels.Receipt, error) {
	if s.begun == nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: errNotBegun.Error(), Err: errNotBegun}
	}
	inner, a := s.inner, s.begun
	s.inner, s.begun = nil, nil
	receipt, err := inner.Commit(ctx)
	inner.Close()
	s.router.done(ctx, a, err)
	receipt.Sender = a.account.Name
	return receipt, err
}

// Abort forgets the message begun.
func (s *session) Abort() {
	if s.begun == nil {
		return
	}
	s.inner.Abort()
	s.inner.Close()
	s.router.abort(s.begun)
	s.inner, s.begun = nil, nil
}

// Close gives back what the session holds.
func (s *session) Close() { s.Abort() }
