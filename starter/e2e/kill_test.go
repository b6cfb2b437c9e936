package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
	"dotyk/starter/devenv/phone"
)

// sinks take what the product sends, and outlive it.
type sinks struct {
	mail        *smtptest.Server
	phone       *phone.Phone
	connections int      // to the mail server, at the most
	env         []string // that leads a product here
}

func startSinks(t *testing.T, connections int) *sinks {
	t.Helper()
	s := &sinks{mail: smtptest.Start(t, smtptest.Config{}), connections: connections}
	account, token := "AC"+strings.Repeat("1", 32), "token"
	var err error
	s.phone, err = phone.Start(t.Context(), phone.Config{AccountSID: account, AuthToken: token, Dir: t.TempDir()})
	require.NoError(t, err)
	server := httptest.NewServer(s.phone.Handler())
	t.Cleanup(func() {
		server.Close()
		require.NoError(t, s.phone.Stop())
	})
	s.env = []string{
		fmt.Sprintf("SMTP_URL=%s?pool=%d&timeout=2m", s.mail.URL(), connections), "DOTYK_EMAIL_FROM=hello@shop.example",
		"TWILIO_BASE_URL=" + server.URL, "TWILIO_ACCOUNT_SID=" + account, "TWILIO_AUTH_TOKEN=" + token,
		"DOTYK_SMS_FROM=+15005550006",
	}
	return s
}

const rush = `
campaign: rush
trigger: {event: rush_started}
reenter: always
transactional: true
steps:
  - email: {id: mail, subject: Hello, text: Hello.}
  - sms: {id: text, text: Hello.}
`

// rushers registers people of whom each gets a mail and a text.
func (s *site) rushers(t *testing.T, name string, n int) []person {
	t.Helper()
	all := make([]person, n)
	events := make([]object, 0, 2*n)
	for i := range all {
		all[i] = newPerson(name)
		events = append(events, all[i].identify(), track(all[i].id, "rush_started", nil))
	}
	s.send(t, events...)
	return all
}

// TestKill kills the product again and again while five hundred journeys are under way, some of them with a message in
// the hands of a provider that has not answered yet. In the end everybody has everything once; what cannot be known is
// called uncertain, and is no more than what was open when the product died.
func TestKill(t *testing.T) {
	t.Parallel()
	const journeys = 500
	out := startSinks(t, 4)
	p := startProduct(t, "kill", out.env, "--examples=false")
	p.publish(t, rush)
	everybody := p.rushers(t, "rusher", journeys)

	mails := func(n int) {
		eventually(t, func() bool { return out.mail.Stats().Messages >= n }, "%d mails were not sent", n)
	}
	kills := 0
	kill := func() { p.kill(t); kills++ }
	mails(60)
	held := out.hold()
	eventually(t, held, "no message was held by the providers")
	// Everybody else's messages are planned soon. Those that were claimed behind the ones that the mail server holds must
	// not be called uncertain.
	eventually(t, func() bool { return p.count(t, underWay) == 0 }, "not every journey came to its end")
	require.GreaterOrEqual(t, p.count(t, `SELECT count(*) FROM touches WHERE channel = 'email' AND status = 'claimed'`), out.connections)
	kill()
	out.mail.SetFault(nil)
	out.phone.SetFault(nil)
	for _, n := range []int{130, 200, 350} {
		p.restart(t)
		mails(n)
		kill()
	}
	began := time.Now()
	p.restart(t)
	p.awaitSettled(t)
	t.Logf("settled %s after the last start", time.Since(began).Round(time.Second))
	uncertain := p.requireOnce(t, out, everybody)
	require.LessOrEqual(t, uncertain, kills*out.connections)
	require.GreaterOrEqual(t, uncertain, out.connections, "those were in the hands of the mail server")
	require.Equal(t, len(everybody), p.count(t, `SELECT count(*) FROM journeys WHERE status = 'finished'`))
	databaseKilled(t, p, out)
}

