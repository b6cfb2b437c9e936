package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/sms"
	"dotyk/channels/webhook"
	"dotyk/rules/audience"
	"dotyk/workflows"
)

// Worker is a running worker: it picks events, carries journeys and sends messages until Stop.
type Worker struct {
	Store *store.Store
	// Mailers give each workspace what it sends e-mail over.
	Mailers  *activities.AccountMailers
	client   client.Client
	workers  []worker.Worker
	email    channels.EmailSender
	cancel   context.CancelFunc
	waker    sync.WaitGroup
	ownStore bool
	logger   *slog.Logger
}

// Options are for programs that hold the worker together with other parts.
type Options struct {
	Logger *slog.Logger
	// Store is used instead of one of the worker's own, and is not closed by Stop.
	Store *store.Store
	// StoreConns bounds the connections of a store of the worker's own.
	StoreConns int
	// Alone says that no other worker can be running. The pickers of an earlier process, which may have been killed, are
	// then replaced at once instead of after their heartbeat is missed.
	Alone bool
	// Reconcile and Lateness are those of activities.Config.
	Reconcile time.Duration
	Lateness  time.Duration
}

// stopTimeout is how long messages that are being sent may take to finish when the worker stops.
const stopTimeout = 20 * time.Second

// Start connects to everything and begins to work. The context governs the start alone.
func Start(ctx context.Context, c Config, o Options) (_ *Worker, err error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &Worker{Store: o.Store, cancel: cancel, logger: o.Logger}
	defer func() {
		if err != nil {
			w.Stop()
		}
	}()
	if w.Store == nil {
		w.ownStore = true
		keys, err := store.ParseSecretKeys(c.SecretKey)
		if err != nil {
			return nil, fmt.Errorf("DOTYK_SECRET_KEY: %w", err)
		}
		if w.Store, err = store.Open(ctx, c.DatabaseURL, store.Options{MaxConns: o.StoreConns, SecretKeys: keys}); err != nil {
			return nil, err
		}
	}
	conf, err := w.configure(c, o)
	if err != nil {
		return nil, err
	}
	w.client, err = client.DialContext(ctx, ClientOptions(c, o.Logger))
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal at %s: %w", c.TemporalAddress, err)
	}
	conf.Starter = cohorts{w.client}
	w.waker.Go(func() { conf.Waker.Run(running) })
	if err := w.startWorkers(activities.New(conf), c); err != nil {
		return nil, err
	}
	return w, w.startKeepers(ctx, o.Alone)
}

// ClientOptions says how to connect to Temporal. What goes to the same machine is not compressed: it would cost more than
// it saves.
func ClientOptions(c Config, logger *slog.Logger) client.Options {
	o := client.Options{
		HostPort: c.TemporalAddress, Namespace: c.TemporalNamespace, Logger: log.NewStructuredLogger(logger),
	}
	host, _, err := net.SplitHostPort(c.TemporalAddress)
	if err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback()) {
		o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
	}
	return o
}

func (w *Worker) configure(c Config, o Options) (activities.Config, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	conf := activities.Config{
		Store: w.Store, Logger: o.Logger, PublicURL: c.publicURL(), SMSFrom: c.SMSFrom, Reconcile: o.Reconcile,
		Lateness: o.Lateness, Instance: fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8]),
		Waker: activities.NewWaker(w.Store, o.Logger), Chunk: map[audience.Channel]int{},
		Webhook: webhook.New(webhook.Config{AllowPrivate: c.WebhookPrivate}),
	}
	for _, channel := range sendChannels() {
		conf.Chunk[channel] = c.rate(channel).chunk
	}
	if c.EmailFrom != "" {
		from, err := mail.ParseAddress(c.EmailFrom)
		if err != nil {
			return conf, fmt.Errorf("parse sender of e-mail: %w", err)
		}
		conf.From = activities.Address{Email: from.Address, Name: from.Name}
	}
	if c.SMTPURL != "" {
		parsed, err := email.ParseURL(c.SMTPURL)
		if err != nil {
			return conf, err
		}
		if parsed.DKIM, err = c.dkimKeys(); err != nil {
			return conf, err
		}
		if w.email, err = email.New(parsed); err != nil {
			return conf, err
		}
		conf.Email = w.email
	}
	w.Mailers = w.newMailers(c, o.Logger)
	conf.Mailers = w.Mailers
	if c.TwilioAccountSID != "" {
		sender, err := sms.New(sms.Config{
			AccountSID: c.TwilioAccountSID, AuthToken: c.TwilioAuthToken, BaseURL: c.TwilioBaseURL,
		})
		if err != nil {
			return conf, err
		}
		conf.SMS = sms.NewRouter(sender, w.Store)
	}
	return conf, nil
}

// sendChannels are those that have a queue of their own.
func sendChannels() []audience.Channel {
	return []audience.Channel{audience.Email, audience.SMS, audience.Webhook}
}

// startWorkers polls the main queue and one queue a channel, which can be limited and stopped by itself.
func (w *Worker) startWorkers(a *activities.Activities, c Config) error {
	core := worker.New(w.client, workflows.TaskQueue, worker.Options{WorkerStopTimeout: stopTimeout})
	workflows.Register(core)
	activities.Register(core, a)
	w.workers = append(w.workers, core)
	for _, channel := range sendChannels() {
		sender := worker.New(w.client, workflows.SendQueue(channel), worker.Options{
			DisableWorkflowWorker: true, WorkerStopTimeout: stopTimeout, TaskQueueActivitiesPerSecond: c.rate(channel).perSecond,
		})
		activities.Register(sender, a)
		w.workers = append(w.workers, sender)
	}
	for i, one := range w.workers {
		if err := one.Start(); err != nil {
			w.workers = w.workers[:i]
			return fmt.Errorf("start worker: %w", err)
		}
	}
	return nil
}

// startKeepers makes sure that every shard has its picker, and the installation its builder of segments; those that run
// already go on, or are replaced. Should two do the same work for a moment, it is done once all the same.
func (w *Worker) startKeepers(ctx context.Context, replace bool) error {
	policy := enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING
	if replace {
		policy = enumspb.WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING
	}
	start := func(id string, workflow any, args ...any) error {
		_, err := w.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: id, TaskQueue: workflows.TaskQueue, WorkflowIDConflictPolicy: policy,
		}, workflow, args...)
		if err != nil {
			return fmt.Errorf("start workflow %s: %w", id, err)
		}
		return nil
	}
	for shard := range int16(store.Shards) {
		if err := start(workflows.IntakeID(shard), workflows.Intake, workflows.IntakeInput{Shard: shard}); err != nil {
			return err
		}
	}
	return start(workflows.RefreshID, workflows.Refresh)
}

// Stop lets messages under way finish, for a while, and closes every connection.
func (w *Worker) Stop() {
	var all sync.WaitGroup
	for _, one := range w.workers {
		all.Go(one.Stop)
	}
	all.Wait()
	w.cancel()
	w.waker.Wait()
	if w.client != nil {
		w.client.Close()
	}
	if w.Mailers != nil { // w.email is closed by them
		if err := w.Mailers.Close(); err != nil && !errors.Is(err, context.Canceled) {
			w.logger.Warn("close mail connections", "error", err)
		}
	}
	if w.ownStore && w.Store != nil {
		w.Store.Close()
	}
}
