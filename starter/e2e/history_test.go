package e2e

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"dotyk/workflows"
)

// The budget of a journey, in events of its workflow's history.
const (
	budgetSingle    = 26   // entry, mail, wait, mail, exit
	budgetPerPerson = 0.05 // in a cohort of a thousand
)

func testSingleHistory(t *testing.T, a *apart) {
	a.publish(t, `
campaign: two-mails
trigger: {event: two_mails_wanted}
transactional: true
steps:
  - email: {id: one, subject: One, text: First.}
  - wait: 1s
  - email: {id: two, subject: Two, text: Second.}
`)
	who := newPerson("two")
	a.send(t, who.identify(), track(who.id, "two_mails_wanted", nil))
	awaitMail(t, a.out.mail, who.email, 2)
	h := a.history(t, "two-mails", "single-two-emails")
	t.Logf("%d events", len(h.Events))
	require.LessOrEqual(t, len(h.Events), budgetSingle)
}

func testMetHistory(t *testing.T, a *apart) {
	a.publish(t, waiting("met", "met_wanted", "1h"))
	who := newPerson("met")
	a.send(t, who.identify(), track(who.id, "met_wanted", object{"cart_id": "c"}))
	awaitMail(t, a.out.mail, who.email, 1)
	a.send(t, track(who.id, "cart_ordered", object{"cart_id": "c", "order_id": "o"}))
	awaitMail(t, a.out.mail, who.email, 2)
	h := a.history(t, "met", "wait-for-met")
	require.Equal(t, 1, events(h, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED))
}

func testTimeoutHistory(t *testing.T, a *apart) {
	a.publish(t, waiting("missed", "missed_wanted", "1s"))
	who := newPerson("missed")
	a.send(t, who.identify(), track(who.id, "missed_wanted", object{"cart_id": "c"}))
	awaitMail(t, a.out.mail, who.email, 1)
	h := a.history(t, "missed", "wait-for-timeout")
	require.Equal(t, 1, events(h, enumspb.EVENT_TYPE_TIMER_FIRED))
}

func testPausedHistory(t *testing.T, a *apart) {
	a.publish(t, `
campaign: halted
trigger: {event: halted_wanted}
transactional: true
steps:
  - email: {id: one, subject: One, text: First.}
  - wait: 2s
  - email: {id: two, subject: Two, text: Second.}
`)
	who := newPerson("halted")
	a.send(t, who.identify(), track(who.id, "halted_wanted", nil))
	awaitMail(t, a.out.mail, who.email, 1)
	a.succeed(t, "campaign", "pause", "halted")
	eventually(t, func() bool { // it looked, and saw that nothing may move
		return a.count(t, `SELECT count(*) FROM journeys j JOIN campaigns c ON c.id = j.campaign_id
			WHERE c.name = 'halted' AND j.status = 'active' AND j.due_at < now() - interval '1 second'`) == 1
	}, "the journey did not become due")
	a.succeed(t, "campaign", "resume", "halted")
	awaitMail(t, a.out.mail, who.email, 2)
	a.history(t, "halted", "single-paused-resumed")
}

// testAudienceHistory lets 2,500 people into a campaign at once, in a workspace of their own.
func testAudienceHistory(t *testing.T, a *apart) {
	const everybody = 2500
	club := a.site
	club.env = append([]string{}, a.env[0], "DOTYK_WORKSPACE=club")
	club.key = strings.TrimSpace(club.succeed(t, "key", "create", "shop"))
	var members []person
	for range 2 { // requests, so that neither is too large
		var calls []object
		for range everybody / 2 {
			who := newPerson("member")
			members = append(members, who)
			calls = append(calls, identify(who.id, object{"email": who.email, "plan": "gold"}))
		}
		club.send(t, append(calls, identify(newPerson("silver").id, object{"plan": "silver"}))...)
	}
	const published = "published campaign newsletter as version 1; its audience enters now\n" // behind a warning, if plan is not learnt yet
	require.Contains(t, club.publish(t, `
campaign: newsletter
trigger: {audience: customer.plan == "gold"}
topic: news
steps:
  - email: {id: letter, subject: News, text: "Much is new. {{ unsubscribe_url }}"}
`), published)
	histories := club.histories(t, a, "newsletter", 1, "cohort-of-many")
	mails := map[string]int{}
	for _, m := range a.out.mail.Messages() {
		mails[m.To[0]]++
	}
	for _, who := range members {
		require.Equal(t, 1, mails[who.email], "mails to %s", who.email)
	}
	total := 0
	for _, h := range histories {
		total += len(h.Events)
	}
	t.Logf("%d events for %d people in %d workflows", total, everybody, len(histories))
	require.LessOrEqual(t, float64(total)/everybody, budgetPerPerson)
	require.Equal(t, everybody, club.count(t, `SELECT count(*) FROM touches t JOIN campaigns c ON c.id = t.campaign_id
		WHERE c.name = 'newsletter' AND t.status = 'accepted'`))
}

