package activities

import (
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
)

// factsByCustomer is what rules may look at, for a batch of customers.
type factsByCustomer map[string]rules.Facts

// env is what the rules of a trigger look at. Without an event there is no entry either.
func (f factsByCustomer) env(customer string, e *audience.Event, now time.Time) rules.Env {
	env := rules.Env{Facts: f[customer], Event: e, Now: now}
	if e != nil {
		env.Entry = e.Properties
	}
	return env
}
