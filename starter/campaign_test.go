package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
	"dotyk/starter/devenv/phone"
	"dotyk/starter/server"
)

const (
	slow = "campaign: nudge\ntrigger: {event: cart_left, when: 'event.total > 50'}\ntopic: news\nsteps:\n  - wait: {id: pause, for: 2d}\n  - sms: {id: hello, text: hi}\n"
	fast = "campaign: nudge\ntrigger: {event: cart_left, when: 'event.total > 50'}\ntopic: news\nsteps:\n  - wait: {id: rest, for: 1h}\n  - sms: {id: hello, text: hi}\n"
)

// enter takes customers into the live version of a campaign and to its first wait, as the engine does.
func (s *shell) enter(name string, customers ...string) {
	s.t.Helper()
	st := storetest.Open(s.t, s.url)
	ws := s.workspace(st)
	v, err := st.CampaignVersion(s.t.Context(), ws, name, 0)
	require.NoError(s.t, err)
	cohort := store.Cohort{ID: store.NewCohortID(), CampaignID: v.CampaignID, Version: v.Number}
	now := time.Now()
	for _, customer := range customers {
		c, err := st.FindCustomer(s.t.Context(), ws, customer)
		require.NoError(s.t, err)
		j := campaign.Start(v.Definition, store.NewJourneyID(), "", nil, now)
		cohort.Journeys = append(cohort.Journeys, store.NewJourney{Journey: j, CustomerID: c.ID})
	}
	require.NoError(s.t, st.In(s.t.Context(), ws, func(tx *store.Tx) error {
		return tx.WritePicked(s.t.Context(), store.Picked{Cohorts: []store.Cohort{cohort}})
	}))
	engine := activities.New(activities.Config{Store: st, Logger: slog.New(slog.DiscardHandler), Instance: "test"})
	_, err = engine.Advance(s.t.Context(), activities.AdvanceInput{Workspace: ws, Cohort: cohort.ID, Now: now})
	require.NoError(s.t, err)
}

func (s *shell) workspace(st *store.Store) int64 {
	s.t.Helper()
	list, err := st.Workspaces(s.t.Context())
	require.NoError(s.t, err)
	require.Len(s.t, list, 1)
	return list[0].ID
}