// testTurnsHistory makes a picker, and the builder of segments, take several turns by stopping the worker under them.
func testTurnsHistory(t *testing.T, a *apart) {
	for range 2 {
		a.worker.stop(t)
		a.worker = a.startWorker(a.whole)
		who := newPerson("turn")
		a.send(t, who.identify(), track(who.id, "two_mails_wanted", nil))
		awaitMail(t, a.out.mail, who.email, 1)
	}
	for workflow, name := range map[string]string{
		workflows.IntakeID(0): "intake-several-turns", workflows.RefreshID: "refresh-several-turns",
	} {
		h := a.fetch(t, workflow, false)
		require.GreaterOrEqual(t, events(h, enumspb.EVENT_TYPE_ACTIVITY_TASK_COMPLETED), 2)
		keep(t, h, name)
	}
}

func events(h *historypb.History, kind enumspb.EventType) int {
	n := 0
	for _, e := range h.Events {
		if e.EventType == kind {
			n++
		}
	}
	return n
}

// history waits until the only workflow of a campaign has come to its end and gives its history, see keep.
func (a *apart) history(t *testing.T, campaign, name string) *historypb.History {
	t.Helper()
	return a.histories(t, a, campaign, 1, name)[0]
}

// histories waits until a campaign's workflows, so many of them, have come to their end and gives their histories, of
// which the first is kept.
func (s *site) histories(t *testing.T, a *apart, campaign string, n int, name string) []*historypb.History {
	t.Helper()
	var cohorts []string
	eventually(t, func() bool {
		cohorts = rows[string](t, s, `SELECT h.id::text FROM cohorts h JOIN campaigns c ON c.id = h.campaign_id
			WHERE c.name = $1 AND h.status = 'done' ORDER BY h.id`, campaign)
		return len(cohorts) >= n
	}, "there are not %d cohorts of %s that came to their end", n, campaign)
	require.Len(t, cohorts, n)
	workspace := int64(s.count(t, `SELECT workspace_id FROM campaigns WHERE name = $1`, campaign))
	all := make([]*historypb.History, n)
	for i, cohort := range cohorts {
		all[i] = a.fetch(t, workflows.JourneyID(workspace, cohort), true)
		require.Equal(t, enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED, all[i].Events[len(all[i].Events)-1].EventType)
	}
	keep(t, all[0], name)
	return all
}

// fetch reads the history of a workflow, to its end if that is still to come.
func (a *apart) fetch(t *testing.T, workflow string, toEnd bool) *historypb.History {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort: a.relay.address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
	require.NoError(t, err)
	defer c.Close()
	h := &historypb.History{}
	for it := c.GetWorkflowHistory(t.Context(), workflow, "", toEnd, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		e, err := it.Next()
		require.NoError(t, err)
		h.Events = append(h.Events, e)
	}
	return h
}

// keep checks that the workflow's code replays the history, and with -update saves it for the tests of workflows. Names
// of processes and machines are taken out.
func keep(t *testing.T, h *historypb.History, name string) {
	t.Helper()
	raw, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
	require.NoError(t, err)
	var tree any
	require.NoError(t, json.Unmarshal(raw, &tree))
	anonymous(tree)
	raw, err = json.MarshalIndent(tree, "", "  ")
	require.NoError(t, err)
	if host, err := os.Hostname(); err == nil && len(host) > 3 {
		require.NotContains(t, string(raw), host)
	}
	replayed, err := client.HistoryFromJSON(bytes.NewReader(raw), client.HistoryJSONOptions{})
	require.NoError(t, err)
	replayer := worker.NewWorkflowReplayer()
	workflows.Register(replayer)
	require.NoError(t, replayer.ReplayWorkflowHistory(nil, replayed))
	if *update {
		dir := filepath.Join(root, "workflows", "testdata", "histories")
		require.NoError(t, os.MkdirAll(dir, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".json"), append(raw, '\n'), 0o644))
	}
}

// anonymous replaces, everywhere in a history, what names a process.
func anonymous(tree any) {
	switch node := tree.(type) {
	case []any:
		for _, item := range node {
			anonymous(item)
		}
	case map[string]any:
		for key, value := range node {
			switch {
			case key == "identity":
				node[key] = "worker"
			case key == "name" && node["kind"] == "TASK_QUEUE_KIND_STICKY":
				node[key] = "sticky"
			default:
				anonymous(value)
			}
		}
	}
}
