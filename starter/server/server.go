package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/starter/api"
	"dotyk/starter/campaigns"
	"dotyk/starter/ingest"
	"dotyk/starter/manage"
)

// Config of a server.
type Config struct {
	Store           *store.Store
	PublicURL       string
	TwilioAuthToken string
	Logger          *slog.Logger
	Desk            activities.Desk                 // dials calls; the zero value refuses to
	Mailer          campaigns.Mailer                // sends tests of e-mails; the zero value refuses to
	Ready           func(ctx context.Context) error // nil: the database answers
	Dev             http.Handler                    // nil outside of standalone
}

// Server is a running API.
type Server struct {
	http    *http.Server
	batcher *ingest.Batcher
	failed  chan error

	observed      chan struct{} // closed when what was seen of messages is stored
	stopObserving context.CancelFunc
}

// stopTimeout is how long requests under way may take to finish when the server stops.
const stopTimeout = 15 * time.Second

// Start serves the API on a listener until Stop; the end of ctx does not end it.
func Start(ctx context.Context, ln net.Listener, c Config) *Server {
	batcher := ingest.NewBatcher(c.Store, ingest.BatcherConfig{Logger: c.Logger})
	observer := api.NewObserver(c.Store, c.Logger, nil)
	handler := api.New(api.Config{
		Store: c.Store, Batcher: batcher, Observer: observer, Logger: c.Logger, PublicURL: c.PublicURL, TwilioAuthToken: c.TwilioAuthToken,
		Ready: c.Ready, Dev: c.Dev, Management: manage.New(manage.Config{Store: c.Store, Logger: c.Logger, Desk: c.Desk, Mailer: c.Mailer}),
	})
	observing, stopObserving := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		batcher: batcher, failed: make(chan error, 1), observed: make(chan struct{}), stopObserving: stopObserving,
		http: &http.Server{
			Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute,
			IdleTimeout: 2 * time.Minute, ErrorLog: slog.NewLogLogger(c.Logger.Handler(), slog.LevelDebug),
		},
	}
	go func() {
		defer close(s.observed)
		observer.Run(observing)
	}()
	go func() { s.failed <- s.http.Serve(ln) }()
	return s
}

// Failed gives the error that ended the server by itself.
func (s *Server) Failed() <-chan error { return s.failed }

// Stop lets requests under way finish and commits what they brought.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	err := s.http.Shutdown(ctx)
	s.batcher.Close()
	s.stopObserving()
	<-s.observed
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop HTTP server: %w", err)
	}
	return nil
}
