package e2e

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
)

// crowd is a product with many customers, and what the test knows of them.
type crowd struct {
	*manager
	whole  *testing.T // what is started again outlives the part of the test that starts it
	people []person
	spent  map[string]int // by the site's id
	briefs []string       // whose visit leaves its window while the test runs
}

// The rules of the segments that TestSegmentsKilled keeps an eye on: of events, of time, of both by way of the others,
// of an attribute, and of what campaigns did.
const (
	buyersRule   = `sum(events("bought"), .amount) >= 100`
	visitorsRule = `count(events("visit", "1h")) > 0`
	bothRule     = `segment("buyers") and segment("visitors")`
	thankedRule  = `journeys("thanks").count > 0`
)

// TestSegmentsKilled kills the product together with its database in the middle of a build, in the middle of picking,
// between the two halves of a build, and while events are coming in. In the end, every segment holds exactly those for
// whom its rule holds, by another evaluator and by the test's own arithmetic; nobody joined twice without having left,
// and campaigns heard of everything once.
func TestSegmentsKilled(t *testing.T) {
	t.Parallel()
	p := startProduct(t, "segments-kill", nil, "--examples=false")
	c := &crowd{manager: newManager(t, p), whole: t, spent: map[string]int{}}
	c.publish(t, `
campaign: thanks
trigger: {event: segment_entered, when: event.segment == "buyers"}
transactional: true
steps:
  - update: {add_tags: [thanked]}
`)
	c.arrive(t, 1200)
	c.segment(t, "buyers", buyersRule)
	c.segment(t, "visitors", visitorsRule)
	c.segment(t, "both", bothRule)

	for _, part := range []struct {
		name string
		test func(*testing.T, *crowd)
	}{
		{"In a build and in picking", killedWriting},
		{"Between members and moments", killedBetween},
		{"While events come in", killedRushing},
		{"In the end", settledSegments},
	} {
		require.True(t, t.Run(part.name, func(t *testing.T) { part.test(t, c) }))
	}
}

// arrive makes customers of whom every third has just visited, and every third nearly an hour ago.
func (c *crowd) arrive(t *testing.T, n int) {
	t.Helper()
	var events []object
	for i := range n {
		who := newPerson("crowd")
		c.people = append(c.people, who)
		events = append(events, identify(who.id, object{"number": i}))
		switch i % 3 {
		case 1:
			events = append(events, track(who.id, "visit", nil))
		case 2:
			left := 10*time.Second + time.Duration(i)*10*time.Second/time.Duration(n)
			events = append(events, visited(who.id, "visit", time.Hour-left, nil))
			c.briefs = append(c.briefs, who.id)
		}
	}
	for part := range slices.Chunk(events, 1000) {
		c.send(t, part...)
	}
}

// buy lets customers spend an amount each.
func (c *crowd) buy(t *testing.T, amount int, who []person) {
	t.Helper()
	events := make([]object, 0, len(who))
	for _, w := range who {
		events = append(events, track(w.id, "bought", object{"amount": amount}))
		c.spent[w.id] += amount
	}
	c.send(t, events...)
}

// killAll ends everything at once, and starts it again.
func (c *crowd) killAll(t *testing.T) {
	t.Helper()
	database := c.killDatabase(t)
	c.kill(t)
	eventually(t, func() bool { return errors.Is(syscall.Kill(database, 0), syscall.ESRCH) }, "nobody took note of the database's end")
	began := time.Now()
	c.restart(c.whole)
	t.Logf("ready %s after everything was killed", time.Since(began).Round(100*time.Millisecond))
}

// blocked holds something in the database until so many of the product's transactions wait for it.
func (c *crowd) blocked(t *testing.T, hold string, atLeast int, meanwhile func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.data)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }() // its server was killed
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), hold)
	require.NoError(t, err)
	meanwhile()
	eventually(t, func() bool {
		return c.count(t, `SELECT count(DISTINCT pid) FROM pg_locks l WHERE NOT granted
			AND (SELECT datname FROM pg_stat_activity a WHERE a.pid = l.pid) = current_database()`) >= atLeast
	}, "less than %d transactions wait", atLeast)
	c.killAll(t)
}

// killedWriting stops a builder and all pickers when each has done everything but write who joined.
func killedWriting(t *testing.T, c *crowd) {
	c.blocked(t, `LOCK TABLE segment_changes IN SHARE MODE`, 1+store.Shards, func() {
		c.make(t, "recent", `customer.number >= 600 and count(events("visit", "1h")) > 0`)
		c.buy(t, 60, c.people[:400])
		c.buy(t, 50, c.people[200:600])
	})
	c.live(t, "recent")
}

// killedBetween stops a builder after it wrote who the members are, before it computed when time will change that.
// Pickers of the other shards are at work meanwhile; after the kill, all of it is to be done anew.
func killedBetween(t *testing.T, c *crowd) {
	c.blocked(t, `SELECT pg_advisory_xact_lock(7462, (workspace_id * 8)::int4) FROM segments LIMIT 1`, 2, func() {
		got[any](t, c.manager, "PATCH", "/segments/visitors", encode(t, object{"rule": visitorsRule + " and true"}))
		c.buy(t, 40, c.people[300:800])
		eventually(t, func() bool {
			return c.count(t, `SELECT count(*) FROM segment_checks k JOIN segments s ON s.id = k.segment_id
				WHERE s.name = 'visitors' AND s.status = 'building'`) > 0
		}, "nothing was noted while the segment is built")
	})
}

