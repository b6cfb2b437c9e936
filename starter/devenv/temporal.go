package devenv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
	"go.temporal.io/server/temporal"
)

// retention is how long closed workflows can be looked at.
const retention = 7 * 24 * time.Hour

// stopAtMost bounds Stop: the server itself would wait minutes for callers that do not let go.
const stopAtMost = 30 * time.Second

// portAttempts is how often a start is tried when another program takes one of the ports that were free a moment ago.
const portAttempts = 5

// TemporalConfig says where the Temporal server keeps its state and what it is for.
type TemporalConfig struct {
	// PostgresURL is any database of the cluster to use (postgres://…), as a user who may create databases.
	PostgresURL string
	// DatabasePrefix is put before the names of the two databases, temporal and temporal_visibility, so that several
	// servers can share one cluster. Lower-case letters, digits and underscores.
	DatabasePrefix string
	// Namespace is registered when it is missing; "default" if empty.
	Namespace string
	// Logger hears the server's warnings and errors; nil is silent.
	Logger *slog.Logger
}

// Temporal is a Temporal server, all four services, in this process.
type Temporal struct {
	server   temporal.Server
	hostPort string
	failed   *failure
	stop     func() error
}

// StartTemporal starts a Temporal server on a Postgres cluster, making or upgrading its databases, and returns when
// workflows can be started in the namespace. ctx governs the start alone; the server runs until Stop. One server at a
// time may use the databases of one prefix.
func StartTemporal(ctx context.Context, config TemporalConfig) (*Temporal, error) {
	if config.Namespace == "" {
		config.Namespace = "default"
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	var stores databases
	failed := newFailure()
	err := failed.guard(func() (err error) {
		stores, err = prepareDatabases(ctx, config, newServerLogger(config.Logger, failed))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	var t *Temporal
	for range portAttempts {
		ports, portsErr := freePorts(ctx, len(temporal.DefaultServices))
		if portsErr != nil {
			return nil, fmt.Errorf("start Temporal: %w", portsErr)
		}
		t, err = launch(stores, ports, config.Logger)
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("start Temporal: %w", err)
	}
	if err := t.prepareNamespace(ctx, config.Namespace, config.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("start Temporal: %w", err), t.Stop())
	}
	t.failed.settled.Store(true)
	return t, nil
}

// launch runs the services on the given ports, those of temporal.DefaultServices in their order.
func launch(stores databases, ports []int, log *slog.Logger) (*Temporal, error) {
	hosts := map[primitives.ServiceName]static.Hosts{}
	for i, name := range temporal.DefaultServices {
		hosts[primitives.ServiceName(name)] = static.SingleLocalHost(hostPort(ports[i]))
	}
	t := &Temporal{hostPort: hosts[primitives.FrontendService].Self, failed: newFailure()}
	t.stop = sync.OnceValue(t.shutdown)
	err := t.failed.guard(func() (err error) {
		t.failed.assembling.Store(true)
		t.server, err = temporal.NewServer(
			temporal.WithConfig(serverConfig(stores, ports)),
			temporal.ForServices(temporal.DefaultServices),
			temporal.WithStaticHosts(hosts),
			temporal.WithLogger(newServerLogger(log, t.failed)),
			temporal.WithDynamicConfigClient(dynamicSettings()),
		)
		if err != nil {
			return fmt.Errorf("assemble server: %w", err)
		}
		t.failed.assembling.Store(false)
		if err := t.server.Start(); err != nil {
			return fmt.Errorf("start services: %w", err)
		}
		return nil
	})
	if err != nil && t.server != nil {
		return nil, errors.Join(err, t.Stop())
	}
	return t, err
}

// HostPort is the address that clients and workers connect to.
func (t *Temporal) HostPort() string { return t.hostPort }

// Failed is closed when the server meets an error that it cannot go on after. Err then says which.
func (t *Temporal) Failed() <-chan struct{} { return t.failed.done }

// Err gives the error that ended the server, nil as long as it is well.
func (t *Temporal) Err() error { return t.failed.cause() }

// Stop ends the services and waits for them. Workers and clients should be stopped before. Later calls return what the
// first did. A few goroutines of the server's own system workers outlive it: it is made to end with its process.
func (t *Temporal) Stop() error { return t.stop() }

func (t *Temporal) shutdown() error {
	t.failed.settled.Store(false)
	ended := make(chan error, 1)
	go func() {
		ended <- t.failed.guard(t.server.Stop)
	}()
	select {
	case err := <-ended:
		if err != nil {
			return fmt.Errorf("stop Temporal: %w", err)
		}
		return nil
	case <-time.After(stopAtMost):
		return fmt.Errorf("stop Temporal: no end after %s", stopAtMost)
	}
}

// freePorts finds ports of the loopback interface that nobody listens on. All are held until the last is found, so that
// they differ.
func freePorts(ctx context.Context, n int) (ports []int, err error) {
	var listen net.ListenConfig
	for range n {
		l, err := listen.Listen(ctx, "tcp", hostPort(0))
		if err != nil {
			return nil, fmt.Errorf("find free port: %w", err)
		}
		defer func() { err = errors.Join(err, l.Close()) }()
		addr, ok := l.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("find free port: listening on %s", l.Addr())
		}
		ports = append(ports, addr.Port)
	}
	return ports, nil
}

const loopback = "127.0.0.1"

func hostPort(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }
