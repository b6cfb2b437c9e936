package activities

import (
	"context"
	"sync"
	"time"

	"dotyk/activities/store"
)

const (
	// settleGroup is how many answers are recorded in one transaction at most.
	settleGroup = 500
	// settleWriters is how many transactions of a workspace record at one time: while one commits, those who wait for it
	// are idle, and others send.
	settleWriters = 2
	// gatherFor is how long answers are gathered while several come at a time. It is less than a commit takes, which makes
	// the disk turn once for all of them.
	gatherFor = 2 * time.Millisecond
)

// settler records answers. Those that come while others are being recorded are recorded together after them, so that a
// commit serves as many answers as there are; an answer that comes alone waits for nobody.
type settler struct {
	store *store.Store
	mu    sync.Mutex
	open  map[int64]*settlements // by workspace
}

// settlements are the answers of one workspace that wait for their turn.
type settlements struct {
	waiting []*answer
	writers int // who record, and look again when done
}

// answer is one that is being recorded.
type answer struct {
	settlement store.Settlement
	was        store.Settled
	err        error
	done       chan struct{}
}

// wait gives what the message was before.
func (a *answer) wait() (store.Settled, error) {
	<-a.done
	return a.was, a.err
}

func newSettler(st *store.Store) *settler {
	return &settler{store: st, open: map[int64]*settlements{}}
}

// begin has an answer recorded. The context is that of all recording: it must outlive the sending.
func (s *settler) begin(ctx context.Context, workspace int64, st store.Settlement) *answer {
	a := &answer{settlement: st, done: make(chan struct{})}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.open[workspace]
	if w == nil {
		w = &settlements{}
		s.open[workspace] = w
	}
	w.waiting = append(w.waiting, a)
	if w.writers < settleWriters {
		w.writers++
		go s.record(context.WithoutCancel(ctx), workspace, w)
	}
	return a
}

// record records the answers of a workspace until none waits.
func (s *settler) record(ctx context.Context, workspace int64, w *settlements) {
	for many := false; ; {
		if many {
			<-time.After(gatherFor)
		}
		s.mu.Lock()
		group := w.next()
		if len(group) == 0 {
			if w.writers--; w.writers == 0 {
				delete(s.open, workspace)
			}
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		many = len(group) > 1
		s.write(ctx, workspace, group)
	}
}

// next takes what is recorded together: each message once.
func (w *settlements) next() []*answer {
	var group, rest []*answer
	seen := map[string]bool{}
	for _, a := range w.waiting {
		if id := a.settlement.TouchID; len(group) < settleGroup && !seen[id] {
			seen[id] = true
			group = append(group, a)
		} else {
			rest = append(rest, a)
		}
	}
	w.waiting = rest
	return group
}

// write records a group. When one of its answers is refused, each is tried alone: none suffers for another.
func (s *settler) write(ctx context.Context, workspace int64, group []*answer) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	list := make([]store.Settlement, len(group))
	for i, a := range group {
		list[i] = a.settlement
	}
	var was map[string]store.Settled
	err := insist(ctx, func() error {
		var err error
		was, err = s.store.SettleAll(ctx, workspace, list)
		return err
	})
	if err != nil && len(group) > 1 && !store.Unavailable(err) {
		for _, a := range group {
			s.write(ctx, workspace, []*answer{a})
		}
		return
	}
	for _, a := range group {
		a.was, a.err = was[a.settlement.TouchID], err
		close(a.done)
	}
}
