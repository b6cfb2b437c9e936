package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dotyk/channels/tracking"
)

// ObservationStore keeps and judges what was seen of messages: a *store.Store.
type ObservationStore interface {
	Observe(ctx context.Context, workspace int64, seen []tracking.Observation) error
	Unjudged(ctx context.Context, before time.Time) ([]int64, error)
	Judge(ctx context.Context, workspace int64, now time.Time, limit int) (int, error)
}

// Sizes of an Observer.
const (
	observerEvery = time.Second      // how often what was seen is stored and judged
	observerWait  = 10 * time.Second // how long the database may take, each time
	observerSize  = 20000            // observations that wait: about 10 MB
	observerGroup = 500              // stored or judged in one transaction
	observerTouch = 50               // of one message each time: nobody fills the queue with one link
)

// Observer takes what was seen of messages without ever waiting, and stores and judges it in groups. What does not fit
// while the database is away or slow is lost, and the log says how much.
type Observer struct {
	store  ObservationStore
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	waiting map[int64][]tracking.Observation // by workspace
	count   int
	touches map[string]int // since the last tick
	lost    int
}

// NewObserver makes an observer, which does nothing before Run. A nil logger is slog.Default, a nil clock time.Now.
func NewObserver(store ObservationStore, logger *slog.Logger, now func() time.Time) *Observer {
	if logger == nil {
		logger = slog.Default()
	}
	if now == nil {
		now = time.Now
	}
	return &Observer{
		store: store, logger: logger, now: now, waiting: map[int64][]tracking.Observation{}, touches: map[string]int{},
	}
}

// Note takes an observation.
func (o *Observer) Note(workspace int64, seen tracking.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.count >= observerSize || o.touches[seen.TouchID] >= observerTouch {
		o.lost++
		return
	}
	o.count++
	o.touches[seen.TouchID]++
	o.waiting[workspace] = append(o.waiting[workspace], seen)
}

// Run stores and judges every second until the context ends, and stores what is left then.
func (o *Observer) Run(ctx context.Context) {
	ticker := time.NewTicker(observerEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			o.Tick(ctx)
		case <-ctx.Done():
			o.Tick(context.WithoutCancel(ctx))
			return
		}
	}
}

// Tick stores what waits and judges what is old enough. Failures are logged; what could not be stored waits for the next
// tick.
func (o *Observer) Tick(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, observerWait)
	defer cancel()
	waiting, lost := o.take()
	if lost > 0 {
		o.logger.WarnContext(ctx, "openings and clicks were not counted: too many at once, or the database is away", "lost", lost)
	}
	for workspace, seen := range waiting {
		for len(seen) > 0 {
			n := min(len(seen), observerGroup)
			if err := o.store.Observe(ctx, workspace, seen[:n]); err != nil {
				o.logger.ErrorContext(ctx, "store openings and clicks; they wait", "workspace", workspace, "waiting", len(seen), "error", err)
				o.giveBack(workspace, seen)
				break
			}
			seen = seen[n:]
		}
	}
	if err := o.judge(ctx); err != nil {
		o.logger.ErrorContext(ctx, "judge openings and clicks; they wait", "error", err)
	}
}

func (o *Observer) take() (waiting map[int64][]tracking.Observation, lost int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	waiting, lost = o.waiting, o.lost
	o.waiting, o.count, o.lost, o.touches = map[int64][]tracking.Observation{}, 0, 0, map[string]int{}
	return waiting, lost
}

// giveBack has observations wait again, as far as there is room.
func (o *Observer) giveBack(workspace int64, seen []tracking.Observation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fits := min(len(seen), max(0, observerSize-o.count))
	o.count += fits
	o.lost += len(seen) - fits
	o.waiting[workspace] = append(seen[:fits:fits], o.waiting[workspace]...)
}

func (o *Observer) judge(ctx context.Context) error {
	now := o.now()
	workspaces, err := o.store.Unjudged(ctx, now.Add(-tracking.Settled))
	if err != nil {
		return err
	}
	for _, workspace := range workspaces {
		for {
			n, err := o.store.Judge(ctx, workspace, now, observerGroup)
			if err != nil {
				return err
			}
			if n < observerGroup {
				break
			}
		}
	}
	return nil
}
