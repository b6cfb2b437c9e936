package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// TestBroadcastKilled sends one mail to each of twenty thousand people, and ten times, at moments that chance chooses,
// kills the worker, the database, or everything. The mail server counts: nobody is left out, nobody is written to twice,
// and no more mails are of unknown fate than connections were open at the kills; the command line lists each of them.
func TestBroadcastKilled(t *testing.T) {
	t.Parallel()
	const kills = 10
	everybody := 20_000
	if testing.Short() {
		everybody = 2_000
	}
	a := &apart{whole: t, out: startSinks(t, 20), db: startDatabase(t, "broadcast-postgres", false), relay: startRelay(t)}
	a.data = a.db.url()
	a.env = []string{"DATABASE_URL=" + a.data, "DOTYK_WORKSPACE=main"}
	a.succeed(t, "migrate")
	a.key = strings.TrimSpace(a.succeed(t, "key", "create"))
	api := start(t, "starter", a.env, "serve", "--listen", "127.0.0.1:0")
	a.url = api.await(t, serveLine)
	a.ready(t)
	people := a.crowd(t, everybody)
	a.startTemporal()
	a.worker = a.startWorker(t)
	a.publish(t, "campaign: broadcast\ntrigger: {audience: customer.email != \"\"}\ntopic: news\n"+
		"steps: [{email: {id: mail, subject: Hello, text: \"Hello. {{ unsubscribe_url }}\"}}]\n")

	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	for i := range kills {
		at := everybody*i/(kills+2) + 1 + chance.IntN(everybody/(kills+2))
		eventually(t, func() bool { return a.out.mail.Stats().Messages >= at }, "%d mails were not sent", at)
		switch i % 3 {
		case 0:
			a.worker.kill(t)
		case 1:
			a.db.crash(t)
		case 2:
			a.worker.kill(t)
			api.kill(t)
			a.temporal.kill(t)
			a.db.crash(t)
			a.startTemporal()
			api = start(t, "starter", a.env, "serve", "--listen", strings.TrimPrefix(a.url, "http://"))
		}
		if !a.worker.running() {
			a.worker = a.startWorker(t)
		}
	}
	began := time.Now()
	eventually(t, func() bool {
		return a.count(t, `SELECT (SELECT count(*) FROM audience_entries WHERE finished_at IS NULL)
			+ (SELECT count(*) FROM touches WHERE status IN ('planned', 'claimed'))`) == 0 &&
			a.count(t, `SELECT count(*) FROM journeys WHERE status = 'finished'`) == everybody
	}, "not everything was sent")
	t.Logf("all was done %s after the last kill", time.Since(began).Round(time.Second))
	a.requireEachOnce(t, people, kills)
}

// crowd registers people, who have an e-mail address and do nothing.
func (a *apart) crowd(t *testing.T, n int) []person {
	t.Helper()
	people := make([]person, n)
	events := make([]object, n)
	for i := range people {
		people[i] = newPerson("many")
		events[i] = identify(people[i].id, object{"email": people[i].email})
	}
	var refused atomic.Int64
	post := errgroup.Group{}
	post.SetLimit(4)
	for part := range slices.Chunk(events, 1000) {
		body := encode(t, object{"batch": part})
		post.Go(func() error { return a.insist(t.Context(), body, &refused) })
	}
	require.NoError(t, post.Wait())
	return people
}

// requireEachOnce compares the ledger with what the mail server took.
func (a *apart) requireEachOnce(t *testing.T, people []person, kills int) {
	t.Helper()
	mails := map[string]int{}
	for _, m := range a.out.mail.Messages() {
		mails[m.To[0]]++
	}
	status := map[string]string{}
	for _, row := range rows[string](t, &a.site, `SELECT address || ' ' || status FROM touches WHERE direction = 'out'`) {
		address, is, _ := strings.Cut(row, " ")
		require.Empty(t, status[address], "two touches for %s", address)
		status[address] = is
	}
	require.Len(t, status, len(people))
	uncertain, lost := 0, 0
	listed := a.succeed(t, "touch", "list", "--status", "uncertain", "--limit", "1000")
	for _, who := range people {
		switch status[who.email] {
		case "accepted":
			require.Equal(t, 1, mails[who.email], "mails to %s", who.email)
		case "uncertain":
			uncertain++
			lost += 1 - mails[who.email]
			require.LessOrEqual(t, mails[who.email], 1, "mails to %s", who.email)
			require.Contains(t, listed, who.email)
		default:
			require.Fail(t, "neither sent nor uncertain", "mail to %s is %q", who.email, status[who.email])
		}
	}
	require.LessOrEqual(t, uncertain, kills*a.out.connections)
	t.Logf("%d people, %d kills: %d mails are uncertain, at most %d may be; %d of these were not sent", len(people), kills, uncertain,
		kills*a.out.connections, lost)
}

// crash ends the server without a chance to tidy up, and starts it again.
func (d *database) crash(t *testing.T) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(d.config.Dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	eventually(t, func() bool { return syscall.Kill(pid, 0) != nil }, "the killed database is still there")
	require.ErrorContains(t, d.server.Stop(), "ended by itself")
	d.start(t)
}
