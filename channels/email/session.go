package email

import (
	"context"
	"errors"
	"time"

	"dotyk/channels"
)

var errNotBegun = errors.New("no message was begun")

// Session gives a sender of one message after another. Between messages it holds no connection: one of the pool's, and a
// place among its users, are taken by Begin, and given back by Commit and Abort.
func (s *Sender) Session() channels.EmailSession { return &session{pool: s.pool} }

// session sends one message at a time.
type session struct {
	pool *pool
	conn *connection // that of the message begun; nil when there is none
}

// Begin hands over m but for the final dot. It waits while all connections are busy. Cancelling ctx ends the wait and cuts
// the connection. A message that was begun before and not committed is aborted. The error is a *channels.SendError.
func (s *session) Begin(ctx context.Context, m *channels.EmailMessage) error {
	s.Abort()
	l, err := open(m)
	if err != nil {
		return &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	if err := s.pool.acquire(ctx); err != nil {
		return notSent(err)
	}
	if e := s.begin(ctx, l); e != nil {
		s.pool.release()
		return e
	}
	return nil
}

// begin looks for a connection that takes l. It holds a slot of the pool.
func (s *session) begin(ctx context.Context, l *letter) *channels.SendError {
	if c := s.pool.take(); c != nil {
		f := s.attempt(ctx, c, l)
		if f == nil {
			return nil
		}
		if !f.stale() || ctx.Err() != nil {
			return f.sendError(ctx)
		}
		// The server hung up on an idle connection before it saw the message: begin again, once, on a fresh one.
	}
	c, err := s.pool.dial(ctx)
	if err != nil {
		return dialError(ctx, err)
	}
	if f := s.attempt(ctx, c, l); f != nil {
		return f.sendError(ctx)
	}
	return nil
}

// attempt begins l over c, and keeps c for it. After a failure c is back in the pool, or dropped.
func (s *session) attempt(ctx context.Context, c *connection, l *letter) *failure {
	stop := context.AfterFunc(ctx, c.drop)
	f := c.begin(l, s.pool.cfg.DKIM, time.Now())
	switch {
	case f == nil && stop():
		s.conn = c
		return nil
	case f == nil:
		f = failed(stageContent, ctx.Err())
	case f.stage == 0 && stop(): // nothing was said to the server
		s.pool.put(c)
		return f
	case !f.broken && c.reset() && stop():
		s.pool.put(c)
		return f
	}
	stop()
	c.drop()
	return f
}

// Commit writes the final dot and reads the answer. Cancelling ctx cuts the connection. The error is a
// *channels.SendError; only of kind Unknown may the message have been sent.
func (s *session) Commit(ctx context.Context) (channels.Receipt, error) {
	c := s.conn
	if c == nil {
		return channels.Receipt{}, &channels.SendError{
			Kind: channels.Temporary, Detail: errNotBegun.Error(), Err: errNotBegun,
		}
	}
	if err := ctx.Err(); err != nil {
		s.Abort()
		return channels.Receipt{}, failed(stageContent, err).sendError(ctx)
	}
	s.conn = nil
	defer s.pool.release()
	stop := context.AfterFunc(ctx, c.drop)
	response, f := c.commit()
	if stop() && (f == nil || !f.broken) {
		s.pool.put(c)
	} else {
		c.drop()
	}
	if f != nil {
		return channels.Receipt{}, f.sendError(ctx)
	}
	return channels.Receipt{ProviderID: queueID(response), Response: response}, nil
}

// Abort drops the connection of a message begun: whatever else could be said now would be its content, and a final dot
// would send it.
func (s *session) Abort() {
	if s.conn == nil {
		return
	}
	s.conn.drop()
	s.conn = nil
	s.pool.release()
}

// Close is Abort: a session holds nothing else.
func (s *session) Close() { s.Abort() }