// killedRushing kills everything again and again while events come in, which are sent until they are acknowledged.
func killedRushing(t *testing.T, c *crowd) {
	for round := range 2 {
		before := c.count(t, `SELECT count(*) FROM segment_changes`)
		some := c.people[round*300 : round*300+500]
		c.buy(t, 100, some[:250])
		c.buy(t, -100, some[150:400])
		c.make(t, fmt.Sprintf("made-%d", round), `segment("both") or customer.number < 100`)
		eventually(t, func() bool { return c.count(t, `SELECT count(*) FROM segment_changes`) > before }, "nobody moved")
		c.killAll(t)
	}
	c.segment(t, "thanked", thankedRule)
}

// settledSegments waits until nothing is left to do, and checks what came of it.
func settledSegments(t *testing.T, c *crowd) {
	eventually(t, func() bool {
		return c.count(t, underWay+` + (SELECT count(*) FROM segments WHERE status = 'building' AND deleted_at IS NULL)
			+ (SELECT count(*) FROM segment_checks WHERE due_at < now())`) == 0
	}, "not everything was done")
	eventually(t, func() bool {
		return c.count(t, `SELECT count(*) FROM segment_members m JOIN segments s ON s.id = m.segment_id
			JOIN customers c ON c.id = m.customer_id WHERE s.name = 'visitors' AND c.external_id = ANY ($1)`, c.briefs) == 0
	}, "some did not leave when their time had passed")

	want := map[string][]string{}
	for i, who := range c.people {
		is := map[string]bool{"buyers": c.spent[who.id] >= 100, "visitors": i%3 == 1}
		is["both"] = is["buyers"] && is["visitors"]
		is["recent"] = i >= 600 && is["visitors"]
		is["made-0"] = is["both"] || i < 100
		is["made-1"] = is["made-0"]
		for name, member := range is {
			if member {
				want[name] = append(want[name], who.id)
			}
		}
	}
	c.requireSelected(t)
	for name, members := range want {
		require.ElementsMatch(t, members, rows[string](t, &c.site, `SELECT c.external_id FROM segment_members m
			JOIN segments s ON s.id = m.segment_id JOIN customers c ON c.id = m.customer_id WHERE s.name = $1`, name), name)
	}
	for what, sql := range map[string]string{
		"joined or left twice running": `SELECT count(*) FROM (SELECT joined, lag(joined, 1, false)
			OVER (PARTITION BY segment_id, customer_id ORDER BY id) AS before FROM segment_changes) s WHERE joined = before`,
		"a history that does not end where the members are": `SELECT count(*) FROM
			(SELECT DISTINCT ON (segment_id, customer_id) segment_id, customer_id, joined FROM segment_changes
				ORDER BY segment_id, customer_id, id DESC) h
			FULL JOIN segment_members m USING (segment_id, customer_id)
			WHERE coalesce(h.joined, false) <> (m.customer_id IS NOT NULL)`,
		"a change that campaigns did not hear of once": `SELECT count(*) FROM
			(SELECT s.name, c.customer_id, c.joined, count(*) AS n FROM segment_changes c JOIN segments s ON s.id = c.segment_id
				WHERE c.cause IN ('event', 'change', 'time', 'import') GROUP BY 1, 2, 3) h
			FULL JOIN (SELECT properties->>'segment' AS name, customer_id, name = 'segment_entered' AS joined, count(*) AS n
				FROM events WHERE call = 'system' GROUP BY 1, 2, 3) e USING (name, customer_id, joined)
			WHERE h.n IS DISTINCT FROM e.n`,
		"a journey too many or too few": `SELECT count(*) FROM
			(SELECT DISTINCT customer_id FROM events WHERE call = 'system' AND name = 'segment_entered'
				AND properties->>'segment' = 'buyers') e
			FULL JOIN (SELECT customer_id, count(*) AS n FROM journeys GROUP BY 1) j USING (customer_id)
			WHERE j.n IS DISTINCT FROM 1 OR e.customer_id IS NULL`,
	} {
		require.Zero(t, c.count(t, sql), what)
	}
	t.Logf("%d joined or left", c.count(t, `SELECT count(*) FROM segment_changes`))
}

// requireSelected compares the members of every segment with those whom its rule selects in the database.
func (c *crowd) requireSelected(t *testing.T) {
	t.Helper()
	st, err := store.Open(t.Context(), c.data, store.Options{MaxConns: 2})
	require.NoError(t, err)
	defer st.Close()
	const workspace = 1
	list, err := segments.New(st).List(t.Context(), workspace)
	require.NoError(t, err)
	require.Len(t, list, 7)
	for _, g := range list {
		require.Equal(t, store.SegmentLive, g.Status, g.Problem)
		rule, err := rules.Compile(g.Rule, rules.Options{Want: rules.WantBool})
		require.NoError(t, err)
		selection := rule.Select(rules.SelectOptions{Workspace: workspace, Now: time.Now(), Form: rules.Correlated})
		require.True(t, selection.Exact)
		var selected []string
		err = st.Query(t.Context(), workspace, selection.SQL, selection.Args, time.Minute, func(row pgx.Rows) error {
			var id string
			err := row.Scan(&id)
			selected = append(selected, id)
			return err
		})
		require.NoError(t, err)
		require.ElementsMatch(t, selected, rows[string](t, &c.site,
			`SELECT customer_id::text FROM segment_members WHERE segment_id = $1`, g.ID), g.Name)
		require.NotEmpty(t, selected, g.Name)
	}
}
