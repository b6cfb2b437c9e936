package activities

import (
	"context"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/audience"
)

// facts is what rules may look at, for a batch of customers.
type facts struct {
	customers    map[string]audience.Customer
	history      map[string]map[string][]audience.Event
	unsubscribed map[string]bool
}

// loadFacts loads what the rules need for all customers at once: at most three queries, whatever the batch.
func loadFacts(ctx context.Context, tx *store.Tx, customers []string, needs rules.Needs, now time.Time) (facts, error) {
	var f facts
	var err error
	if f.customers, err = tx.Customers(ctx, customers); err != nil {
		return f, err
	}
	return f, f.loadHistory(ctx, tx, customers, needs, now)
}

func (f *facts) loadHistory(ctx context.Context, tx *store.Tx, customers []string, needs rules.Needs, now time.Time) error {
	since := make(map[string]time.Time, len(needs.History))
	for name, window := range needs.History {
		since[name] = time.Time{}
		if window > 0 {
			since[name] = now.Add(-window)
		}
	}
	var err error
	if f.history, err = tx.History(ctx, customers, since); err != nil {
		return err
	}
	if needs.Consents {
		f.unsubscribed, err = tx.Unsubscribed(ctx, customers)
	}
	return err
}

func (f *facts) env(customer string, e *audience.Event, now time.Time) rules.Env {
	env := rules.Env{
		Customer: f.customers[customer], Event: e, History: f.history[customer],
		Unsubscribed: f.unsubscribed[customer], Now: now,
	}
	if e != nil {
		env.Entry = e.Properties
	}
	return env
}