func TestCampaignCommands(t *testing.T) {
	t.Parallel()

	t.Run("Take a campaign from a draft to a second version and back", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		one, two := s.file("nudge.yaml", slow), s.file("nudge.yaml", fast)
		require.Contains(t, s.ok("campaign", "drafts"), "no drafts")
		require.Equal(t, "saved draft nudge, revision 1\n", s.ok("campaign", "save", one))
		require.Equal(t, "saved draft nudge, revision 2\n", s.ok("campaign", "save", one))
		require.Contains(t, s.ok("campaign", "drafts"), "nudge")
		require.Contains(t, s.ok("campaign", "drafts", "--json"), `"revision": 2`)
		require.Equal(t, slow, s.ok("campaign", "show", "nudge", "--draft"))
		require.Contains(t, s.ok("campaign", "plan", "nudge"), "campaign nudge is new and would be version 1")
		require.Contains(t, s.ok("campaign", "publish", "nudge", "--note", "first"), "published campaign nudge as version 1")

		s.enter("nudge", "ann@example.com", "bob@example.com")
		require.Contains(t, s.ok("campaign", "plan", two), "stay on version 1")
		plan := s.ok("campaign", "plan", two, "--move", "--rename", "pause=rest")
		require.Contains(t, plan, "campaign nudge is live as version 1 and would be version 2")
		require.Regexp(t, `1 +pause \(wait\) +2 .*go on at rest`, plan)
		require.Contains(t, s.ok("campaign", "plan", two, "--json"), `"journeys": 2`)

		require.Contains(t, s.fails("campaign", "publish", two, "--exit"), "say --yes")
		require.Contains(t, s.ok("campaign", "history", "nudge"), "first", "nothing was published")
		require.NotContains(t, s.ok("campaign", "history", "nudge"), "\n2 ")
		require.Contains(t, s.ok("campaign", "publish", two, "--move", "--rename", "pause=rest", "--yes"),
			"published campaign nudge as version 2; 2 journeys go on in it")
		require.Contains(t, s.ok("campaign", "rollback", "nudge", "1", "--exit", "--yes", "--note", "too soon"),
			"published campaign nudge as version 3; 2 journeys left")
		history := s.ok("campaign", "history", "nudge")
		require.Contains(t, history, "version 1 again. too soon")
		require.Contains(t, history, "live")
		require.Equal(t, fast, s.ok("campaign", "show", "nudge", "--version", "2"))
		var canonical map[string]any
		require.NoError(t, json.Unmarshal([]byte(s.ok("campaign", "show", "nudge", "--canonical")), &canonical))
		require.Equal(t, "nudge", canonical["campaign"])

		results := s.ok("campaign", "results", "nudge")
		require.Contains(t, results, "REACHED THE GOAL")
		require.Regexp(t, `exited +left by publication of version 3 +2`, results)
		require.Contains(t, s.ok("campaign", "results", "nudge", "--json"), `"exited": 2`)
		require.Contains(t, s.fails("campaign", "rollback", "nudge", "9"), "version 9")
	})

	t.Run("Compare what is published, drafted and in a file", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		one, two := s.file("nudge.yaml", slow), s.file("nudge.yaml", fast)
		require.Contains(t, s.fails("campaign", "diff", one), `campaign "nudge"`)
		s.ok("campaign", "publish", one)
		require.Contains(t, s.fails("campaign", "diff", "nudge"), "draft")
		s.ok("campaign", "save", two)
		said := s.ok("campaign", "diff", "nudge")
		require.Contains(t, said, "from version 1 to the draft")
		require.Contains(t, said, "- steps.pause: ")
		require.Contains(t, said, "+ steps.rest: ")
		require.Contains(t, s.ok("campaign", "diff", one), "are the same")
		s.ok("campaign", "publish", "nudge")
		require.Contains(t, s.ok("campaign", "diff", "nudge", "1", "--json"), `"after": "version 2"`)
		require.Contains(t, s.ok("campaign", "diff", "nudge", "2", "2"), "version 2 and version 2 are the same")
		require.Contains(t, s.fails("campaign", "diff", "nudge", "one"), "write the number of a version")
	})

	t.Run("Ask before journeys are disturbed, and heed the answer", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.ok("campaign", "publish", s.file("nudge.yaml", slow))
		s.enter("nudge", "ann@example.com")
		file := s.file("nudge.yaml", fast)
		c := campaignPublish{File: file, moving: moving{Exit: true}}
		c.DatabaseURL = s.url
		for answer, done := range map[string]bool{"": false, "no\n": false, "perhaps\n": false} {
			var out bytes.Buffer
			p := &program{ctx: t.Context(), stdin: strings.NewReader(answer), terminal: true, stdout: &out, stderr: &out}
			require.Equal(t, done, c.Run(p) == nil, answer)
			require.Contains(t, out.String(), "publish? [y/N]")
			require.Contains(t, out.String(), "leave")
		}
		var out bytes.Buffer
		p := &program{ctx: t.Context(), stdin: strings.NewReader("y\n"), terminal: true, stdout: &out, stderr: &out}
		require.NoError(t, c.Run(p))
		require.Contains(t, out.String(), "as version 2; 1 journey left")
		c.File = s.file("nudge.yaml", slow)
		require.NoError(t, c.Run(&program{ctx: t.Context(), stdin: strings.NewReader(""), stdout: &out, stderr: &out}),
			"where nobody is under way there is nothing to ask")
	})

	t.Run("Refuse what cannot be, and say how to mend it", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		bad := s.file("bad.yaml", "campaign: bad\ntrigger: {event: e}\ntopic: news\nsteps:\n  - wait: soon\n")
		require.Contains(t, s.fails("campaign", "save", bad), "give --name")
		require.Contains(t, s.ok("campaign", "save", bad, "--name", "bad"), "saved draft bad")
		require.Contains(t, s.fails("campaign", "publish", "bad"), "line 5")
		require.Contains(t, s.fails("campaign", "save", s.file("nudge.yaml", slow), "--name", "other"), `calls itself "nudge"`)
		require.Contains(t, s.fails("campaign", "publish", "nowhere"), "neither a file nowhere nor a draft")
		require.Contains(t, s.fails("campaign", "show", "nowhere"), "nowhere")
		require.Contains(t, s.fails("campaign", "history", "nowhere"), "nowhere")
		require.Contains(t, s.fails("campaign", "results", "nowhere"), "nowhere")
		s.ok("campaign", "publish", s.file("nudge.yaml", slow))
		require.Contains(t, s.fails("campaign", "publish", s.file("nudge.yaml", fast), "--step", "pause=perhaps"), "stay, move or exit")
		require.Contains(t, s.ok("campaign", "stop", "nudge"), "campaign nudge is stopped")
		require.Contains(t, s.fails("campaign", "resume", "nudge"), "publish it again")
		require.Contains(t, s.fails("campaign", "enter", "nudge", "ann@example.com"), "stopped")
		require.Contains(t, s.ok("campaign", "archive", "nudge"), "campaign nudge is archived")
		require.Contains(t, s.ok("campaign", "list"), "no campaigns yet")
		require.Contains(t, s.ok("campaign", "list", "--all"), "archived")
		require.Contains(t, s.ok("campaign", "publish", s.file("nudge.yaml", slow)), "campaign nudge is live again as version")
	})

	t.Run("Check against what the workspace has", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		file := s.file("sub.yaml", "campaign: sub\ntrigger: {event: e}\nsteps:\n  - journey: {campaign: nowhere}\n")
		require.Contains(t, s.fails("campaign", "check", file), "nowhere")
		require.Contains(t, s.fails("campaign", "check", file, "--json"), `"ok": false`)
		var out, errs bytes.Buffer
		require.Zero(t, run(t.Context(), []string{"campaign", "check", "--data", t.TempDir(), file}, &out, &errs), out.String())
		out.Reset()
		require.Zero(t, run(t.Context(), []string{"campaign", "check", "--database-url", "postgres://127.0.0.1:1/none", file}, &out, &errs))
		require.Contains(t, errs.String(), "checked without what the workspace knows")
	})

	t.Run("Print a schema", func(t *testing.T) {
		t.Parallel()
		var out, errs bytes.Buffer
		require.Zero(t, run(t.Context(), []string{"campaign", "schema"}, &out, &errs), errs.String())
		require.True(t, json.Valid(out.Bytes()))
	})
}

