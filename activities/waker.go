package activities

import (
	"context"
	"log/slog"
	"time"

	"dotyk/activities/store"
)

// Waker tells the pickers of this process that events came in. It is a matter of speed only: pickers also look by
// themselves every few seconds.
type Waker struct {
	store  *store.Store
	logger *slog.Logger
	shards [store.Shards]chan struct{}
}

// NewWaker makes a Waker; Run must be called for it to hear anything.
func NewWaker(st *store.Store, logger *slog.Logger) *Waker {
	w := &Waker{store: st, logger: logger}
	for i := range w.shards {
		w.shards[i] = make(chan struct{}, 1)
	}
	return w
}

// Run listens until ctx ends, and connects again whenever the connection is lost.
func (w *Waker) Run(ctx context.Context) {
	const pause = time.Second
	for ctx.Err() == nil {
		err := w.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		w.logger.Warn("connection that hears of new events was lost; pickers look by themselves meanwhile", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (w *Waker) listen(ctx context.Context) error {
	l, err := w.store.Listen(ctx)
	if err != nil {
		return err
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := l.Close(closing); err != nil {
			w.logger.Debug("close listening connection", "error", err)
		}
	}()
	for i := range w.shards { // whatever came in before we listened
		w.wake(i)
	}
	for {
		shard, err := l.Wait(ctx)
		if err != nil {
			return err
		}
		if shard >= 0 && int(shard) < len(w.shards) {
			w.wake(int(shard))
		}
	}
}

func (w *Waker) wake(shard int) {
	select {
	case w.shards[shard] <- struct{}{}:
	default: // a wake-up is waiting already
	}
}
