package email

import (
	"context"

	"dotyk/channels"
)

// Session gives a sender of one message after another.
func (s *Sender) Session() channels.EmailSession { return &session{sender: s} }

type session struct {
	sender *Sender
	begun  *channels.EmailMessage
}

func (s *session) Begin(_ context.Context, m *channels.EmailMessage) error {
	s.begun = m
	return nil
}

func (s *session) Commit(ctx context.Context) (channels.Receipt, error) {
	m := s.begun
	s.begun = nil
	return s.sender.Send(ctx, m)
}

func (s *session) Abort() { s.begun = nil }

func (s *session) Close() { s.begun = nil }