func TestWhyCommand(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.ok("campaign", "publish", s.file("nudge.yaml", slow))
	said := s.ok("customer", "why", "ann@example.com", "nudge")
	require.Contains(t, said, "Ann and campaign nudge (live, version 1)")
	require.Contains(t, said, "did not enter: cart_left never happened to this customer")
	require.Contains(t, said, "✗ cart_left never happened to this customer")
	require.Contains(t, s.ok("customer", "why", "1", "nudge", "--json"), `"about": "trigger"`)

	s.enter("nudge", "bob@example.com")
	said = s.ok("customer", "why", "bob@example.com", "nudge")
	require.Contains(t, said, "is under way: at step pause (wait)")
	require.Contains(t, said, "stands    at pause (wait) since")
	require.Contains(t, said, "a journey is under way")

	require.Contains(t, s.ok("campaign", "enter", "nudge", "cyd@example.com", "--entry", `{"total": 60}`), "asked for cyd@example.com")
	require.Contains(t, s.fails("campaign", "enter", "nudge", "cyd@example.com", "--entry", `60`), "no JSON object")
	require.Contains(t, s.fails("campaign", "enter", "nudge", "nobody"), "nobody")
	require.Contains(t, s.fails("customer", "why", "nobody", "nudge"), `customer "nobody"`)
	require.Contains(t, s.fails("customer", "why", "1", "none"), `campaign "none"`)
}

