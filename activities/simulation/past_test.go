package simulation_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/simulation"
	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

// segment writes a segment that was built at a moment.
func (p *past) segment(name, kind, rule string, mentions []string, built time.Time) string {
	p.t.Helper()
	id := uuid.NewString()
	p.exec(`INSERT INTO segments (workspace_id, id, name, kind, rule, status, mentions, created_at, built_at)
		VALUES ($1, $2, $3, $4, $5, 'live', $6, $7, $7)`, p.seed.Workspace, id, name, kind, rule, mentions, built)
	return id
}

// member writes that a customer joined or left a segment.
func (p *past) member(segment, customer string, joined bool, cause string, at time.Time) {
	p.t.Helper()
	p.exec(`INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version)
		VALUES ($1, $2, $3, $4, $5, $6, 1)`, p.seed.Workspace, segment, customer, at, joined, cause)
}

func TestSegments(t *testing.T) {
	t.Parallel()
	const entering = `
campaign: vips
trigger: {segment: vip}
topic: news
steps:
  - branch: {id: ways, arms: [{when: 'segment("list")', steps: [{email: {id: listed, subject: Hi, text: Hello}}]}, {else: [{email: {id: others, subject: Hi, text: Hello}}]}]}
`

	t.Run("Are as they really were", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		ann, bob, cid, dan := p.person("ann", nil), p.person("bob", nil), p.person("cid", nil), p.person("dan", nil)
		vip := p.segment("vip", "rule", `customer.plan == "gold"`, []string{"customer:plan"}, day(1, 0, 0))
		list := p.segment("list", "static", "", []string{}, day(1, 0, 0))
		p.member(vip, ann, true, "change", day(6, 0, 0)) // of whose record nothing is left to see
		p.member(vip, bob, true, "event", day(2, 0, 0))  // too early
		p.member(vip, cid, true, "edit", day(6, 0, 0))   // nobody was told
		p.member(vip, dan, true, "event", day(7, 0, 0))
		p.member(list, ann, true, "import", day(2, 0, 0))
		p.member(list, dan, true, "import", day(2, 0, 0))
		p.member(list, dan, false, "import", day(6, 0, 0))
		r := p.simulate(entering)
		require.Equal(t, 2, r.Draft.Journeys)
		require.Equal(t, 1, message(t, r.Draft, "listed").Sent) // ann
		require.Equal(t, 1, message(t, r.Draft, "others").Sent) // dan
		require.Contains(t, r.Assumptions, "Members of these segments are those that they really had: list, vip.")
	})

	t.Run("Are found by their rules where they are too young, and told of", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		p.person("ann", nil)
		p.segment("vip", "rule", `count(events("order_completed", "30d")) > 0`, []string{"event:order_completed"}, day(15, 0, 0))
		p.happen("ann", "order_completed", day(6, 0, 0), nil, store.Profile{})
		mail := "bob@example.com"
		p.happen("bob", "order_completed", day(7, 0, 0), nil, store.Profile{Email: &mail}) // new, and in it from her first event
		r := p.simulate(entering)
		require.Equal(t, 2, r.Draft.Journeys)
		require.Contains(t, r.Assumptions[len(r.Assumptions)-3], "found by their rules")
		require.Contains(t, r.Assumptions[len(r.Assumptions)-2], "There are no segments of these names, so nobody belongs to them: list.")
	})

	t.Run("Are found by their rules where the draft changes them", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		p.person("ann", nil)
		p.segment("hot", "rule", `customer.score >= 10`, []string{"customer:score"}, day(1, 0, 0))
		p.happen("ann", "page_read", day(6, 0, 0), nil, store.Profile{})
		r := p.simulate(`
campaign: scoring
trigger: {event: page_read}
topic: news
steps:
  - update: {id: plus, add: {score: 10}}
  - branch: {id: ways, arms: [{when: 'segment("hot")', steps: [{email: {id: warm, subject: Hi, text: Hello}}]}]}
`)
		require.Equal(t, 1, step(t, r.Draft, "plus").Reached)
		require.Equal(t, 0, message(t, r.Draft, "warm").Sent) // the update is carried out when the journey has moved
		require.Contains(t, r.Assumptions[len(r.Assumptions)-2], "because the draft would change")
	})
}

func TestPast(t *testing.T) {
	t.Parallel()
	const ask = `
campaign: ask
trigger: {api: true}
topic: news
reenter: always
steps:
  - email: {id: hello, subject: Hi, text: Hello}
`
	request := func(p *past, customer, name string, at time.Time) {
		p.exec(`INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at, received_at)
			VALUES ($1, $2, $3, 0, gen_random_uuid()::text, 'system', 'campaign_requested', jsonb_build_object('campaign', $4::text), $5, $5)`,
			p.seed.Workspace, uuid.NewString(), customer, name, at)
	}

	t.Run("Requests, consents and suppressions happen when they did", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		ann := p.person("ann", nil)
		for d := 5; d < 12; d++ {
			request(p, ann, "ask", day(d, 12, 0))
			request(p, ann, "other", day(d, 13, 0))
		}
		request(p, ann, "ask", day(4, 12, 0))
		request(p, ann, "ask", day(12, 0, 0))
		cleared := day(8, 0, 0)
		p.suppressed("ann@example.com", day(6, 0, 0), &cleared)
		require.NoError(t, p.st.Withdraw(t.Context(), store.Withdrawal{
			Workspace: p.seed.Workspace, Customer: ann, Channel: "email", Topic: "news", Method: "one_click", At: day(10, 0, 0),
		}))
		hello := message(t, p.simulate(ask).Draft, "hello")
		require.Equal(t, 3, hello.Sent) // on the 5th, 8th and 9th
		require.Equal(t, []rehearsal.ReasonCount{
			{Reason: "address is suppressed: bad_address", Count: 2}, {Reason: "unsubscribed from topic news on … by one_click", Count: 2},
		}, hello.Refused)
	})

	t.Run("Coupons, texts that cannot be filled in, holdouts", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		var held, wordless int
		d := define(t, gift)
		for i := range 20 {
			user := fmt.Sprintf("u%d", i)
			id := p.person(user, nil)
			word := map[bool]string{true: "hello"}[i%2 == 0]
			p.happen(user, "cart_left", day(6, 0, i), map[string]any{"word": word}, store.Profile{Phone: new("+380501234567")})
			if out, _ := d.HoldsOut(id, campaign.Policy{}); out {
				held++
			} else if word == "" {
				wordless++
			}
		}
		r := p.simulate(gift)
		require.Equal(t, held, r.Draft.HeldOut)
		require.Equal(t, 20-held, r.Draft.Journeys)
		require.Equal(t, []rehearsal.CouponNeed{{Pool: "spring", Free: 0, Wanted: 20 - held}}, r.Pools)
		word := message(t, r.Draft, "word")
		require.Equal(t, [2]int{20 - held - wordless, wordless}, [2]int{word.Sent, word.Unfilled})
		require.Equal(t, []rehearsal.ReasonCount{
			{Reason: "step word: fill text: sms: is empty for this customer (use default:)", Count: wordless},
		}, r.Draft.Problems)
	})

	t.Run("A sample is about as large as was asked for", func(t *testing.T) {
		t.Parallel()
		p := newPast(t)
		p.many(600)
		r := p.simulate(cart, func(o *simulation.Options) { o.Sample = 200 })
		require.Equal(t, 600, r.Of)
		require.InDelta(t, 200, r.Customers, 60)
		require.Equal(t, r.Customers, r.Draft.Customers)
	})
}

const gift = `
campaign: gift
trigger: {event: cart_left}
topic: news
holdout: 30%
steps:
  - coupon: {id: code, pool: spring, expires: 10d}
  - sms: {id: word, text: "{{ entry.word }}"}
`

