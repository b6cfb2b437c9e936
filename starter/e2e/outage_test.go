package e2e

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store/pglocal"
)

// database is a Postgres that the test owns, so that it can be away.
type database struct {
	config pglocal.Config
	server *pglocal.Server
}

// startDatabase runs a Postgres with an empty database named dotyk until the test ends. A fast one is for tests that
// never take it away.
func startDatabase(t *testing.T, name string, fast bool) *database {
	t.Helper()
	d := &database{config: pglocal.Config{Dir: filepath.Join(scratch, name), Fast: fast}}
	d.start(t)
	t.Cleanup(func() { d.stop(t) })
	conn, err := pgx.Connect(t.Context(), d.server.URL("postgres"))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE DATABASE dotyk")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	return d
}

func (d *database) url() string { return d.server.URL("dotyk") }

func (d *database) start(t *testing.T) {
	t.Helper()
	var err error
	d.server, err = pglocal.Start(t.Context(), d.config)
	require.NoError(t, err)
}

// stop breaks all connections off and shuts the server down.
func (d *database) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, d.server.Stop())
}

// TestOutage takes away what the product leans on while it is at work.
func TestOutage(t *testing.T) {
	t.Parallel()
	db := startDatabase(t, "outage-postgres", false)
	out := startSinks(t, 4)
	p := startProduct(t, "outage", append(slices.Clone(out.env), "DATABASE_URL="+db.url()), "--examples=false")
	p.publish(t, rush)
	//nolint:paralleltest // each takes something away from all
	t.Run("The mail server is away", func(t *testing.T) { mailAway(t, p, out) })
	//nolint:paralleltest // each takes something away from all
	t.Run("The database restarts", func(t *testing.T) { databaseAway(t, p, out, db) })
}

// mailAway wants mail to wait with the reason on the record, text messages to go all the same, and all mail to be sent
// once as soon as the server is back.
func mailAway(t *testing.T, p *product, out *sinks) {
	require.NoError(t, out.mail.Stop())
	everybody := p.rushers(t, "patient", 50)
	eventually(t, func() bool { return len(out.phone.Messages("")) == len(everybody) }, "texts did not go")
	var tried []string
	eventually(t, func() bool { // of a cohort the first few, which find out for all
		tried = rows[string](t, &p.site, `SELECT external_id FROM touches t JOIN customers k ON k.id = t.customer_id
			WHERE t.channel = 'email' AND t.status = 'planned' AND t.attempts > 1 AND outcome LIKE '%refused%'`)
		return len(tried) > 0
	}, "no mail was tried twice")
	require.Contains(t, p.succeed(t, "customer", "show", tried[0]), "connection refused")
	require.Empty(t, out.mail.Messages())

	require.NoError(t, out.mail.Restart())
	p.awaitSettled(t)
	require.Zero(t, p.requireOnce(t, out, everybody))
}

// databaseAway wants what was acknowledged to be stored once, what was not to be answered in a way that makes clients
// send it again, and every journey to come to its end.
func databaseAway(t *testing.T, p *product, out *sinks, db *database) {
	const clients, each = 8, 40
	var everybody []person
	var acknowledged, refused atomic.Int64
	g, ctx := errgroup.WithContext(t.Context())
	for range clients {
		var bodies []string
		for range each {
			who := newPerson("load")
			everybody = append(everybody, who)
			registered := track(who.id, "rush_started", nil)
			registered["messageId"] = "load-" + who.id
			bodies = append(bodies, encode(t, object{"batch": []object{who.identify(), registered}}))
		}
		g.Go(func() error {
			for _, body := range bodies {
				if err := p.insist(ctx, body, &refused); err != nil {
					return err
				}
				acknowledged.Add(1)
			}
			return nil
		})
	}
	eventually(t, func() bool { return acknowledged.Load() >= clients*each/4 }, "events were not acknowledged")
	db.stop(t)
	eventually(t, func() bool { return refused.Load() >= clients }, "events were acknowledged without a database")
	health := p.request(t, http.MethodGet, "/healthz", "", "")
	require.Equal(t, http.StatusServiceUnavailable, health.status, health.body)
	db.start(t)
	require.NoError(t, g.Wait())
	t.Logf("%d requests were refused while the database was away", refused.Load())
	p.ready(t)

	require.Equal(t, clients*each, p.count(t, `SELECT count(*) FROM events WHERE message_id LIKE 'load-%'`))
	require.Equal(t, clients*each, p.count(t, `SELECT count(DISTINCT message_id) FROM events WHERE message_id LIKE 'load-%'`))
	p.awaitSettled(t)
	require.LessOrEqual(t, p.requireOnce(t, out, everybody), out.connections)
	require.Zero(t, p.count(t, `SELECT count(*) FROM journeys WHERE status <> 'finished'`))
	require.True(t, p.running())
}

// insist posts a batch until it is acknowledged, and counts how often it was refused before. Any other answer than that
// it may be sent again is an error.
func (s *site) insist(ctx context.Context, body string, refused *atomic.Int64) error {
	for {
		a, err := s.try(ctx, http.MethodPost, "/v1/batch", "application/json", body)
		if err != nil || a.status == http.StatusOK {
			return err
		}
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") == "" {
			return fmt.Errorf("answered %d: %s", a.status, a.body)
		}
		refused.Add(1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(tick):
		}
	}
}