func TestDeskCommands(t *testing.T) {
	t.Parallel()

	t.Run("Users and tasks", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		require.Contains(t, s.ok("user", "list"), "no users yet")
		require.Equal(t, "user sam@shop.example is sales\n", s.ok("user", "add", "sam@shop.example", "--name", "Sam"))
		require.Contains(t, s.ok("user", "list"), "Sam")
		require.Contains(t, s.ok("user", "list", "--json"), `"role": "sales"`)
		require.Contains(t, s.fails("user", "add", "sam"), "no e-mail address")

		require.Contains(t, s.ok("task", "list"), "no such tasks")
		first, second := s.task("1", "Call Ann"), s.task("2", "Call Bob")
		require.Contains(t, s.ok("task", "list"), "Call Bob")
		require.Contains(t, s.ok("task", "assign", first, "sam@shop.example"), "is for sam@shop.example")
		require.Contains(t, s.fails("task", "assign", first, "who@shop.example"), "who@shop.example")
		require.NotContains(t, s.ok("task", "list", "--assignee", "none"), "Call Ann")
		require.Contains(t, s.ok("task", "assign", first, "none"), "is for nobody")
		require.Contains(t, s.ok("task", "done", first, "--outcome", "reached", "--note", "wants an offer"), "is done")
		require.Contains(t, s.ok("task", "cancel", second, "--note", "moved away"), "is cancelled")
		require.Contains(t, s.fails("task", "done", first), "closed already")
		require.Contains(t, s.fails("task", "done", "7"), `task "7"`)
		require.Contains(t, s.ok("task", "list", "--status", "all", "--customer", "1", "--json"), `"outcome": "reached"`)
		require.Contains(t, s.fails("task", "list", "--customer", "nobody"), "nobody")
	})

	t.Run("Calls", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		p, err := phone.Start(t.Context(), phone.Config{
			AccountSID: "AC0123456789abcdef0123456789abcdef", AuthToken: "secret", Dir: t.TempDir(), Delay: time.Hour,
		})
		require.NoError(t, err)
		twilio := httptest.NewServer(p.Handler())
		t.Cleanup(func() {
			twilio.Close()
			require.NoError(t, p.Stop())
		})
		s.ok("user", "add", "sam@shop.example", "--phone", "+380671112233")
		st := storetest.Open(t, s.url)
		ws := s.workspace(st)
		require.NoError(t, st.Receive(t.Context(), ws, store.Inbound{
			Channel: audience.SMS, From: "+380501234567", Body: "Ring me", ProviderID: "SM1", At: time.Now(),
		}))
		c, err := st.FindCustomer(t.Context(), ws, "+380501234567")
		require.NoError(t, err)
		task := storetest.Call(t, s.url, ws, c.ID, "sam@shop.example")

		data := t.TempDir()
		require.Contains(t, s.fails("task", "dial", task, "--data", data), "no telephone provider is configured")
		require.Contains(t, s.fails("task", "dial", task, "--twilio-account-sid", "AC1"), "TWILIO_AUTH_TOKEN")
		account := []string{
			"task", "dial", task, "--twilio-account-sid", "AC0123456789abcdef0123456789abcdef", "--twilio-auth-token", "secret",
			"--twilio-base-url", twilio.URL, "--sms-from",
		}
		require.Contains(t, s.fails(append(account, "Shop")...), `DOTYK_SMS_FROM is "Shop"`)
		require.Contains(t, s.ok(append(account, "+15005550006")...), "is queued: your phone rings first")
		require.Len(t, p.Messages("+380501234567"), 1)

		beside := server.Telephone{
			AccountSID: "AC0123456789abcdef0123456789abcdef", AuthToken: "secret", BaseURL: twilio.URL, From: "+15005550006",
		}
		require.NoError(t, beside.Note(filepath.Join(data, server.TelephoneFile)))
		require.Contains(t, s.ok("task", "dial", task, "--data", data), "is queued")
		require.Len(t, p.Messages("+380501234567"), 2, "the standalone program's phone is found")
		require.NoError(t, os.WriteFile(filepath.Join(data, server.TelephoneFile), []byte("{"), 0o600))
		require.Contains(t, s.fails("task", "dial", task, "--data", data), "telephone")
	})

	t.Run("Coupons", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		require.Contains(t, s.ok("coupon", "list"), "no pools yet")
		file := s.file("codes.txt", "\ufeffA1\nA2\n\n")
		require.Equal(t, "pool gift: 2 codes added, 0 known already\n", s.ok("coupon", "add", "gift", file))
		require.Equal(t, "pool gift: 0 codes added, 2 known already\n", s.ok("coupon", "add", "gift", file))
		require.Regexp(t, `gift +2 +0 +0`, s.ok("coupon", "list"))
		require.Contains(t, s.ok("coupon", "list", "--json"), `"free": 2`)
		require.Contains(t, s.fails("coupon", "add", "gift", s.file("none.txt", "\n")), "there are no codes")
		require.Contains(t, s.fails("coupon", "add", "gift", "nowhere.txt"), "there is no file nowhere.txt")
		c := couponAdd{Pool: "gift", File: "-"}
		c.DatabaseURL = s.url
		var out bytes.Buffer
		require.NoError(t, c.Run(&program{ctx: t.Context(), stdin: strings.NewReader("B1\n"), stdout: &out, stderr: &out}))
		require.Contains(t, out.String(), "1 code added")
	})

	t.Run("Policy and webhooks", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.ok("policy", "show")
		file := s.file("policy.yaml", "quiet:\n  - {from: \"21:00\", to: \"09:00\"}\ncaps:\n  - {channel: email, most: 3, within: 7d}\nholdout: 2%\n")
		require.Equal(t, "1 quiet hours, 1 caps, holdout 2%\n", s.ok("policy", "set", file))
		require.Contains(t, s.ok("policy", "show"), `"holdout": "2%"`)
		require.Contains(t, s.fails("policy", "set", s.file("bad.yaml", "caps: [{most: none}]\n")), "stays as it was")
		require.Contains(t, s.ok("policy", "show"), `"holdout": "2%"`)
		secret := s.ok("webhook", "secret")
		require.Equal(t, secret, s.ok("webhook", "secret"))
		require.True(t, strings.HasPrefix(secret, "whsec_"), secret)
	})
}

// task gives somebody an open task about a customer, as a journey would.
func (s *shell) task(customer, title string) string {
	s.t.Helper()
	st := storetest.Open(s.t, s.url)
	ws := s.workspace(st)
	c, err := st.FindCustomer(s.t.Context(), ws, customer)
	require.NoError(s.t, err)
	conn, err := pgx.Connect(s.t.Context(), s.url)
	require.NoError(s.t, err)
	id := uuid.NewString()
	_, err = conn.Exec(s.t.Context(), `INSERT INTO tasks (workspace_id, id, customer_id, title) VALUES ($1, $2, $3, $4)`, ws, id, c.ID, title)
	require.NoError(s.t, err)
	require.NoError(s.t, conn.Close(s.t.Context()))
	return id
}

func TestCampaignFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "nudge")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for arg, want := range map[string]bool{
		file: true, "nudge": false, "nudge.yaml": true, "nudge.json": true, "campaigns/nudge": true, "my nudge": false, dir: true,
	} {
		require.Equal(t, want, isFile(arg), arg)
	}
}