// databaseKilled kills the private Postgres alone: the product starts it again and goes on.
func databaseKilled(t *testing.T, p *product, out *sinks) {
	t.Helper()
	p.killDatabase(t)
	who := newPerson("survivor")
	registered := track(who.id, "rush_started", nil)
	registered["messageId"] = "after-" + who.id
	var refused atomic.Int64
	require.NoError(t, p.insist(t.Context(), encode(t, object{"batch": []object{who.identify(), registered}}), &refused))
	eventually(t, func() bool { return len(out.phone.Messages(who.phone)) == 1 }, "no message after the database was killed")
	require.True(t, p.running())
}

// killDatabase ends the private Postgres without a chance to tidy up, and gives its process.
func (p *product) killDatabase(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(p.dir, "postgres", "data", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	return pid
}

// hold has the providers keep what they are given without an answer: the mail server every message, in turn one that it
// took and one that it only read, and the phone one that it took. What it returns tells when all of that is so.
func (s *sinks) hold() func() bool {
	var mails, texts atomic.Int64
	s.mail.SetFault(func(stage smtptest.Stage, _ string) *smtptest.Fault {
		switch {
		case stage == smtptest.Dot && mails.Load()%2 == 0, stage == smtptest.Taken:
			mails.Add(1)
			return &smtptest.Fault{Stall: true}
		default:
			return nil
		}
	})
	s.phone.SetFault(func(c phone.Call) phone.Fault {
		if c.Operation == phone.Create && texts.Add(1) == 1 {
			return phone.Fault{Delay: time.Hour, Accept: true}
		}
		return phone.Fault{}
	})
	return func() bool { return mails.Load() == int64(s.connections) && texts.Load() > 0 }
}

// underWay counts what has not come to the end of its journey.
const underWay = `SELECT (SELECT count(*) FROM intake) + (SELECT count(*) FROM cohorts WHERE status = 'pending')
	+ (SELECT count(*) FROM journeys WHERE status = 'active')`

// awaitSettled waits until no journey is under way and no message is open.
func (s *site) awaitSettled(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		return s.count(t, underWay+` + (SELECT count(*) FROM touches WHERE status IN ('planned', 'claimed'))`) == 0
	}, "not everything was done")
}

// requireOnce compares the ledger with what the sinks took: everybody has one mail and one text, except for mails of
// unknown fate, which the command line lists. It gives the number of the latter.
func (s *site) requireOnce(t *testing.T, out *sinks, everybody []person) int {
	t.Helper()
	mails, texts := map[string]int{}, map[string]int{}
	for _, m := range out.mail.Messages() {
		mails[m.To[0]]++
	}
	for _, m := range out.phone.Messages("") {
		texts[m.To]++
	}
	type touch struct{ Step, Address, Status string }
	conn, err := pgx.Connect(t.Context(), s.data)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	result, err := conn.Query(t.Context(), `SELECT step, address, status FROM touches WHERE direction = 'out'`)
	require.NoError(t, err)
	ledger, err := pgx.CollectRows(result, pgx.RowToStructByPos[touch])
	require.NoError(t, err)
	status := map[string]string{}
	for _, l := range ledger {
		require.Empty(t, status[l.Step+l.Address], "two touches for %s to %s", l.Step, l.Address)
		status[l.Step+l.Address] = l.Status
	}

	listed := s.succeed(t, "touch", "list", "--status", "uncertain", "--limit", "1000")
	uncertain, sent := 0, 0
	for _, who := range everybody {
		require.Contains(t, []string{"accepted", "delivered"}, status["text"+who.phone], "text to %s", who.phone)
		require.Equal(t, 1, texts[who.phone], "texts to %s", who.phone)
		switch status["mail"+who.email] {
		case "accepted":
			require.Equal(t, 1, mails[who.email], "mails to %s", who.email)
		case "uncertain":
			uncertain++
			sent += mails[who.email]
			require.LessOrEqual(t, mails[who.email], 1, "mails to %s", who.email)
			require.Contains(t, listed, who.email)
		default:
			require.Fail(t, "neither sent nor uncertain", "mail to %s is %q", who.email, status["mail"+who.email])
		}
	}
	t.Logf("%d of %d mails are uncertain; %d of these were sent", uncertain, len(everybody), sent)
	return uncertain
}
