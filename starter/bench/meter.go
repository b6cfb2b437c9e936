package main

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// pollEvery is how often a case looks whether what it waits for has come. It is no part of what is timed.
const pollEvery = 20 * time.Millisecond

// metered runs one side and adds what it cost. fn gives its effect and returns when everything it set off is over, so
// that the cost is complete and the next case finds the machine at rest; its wall time may have ended before.
func (l *lab) metered(ctx context.Context, fn func(context.Context) (effect, error)) (figures, error) {
	var f figures
	// Every run begins alike: no pages to write from the one before, no garbage.
	if _, err := l.admin.Exec(ctx, "CHECKPOINT"); err != nil {
		return f, fmt.Errorf("write checkpoint: %w", err)
	}
	runtime.GC()
	if err := resetPeak(); err != nil {
		return f, err
	}
	before, err := l.spent(ctx)
	if err != nil {
		return f, err
	}
	done, err := fn(ctx)
	if err != nil {
		return f, err
	}
	after, err := l.spent(ctx)
	if err != nil {
		return f, err
	}
	if f.PeakRSS, err = peak(); err != nil {
		return f, err
	}
	f.take(done)
	n := float64(done.items)
	f.OwnCPU = divide(micros(after.own-before.own), n)
	f.PostgresCPU = divide(micros(after.postgres-before.postgres), n)
	f.CPU = f.OwnCPU + f.PostgresCPU
	f.WAL = divide(after.wal-before.wal, n)
	f.Load = before.load
	others := after.busy - before.busy - (after.own - before.own) - (after.postgres - before.postgres) - done.outside
	f.Others = max(divide(float64(others), float64(after.all-before.all)), 0)
	return f, nil
}

// spent is what has been used up since the start.
type spent struct {
	own, postgres time.Duration // CPU
	busy, all     time.Duration // CPU: of everything on this machine, and what there was of it
	wal           float64       // bytes
	load          float64       // load average of the last minute: a state, not a sum
}

func (l *lab) spent(ctx context.Context) (spent, error) {
	var s spent
	err := l.admin.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0')::float8`).Scan(&s.wal)
	if err != nil {
		return s, fmt.Errorf("ask how much was logged: %w", err)
	}
	if s.own, err = ownTime(); err != nil {
		return s, err
	}
	if s.postgres, err = treeTime(l.postmaster); err != nil {
		return s, err
	}
	if s.busy, s.all, err = machineTime(); err != nil {
		return s, err
	}
	s.load, err = loadAverage()
	return s, err
}

// until asks again and again, until the answer is yes.
func until(ctx context.Context, ask func(context.Context) (bool, error)) error {
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		yes, err := ask(ctx)
		if err != nil || yes {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
