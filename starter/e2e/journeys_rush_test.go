package e2e

import (
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/workflows"
)

// testRush lets thousands of people into a campaign of one mail by events, as fast as they can be posted: 50,000 with
// DOTYK_LARGE=1, and 5,000 without. Everybody is sent one mail.
func testRush(t *testing.T, a *apart) {
	everybody, atMost := 5_000, settleAtMost
	if os.Getenv("DOTYK_LARGE") != "" {
		everybody, atMost = 50_000, 20*time.Minute
	}
	c := a.site
	c.env = append([]string{}, a.env[0], "DOTYK_WORKSPACE=crowd")
	c.key = strings.TrimSpace(c.succeed(t, "key", "create"))
	workspace := c.count(t, `SELECT id::int FROM workspaces WHERE slug = 'crowd'`)
	c.publish(t, "campaign: crowd\ntrigger: {event: crowd_came}\ntopic: news\n"+
		"steps: [{email: {id: mail, subject: Hello, text: \"Hello. {{ unsubscribe_url }}\"}}]\n")
	people := make([]person, everybody)
	var events []object
	for i := range people {
		people[i] = newPerson("crowd")
		events = append(events, identify(people[i].id, object{"email": people[i].email}), track(people[i].id, "crowd_came", nil))
	}
	began := time.Now()
	var refused atomic.Int64
	post := errgroup.Group{}
	post.SetLimit(4)
	for part := range slices.Chunk(events, 1000) {
		body := encode(t, object{"batch": part})
		post.Go(func() error { return c.insist(t.Context(), body, &refused) })
	}
	require.NoError(t, post.Wait())
	posted := time.Since(began)
	rate := func(d time.Duration) float64 { return float64(everybody) / d.Seconds() }
	done := func(sql string) time.Duration {
		require.True(t, within(atMost, func() bool { return c.count(t, sql, workspace) >= everybody }), "not done within %s: %s", atMost, sql)
		return time.Since(began)
	}
	entered := done(`SELECT count(*) FROM journeys WHERE workspace_id = $1`)
	sent := done(`SELECT count(*) FROM touches WHERE workspace_id = $1 AND status = 'accepted'`)
	t.Logf("%d people: posted in %s (%.0f/s), entered in %s (%.0f/s), sent in %s (%.0f/s)", everybody,
		posted.Round(10*time.Millisecond), rate(posted), entered.Round(10*time.Millisecond), rate(entered), sent.Round(10*time.Millisecond), rate(sent))

	mails := map[string]int{}
	for _, m := range a.out.mail.Messages() {
		mails[m.To[0]]++
	}
	for _, who := range people {
		require.Equal(t, 1, mails[who.email], "mails to %s", who.email)
	}
	cohorts := rows[string](t, &c, `SELECT id::text FROM cohorts WHERE workspace_id = $1 ORDER BY id`, workspace)
	const sample = 20
	total, looked := 0, 0
	for i := 0; i < len(cohorts); i += max(1, len(cohorts)/sample) {
		total += len(a.fetch(t, workflows.JourneyID(int64(workspace), cohorts[i]), true).Events)
		looked++
	}
	perWorkflow := float64(total) / float64(looked)
	t.Logf("%d workflows, %.1f history events each, %.2f a person", len(cohorts), perWorkflow, perWorkflow*float64(len(cohorts))/float64(everybody))
	require.LessOrEqual(t, perWorkflow*float64(len(cohorts))/float64(everybody), float64(budgetSingle))
}
