package activities

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/worker"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/webhook"
	"dotyk/rules/audience"
)

// Starter starts and wakes the workflows that carry cohorts. Both calls may be repeated.
type Starter interface {
	// Start starts a new cohort's workflow.
	Start(ctx context.Context, c store.CohortRef) error
	// Wake makes a cohort's workflow look again, and starts it when nobody did.
	Wake(ctx context.Context, c store.CohortRef) error
}

// Config of the activities.
type Config struct {
	Store   *store.Store
	Starter Starter
	Waker   *Waker
	Email   channels.EmailSender // nil: e-mail cannot be sent, its touches fail and say so
	SMS     channels.SMSSender   // nil: SMS cannot be sent, its touches fail and say so
	Webhook *webhook.Sender      // nil: requests to servers wait until their time is up
	Logger  *slog.Logger

	// Chunk is how many messages of a channel one Send delivers at most, so that the rate of a task queue limits that of
	// messages. 0, the default, is all of them.
	Chunk map[audience.Channel]int

	PublicURL string  // where customers and providers reach us, without a slash at the end
	From      Address // of e-mail
	SMSFrom   string  // E.164 number, alphanumeric sender or messaging service sid

	// Lateness is how old an event may be and still make a customer enter a campaign. Older ones are stored only, so
	// that an import of the past greets nobody. Default 72 hours.
	Lateness time.Duration
	// Instance names this process in claims. It must differ between processes, also between one and its successor.
	Instance string
	// Reconcile is how long after a claim an SMS provider that does not know the message is believed. Default 30 s.
	Reconcile time.Duration
}

// Address is a sender of e-mail.
type Address struct {
	Email string
	Name  string
}

// Activities are registered with a Temporal worker by Register.
type Activities struct {
	Config
	versions *versions
	segments *segments.Cache
	learner  learner
	settler  *settler
	retained atomic.Int64                       // when old rows were dropped last, in Unix seconds
	slots    map[audience.Channel]chan struct{} // one element for each message under way
}

// New makes the activities of one process.
func New(c Config) *Activities {
	if c.Lateness == 0 {
		c.Lateness = 72 * time.Hour
	}
	if c.Reconcile == 0 {
		c.Reconcile = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	a := &Activities{Config: c, versions: newVersions(), segments: &segments.Cache{}, settler: newSettler(c.Store), slots: map[audience.Channel]chan struct{}{}}
	for _, channel := range []audience.Channel{audience.Email, audience.SMS, audience.Webhook} {
		a.slots[channel] = make(chan struct{}, a.connections(channel))
	}
	return a
}

// connections is how many messages a channel's sender takes at one time; 0 without a sender.
func (a *Activities) connections(channel audience.Channel) int {
	switch {
	case channel == audience.Email && a.Email != nil:
		return a.Email.Connections()
	case channel == audience.SMS && a.SMS != nil:
		return a.SMS.Connections()
	case channel == audience.Webhook && a.Webhook != nil:
		return webhookConnections
	default:
		return 0
	}
}

// Register makes a worker run the activities.
func Register(w worker.ActivityRegistry, a *Activities) { w.RegisterActivity(a) }
