package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dotyk/activities/store"
)

// ErrUnavailable says that the database was away for longer than a request should wait; nothing is known to be stored.
var ErrUnavailable = errors.New("database unavailable")

// ErrClosed says that the batcher has been told to stop; nothing was stored.
var ErrClosed = errors.New("batcher closed")

// BusyError says that too much is waiting already; nothing was stored.
type BusyError struct {
	RetryAfter time.Duration // when the queue will probably have room again
}

// Error names the wait.
func (e *BusyError) Error() string { return fmt.Sprintf("too busy, try again in %s", e.RetryAfter) }

// Writer is what a Batcher writes to: a *store.Store.
type Writer interface {
	Ingest(ctx context.Context, workspace int64, ds []store.Delivery) ([]store.IngestResult, error)
}

// BatcherConfig shapes a Batcher. The zero value of a field means its default.
type BatcherConfig struct {
	Logger *slog.Logger // default: slog.Default
	// Transaction is how many messages one transaction takes at most, unless a single delivery holds more. Larger
	// ones make a commit dearer and cheaper per message. Default 2,000.
	Transaction int
	// Queue is how many messages may wait per workspace; a delivery beyond it is refused with a BusyError, except that
	// an empty queue takes any. Lower it where memory is short. Default 20,000.
	Queue int
	// Commit is how long one transaction may take. Default 30 s.
	Commit time.Duration
	// Patience is how long to try again while the database is away, before ErrUnavailable. Clients try again
	// themselves, so it only has to cover a failover that is nearly over. Default 2 s.
	Patience time.Duration
}

// Batcher lets concurrent requests share transactions. A workspace has at most one transaction under way, since the
// store lets only one write at a time anyway; what is submitted meanwhile goes together into the next one. So a lonely
// request waits for nobody, and under load the cost of a commit is divided among many.
//
// It is safe for concurrent use, and has no goroutine while nothing is waiting.
type Batcher struct {
	to     Writer
	cfg    BatcherConfig
	closed chan struct{} // closed by Close: stop trying again

	mu    sync.Mutex
	lanes map[int64]*lane // by workspace; only those with work
	done  bool
	work  sync.WaitGroup
}

// lane is the queue of one workspace.
type lane struct {
	waiting []*submission
	queued  int           // messages in waiting
	last    time.Duration // of the last transaction
}

type submission struct {
	delivery store.Delivery
	ctx      context.Context //nolint:containedctx // to drop what nobody waits for any more
	answer   chan answer
}

type answer struct {
	result Result
	err    error
}

// Result says what a delivery came to.
type Result struct {
	store.IngestResult
	// Refused are the messages that the database would not take although they looked right; they are kept as dead
	// letters, and everything else of the delivery is stored.
	Refused []store.DeadLetter
}

// NewBatcher makes a Batcher that writes to the store.
func NewBatcher(to Writer, cfg BatcherConfig) *Batcher {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Transaction <= 0 {
		cfg.Transaction = 2000
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 20000
	}
	if cfg.Commit <= 0 {
		cfg.Commit = 30 * time.Second
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 2 * time.Second
	}
	return &Batcher{to: to, cfg: cfg, closed: make(chan struct{}), lanes: map[int64]*lane{}}
}

// Submit stores a delivery and returns once it is committed. The error is a *BusyError, ErrUnavailable, ErrClosed, or
// what the store says. When ctx ends first Submit returns its error, and whether the delivery is stored is open: it is
// dropped only if its transaction has not begun.
func (b *Batcher) Submit(ctx context.Context, d store.Delivery) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("submit delivery: %w", err)
	}
	s := &submission{delivery: d, ctx: ctx, answer: make(chan answer, 1)}
	if err := b.enqueue(s); err != nil { //nolint:contextcheck // a transaction carries many requests and obeys none of their contexts
		return Result{}, err
	}
	select {
	case a := <-s.answer:
		return a.result, a.err
	case <-ctx.Done():
		return Result{}, fmt.Errorf("wait for commit: %w", ctx.Err())
	}
}

// Close refuses new deliveries, and returns when those that wait are stored or have failed.
func (b *Batcher) Close() {
	b.mu.Lock()
	if !b.done {
		b.done = true
		close(b.closed)
	}
	b.mu.Unlock()
	b.work.Wait()
}

func weight(d store.Delivery) int { return max(1, len(d.Messages)+len(d.DeadLetters)) }

func (b *Batcher) enqueue(s *submission) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.done {
		return ErrClosed
	}
	workspace := s.delivery.Source.Workspace
	l := b.lanes[workspace]
	if l == nil {
		l = &lane{}
		b.lanes[workspace] = l
		b.work.Go(func() { b.run(workspace, l) })
	}
	if n := weight(s.delivery); l.queued > 0 && l.queued+n > b.cfg.Queue {
		rounds := l.queued/b.cfg.Transaction + 1
		wait := min(max(time.Duration(rounds)*l.last, time.Second), 30*time.Second)
		return &BusyError{RetryAfter: wait.Round(time.Second)}
	}
	l.waiting = append(l.waiting, s)
	l.queued += weight(s.delivery)
	return nil
}

// run commits what waits in a lane, until nothing does.
func (b *Batcher) run(workspace int64, l *lane) {
	for {
		batch := b.next(workspace, l)
		if len(batch) == 0 {
			return
		}
		start := time.Now()
		b.commit(workspace, batch)
		b.mu.Lock()
		l.last = time.Since(start)
		b.mu.Unlock()
	}
}

// next takes the deliveries of the next transaction, and gives the lane up when there are none.
func (b *Batcher) next(workspace int64, l *lane) []*submission {
	b.mu.Lock()
	defer b.mu.Unlock()
	var batch []*submission
	taken, messages := 0, 0
	for _, s := range l.waiting {
		n := weight(s.delivery)
		if len(batch) > 0 && messages+n > b.cfg.Transaction {
			break
		}
		taken++
		l.queued -= n
		if s.ctx.Err() == nil {
			batch = append(batch, s)
			messages += n
		}
	}
	l.waiting = l.waiting[taken:]
	if len(l.waiting) == 0 {
		l.waiting = nil // give the memory of a burst back
	}
	if len(batch) == 0 {
		delete(b.lanes, workspace)
	}
	return batch
}

// Waiting is how many messages of a workspace wait for their transaction to begin.
func (b *Batcher) Waiting(workspace int64) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if l := b.lanes[workspace]; l != nil {
		return l.queued
	}
	return 0
}
