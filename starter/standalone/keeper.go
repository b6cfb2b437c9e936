package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"dotyk/activities/store/pglocal"
)

// keeper keeps the private Postgres running: should it end while we work, because somebody restarted or killed it, it
// is started again, and everybody connects anew.
type keeper struct {
	config pglocal.Config

	mu      sync.Mutex
	server  *pglocal.Server
	ending  context.CancelFunc
	watcher sync.WaitGroup
	lost    chan error // it ended and could not be started again
}

func (k *keeper) start(ctx context.Context) error {
	pg, err := pglocal.Start(ctx, k.config)
	if err != nil {
		return err
	}
	k.server, k.lost = pg, make(chan error, 1)
	watching, cancel := context.WithCancel(context.WithoutCancel(ctx))
	k.ending = cancel
	k.watcher.Go(func() { k.watch(watching) })
	return nil
}

func (k *keeper) url(database string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.server.URL(database)
}

func (k *keeper) watch(ctx context.Context) {
	for {
		k.mu.Lock()
		current := k.server
		k.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-current.Done():
		}
		if ctx.Err() != nil {
			return
		}
		k.config.Logger.Error("the private Postgres ended: starting it again")
		if err := k.restart(ctx, current); err != nil {
			k.lost <- err
			return
		}
	}
}

var errMoved = errors.New("its address changed")

func (k *keeper) restart(ctx context.Context, old *pglocal.Server) error {
	address := old.URL("dotyk")
	if err := old.Stop(); err != nil { // gives the lock back
		k.config.Logger.Warn("give up the ended Postgres", "error", err)
	}
	pg, err := pglocal.Start(ctx, k.config)
	if err != nil {
		return err
	}
	k.mu.Lock()
	k.server = pg
	k.mu.Unlock()
	if pg.URL("dotyk") != address {
		return errMoved
	}
	return nil
}

func (k *keeper) stop() error {
	k.ending()
	k.watcher.Wait()
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.server.Stop(); err != nil {
		return fmt.Errorf("stop private Postgres: %w", err)
	}
	return nil
}
