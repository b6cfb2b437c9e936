package main

import (
	"context"
	"fmt"
	"time"

	"dotyk/activities/store"
)

// picking measures what the worker adds to storing events: it judges each of them.
func picking() experiment {
	return experiment{
		name: "pick", events: 50_000, batch: 100, engine: true,
		about: "events are stored beside as many that are there, and picked at once; time is until the last has been judged",
		setup: setUpPicking,
		cases: []benchCase{
			{name: "unwatched", unit: "events", run: unwatched, about: "no campaign is live"},
			{name: "watched", unit: "events", run: watched, about: "one campaign is live, which another event triggers"},
			{name: "watched-fresh", unit: "events", run: watchedFresh, about: fmt.Sprintf("at most %d in a new database: no rows are there, and Postgres knows nothing about them", firstHour)},
			{name: "stored", unit: "events", run: storedOnly, limit: true, about: "the same events as history, which is stored and not picked"},
		},
		targets: []target{
			{about: "events a second with picking / stored only", of: rate(), ours: "watched", limit: "stored"},
			{about: "CPU of an event with picking / stored only", of: cpu(), ours: "watched", limit: "stored"},
			{about: "events a second in a new database / in one with rows", of: rate(), ours: "watched-fresh", limit: "watched"},
			{about: "CPU with a live campaign / with none", of: cpu(), ours: "watched", limit: "unwatched"},
		},
	}
}

// unconcerned is the name of the campaign that waits for another event.
const unconcerned = "unconcerned"

func setUpPicking(ctx context.Context, l *lab, p plan) error {
	if err := l.publish(ctx, unconcerned+".yaml"); err != nil {
		return err
	}
	if _, err := storedOnly(ctx, l, p); err != nil {
		return err
	}
	all, err := l.take(ctx)
	if err != nil {
		return err
	}
	l.resident = all.settled()
	p.label += "-pick"
	_, err = watched(ctx, l, p)
	return err
}

func unwatched(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.pick(ctx, viewJob(l, p), p, store.Paused, l.resident)
}

func watched(ctx context.Context, l *lab, p plan) (figures, error) {
	return l.pick(ctx, viewJob(l, p), p, store.Live, l.resident)
}

func watchedFresh(ctx context.Context, l *lab, p plan) (figures, error) {
	p.Events = min(p.Events, firstHour)
	return l.pick(ctx, viewJob(l, p), p, store.Live, nil)
}

// storedOnly marks the events as history: they are stored alike and start nothing.
func storedOnly(ctx context.Context, l *lab, p plan) (figures, error) {
	j := viewJob(l, p)
	j.Historical = true
	return l.pick(ctx, j, p, store.Paused, l.resident)
}

// pick meters a job while the campaign has a status.
func (l *lab) pick(ctx context.Context, j job, p plan, status store.CampaignStatus, there rows) (figures, error) {
	if err := l.store.SetCampaignStatus(ctx, l.workspace, unconcerned, status); err != nil {
		return figures{}, err
	}
	return l.ingest(ctx, j.Items, there, func(ctx context.Context) (effect, error) {
		return l.drained(ctx, j, p)
	})
}

// drained posts events and waits until none is left to be judged. The wait counts.
func (l *lab) drained(ctx context.Context, j job, p plan) (effect, error) {
	d, err := l.outside.do(ctx, j, p.progress)
	if err != nil {
		return effect{}, err
	}
	e := d.effect(j.Items)
	began := time.Now()
	err = l.awaitPicked(ctx)
	e.wall += time.Since(began)
	return e, err
}

// awaitPicked waits until no event is left to be judged.
func (l *lab) awaitPicked(ctx context.Context) error {
	return until(ctx, func(ctx context.Context) (bool, error) {
		var empty bool
		if err := l.admin.QueryRow(ctx, `SELECT NOT EXISTS (SELECT FROM intake)`).Scan(&empty); err != nil {
			return false, fmt.Errorf("look for events that wait: %w", err)
		}
		return empty, nil
	})
}