// many makes customers, each with an event that starts the campaign cart.
func (p *past) many(n int) {
	p.t.Helper()
	p.exec(`INSERT INTO customers (workspace_id, id, external_id, email, created_at)
		SELECT $1, gen_random_uuid(), 'n' || i, 'n' || i || '@example.com', $3 FROM generate_series(1, $2) i`, p.seed.Workspace, n, day(1, 0, 0))
	p.exec(`INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at, received_at)
		SELECT $1, gen_random_uuid(), c.id, $2, 'e' || c.external_id, 'track', 'cart_updated', '{"total": 5}', $3, $3
		FROM customers c WHERE c.workspace_id = $1`, p.seed.Workspace, p.seed.Source.ID, day(6, 12, 0))
}

// TestRunPages plays more customers than are in memory at one time.
func TestRunPages(t *testing.T) {
	t.Parallel()
	p := newPast(t)
	p.many(2050)
	var told [][2]int
	r := p.simulate(cart, func(o *simulation.Options) {
		o.Progress = func(done, total int) { told = append(told, [2]int{done, total}) }
	})
	require.Equal(t, [][2]int{{0, 2050}, {1000, 2050}, {2000, 2050}, {2050, 2050}, {2050, 2050}}, told)
	require.Equal(t, 2050, r.Draft.Customers)
	require.Equal(t, 2050, message(t, r.Draft, "hello").Sent)
	require.Equal(t, []rehearsal.Day{{Day: "2026-01-06", Email: 2050}}, r.Draft.Days)
}

// rows counts the rows of every table.
func (p *past) rows() map[string]int {
	p.t.Helper()
	rows, err := p.sql.Query(p.t.Context(), `SELECT c.relname,
		(xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM ' || quote_ident(c.relname), false, true, '')))[1]::text::int
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`)
	require.NoError(p.t, err)
	counts := map[string]int{}
	var name string
	var n int
	_, err = pgx.ForEachRow(rows, []any{&name, &n}, func() error {
		counts[name] = n
		return nil
	})
	require.NoError(p.t, err)
	return counts
}

func TestRunChangesNothing(t *testing.T) {
	t.Parallel()
	p := shop(t)
	before := p.rows()
	require.Positive(t, before["customers"])
	first := p.simulate(cart)
	require.Equal(t, first, p.simulate(cart), "the same past gives the same report")
	after := p.rows()
	require.True(t, maps.Equal(before, after), "%v\n%v", before, after)

	err := p.st.Snapshot(t.Context(), p.seed.Workspace, func(tx *store.Tx) error {
		return tx.Audit(t.Context(), "campaign.simulated", "cart", nil)
	})
	require.ErrorContains(t, err, "read-only transaction")
}

// BenchmarkRun plays a thousand customers with two events each, and tells how that compares with reading the rows.
func BenchmarkRun(b *testing.B) {
	p := newPast(b)
	p.many(1000)
	o := simulation.Options{From: day(5, 0, 0), To: day(12, 0, 0), Now: day(20, 0, 0), Draft: define(b, cart)}
	var reading time.Duration
	for b.Loop() {
		began := time.Now()
		rows, err := p.sql.Query(b.Context(), `SELECT c.*, e.* FROM customers c JOIN events e ON e.customer_id = c.id ORDER BY c.id, e.occurred_at`)
		require.NoError(b, err)
		for rows.Next() {
			_, err := rows.Values()
			require.NoError(b, err)
		}
		require.NoError(b, rows.Err())
		reading += time.Since(began)
		_, err = simulation.Run(b.Context(), p.st, p.seed.Workspace, o)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(b.Elapsed()-reading)/float64(reading), "times-reading")
	b.ReportMetric(float64((b.Elapsed()-reading).Milliseconds())/float64(b.N), "ms/1000-customers")
}
