package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var serveLine = regexp.MustCompile(`(?m)^serving on (http://\S+)$`)

// apart is the product as it runs on several machines: an API, a worker, a database and a Temporal server, each a
// process of its own.
type apart struct {
	site
	whole    *testing.T // what is started for it outlives the part of the test that starts it
	out      *sinks
	db       *database
	relay    *relay // what the worker believes to be the Temporal server
	temporal *process
	worker   *process
}

// TestApart runs the programs apart, and looks into the workflows' histories, which only a Temporal server of the
// test's own shows.
func TestApart(t *testing.T) {
	t.Parallel()
	a := &apart{whole: t, out: startSinks(t, 10), db: startDatabase(t, "apart-postgres", true), relay: startRelay(t)}
	a.data = a.db.url()
	a.env = []string{"DATABASE_URL=" + a.data, "DOTYK_WORKSPACE=main"}
	require.Contains(t, a.succeed(t, "migrate"), "applied")
	require.Equal(t, "the database is up to date\n", a.succeed(t, "migrate"))
	a.key = strings.TrimSpace(a.succeed(t, "key", "create"))
	a.url = start(t, "starter", a.env, "serve", "--listen", "127.0.0.1:0").await(t, serveLine)
	a.ready(t)

	//nolint:paralleltest // the first and the last start and stop what the others need
	for _, part := range []struct {
		name string
		test func(*testing.T, *apart)
	}{
		{"Temporal is not there yet", testTemporalLate},
		{"Temporal is killed", testTemporalKilled},
		{"History of a single journey", testSingleHistory},
		{"History of a wait that is met", testMetHistory},
		{"History of a wait that times out", testTimeoutHistory},
		{"History of a journey that was paused", testPausedHistory},
		{"Histories of an audience", testAudienceHistory},
		{"A rush of entries", testRush},
		{"Histories of what takes turns", testTurnsHistory},
		{"The worker stops without Temporal", testStopAlone},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, a) })
	}
}

// startWorker runs a worker until t ends.
func (a *apart) startWorker(t *testing.T) *process {
	t.Helper()
	env := append(slices.Clone(a.out.env), "DATABASE_URL="+a.data, "TEMPORAL_ADDRESS="+a.relay.address(), "PUBLIC_URL="+a.url)
	return start(t, "worker", env)
}

func (a *apart) startTemporal() {
	var address string
	a.temporal, address = startTemporal(a.whole, a.data)
	a.relay.to(address)
}

// testTemporalLate wants events to be taken, and a worker to say what it lacks, while there is no Temporal server; and
// everything to be sent once there is.
func testTemporalLate(t *testing.T, a *apart) {
	a.publish(t, rush)
	everybody := a.rushers(t, "early", 20)
	w := a.startWorker(t)
	<-w.done
	require.Error(t, w.err)
	require.Contains(t, string(w.output.bytes()), "worker: connect to Temporal at "+a.relay.address())
	require.Equal(t, len(everybody), a.count(t, `SELECT count(*) FROM events WHERE name = 'rush_started'`))

	a.startTemporal()
	a.worker = a.startWorker(a.whole)
	a.awaitSettled(t)
	require.Zero(t, a.requireOnce(t, a.out, everybody))
}

// testTemporalKilled wants events to be taken while the Temporal server is away, and the worker to go on by itself when
// it is back.
func testTemporalKilled(t *testing.T, a *apart) {
	before := a.out.mail.Stats().Messages
	a.temporal.kill(t)
	a.relay.to("")
	everybody := a.rushers(t, "unlucky", 20)
	never(t, 2*time.Second, func() bool { return a.out.mail.Stats().Messages > before }, "mail was sent without workflows")

	began := time.Now()
	a.startTemporal()
	a.awaitSettled(t)
	t.Logf("everything was sent %s after Temporal was started again", time.Since(began).Round(100*time.Millisecond))
	require.Zero(t, a.requireOnce(t, a.out, everybody))
	require.True(t, a.worker.running())
}

// testStopAlone wants a worker to end well when it cannot say goodbye.
func testStopAlone(t *testing.T, a *apart) {
	a.temporal.kill(t)
	a.relay.to("")
	began := time.Now()
	a.worker.stop(t)
	t.Logf("it took %s", time.Since(began).Round(100*time.Millisecond))
}
