package store

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// Listener waits for word that events came in.
type Listener struct{ conn *pgx.Conn }

// Listen opens a connection of its own that hears of new events in any shard.
func (s *Store) Listen(ctx context.Context) (*Listener, error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return nil, fmt.Errorf("connect to hear of events: %w", err)
	}
	if _, err := conn.Exec(ctx, "LISTEN "+intakeChannel); err != nil {
		_ = conn.Close(ctx)
		return nil, fmt.Errorf("listen for events: %w", err)
	}
	return &Listener{conn}, nil
}

// Wait blocks until there is word of a shard.
func (l *Listener) Wait(ctx context.Context) (int16, error) {
	n, err := l.conn.WaitForNotification(ctx)
	if err != nil {
		return 0, fmt.Errorf("wait for events: %w", err)
	}
	shard, err := strconv.ParseInt(n.Payload, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("read word of events: %w", err)
	}
	return int16(shard), nil
}

// Close gives the connection up.
func (l *Listener) Close(ctx context.Context) error { return l.conn.Close(ctx) }
