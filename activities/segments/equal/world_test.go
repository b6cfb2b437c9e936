package equal

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

// checks is how many random rules a run tries, and seed where they begin, unless the flags say otherwise: so a run that
// fails because of a change fails for everybody. -rapid.seed=0 tries others every time.
const (
	checks = "2000"
	seed   = "20260330"
)

func TestMain(m *testing.M) {
	flag.Parse()
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range map[string]string{"rapid.checks": checks, "rapid.seed": seed} {
		if given[name] {
			continue
		}
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(storetest.Main(m))
}

// now is just after clocks were set forward in Europe, so that windows of whole days reach over the change.
var now = time.Date(2026, 3, 30, 9, 30, 0, 123_456_000, time.UTC)

const (
	day       = 24 * time.Hour
	customers = 60
)

// world is a workspace full of awkward data.
type world struct {
	st    *store.Store
	ws    int64
	ids   []string
	zones []string
}

// oddValues are values of attributes and properties as sites send them, as JSON.
var oddValues = []string{
	`0`, `-1`, `1`, `2`, `3`, `10`, `30`, `30.0`, `0.1`, `0.2`, `0.30000000000000004`, `99.99`, `1999.995`, `2000`, `2000.00`, `-0.5`, `2.5`, `-2.5`,
	`1e3`, `1E-7`, `123456789012345678901234567890.125`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `1e60`, `5e-300`,
	`null`, `true`, `false`, `""`, `"a"`, `"A"`, `"b"`, `"Kyiv"`, `"Київ"`, `"київ"`, `"ß"`, `"İstanbul"`, `"e\u0301"`, `"é"`, `"🙂"`, `" pad "`, `"\u00a0x\u3000"`,
	`"30"`, `"true"`, `"null"`, `"it's"`, `"\"quoted\""`, `"back\\slash"`, `"line\nbreak"`, `"100%"`, `"$1"`, `"Europe/Kyiv"`, `"America/New_York"`, `"Nowhere/City"`, `"EST"`, `"utc"`,
	`"2026-03-29T00:59:59.999999Z"`, `"2026-03-29"`, `"2026-03-30T09:30:00.123456Z"`, `"2026-03-30T12:30:00.123456+03:00"`, `"2024-02-29"`, `"2026-02-30"`,
	`"0001-01-01"`, `"9999-12-31T23:59:59Z"`, `"2026-03-29T02:30:00+02:00"`, `"2026-10-25T00:30:00Z"`, `"2d"`,
	`[]`, `[1,2,3]`, `[3,1,2]`, `[1,2.0,3]`, `["a","b"]`, `["b","a",null]`, `[null]`, `[[1],[2]]`, `[{"sku":"A","price":10},{"sku":"B","price":0.1}]`, `[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]`,
	`{}`, `{"n":1}`, `{"n":1.0}`, `{"n":{"n":2}}`, `{"zip":"79000","n":[1,2]}`, `{"a":null}`,
}

// usualValues are values of the kind that sites mean to send under a name.
var usualValues = map[string][]string{
	"age": {`0`, `1`, `2`, `30`, `30.0`, `2.5`, `-2.5`, `0.1`, `99.99`}, "city": {`"Kyiv"`, `"Київ"`, `"київ"`, `"ß"`, `"İstanbul"`, `" pad "`, `"b"`},
	"plan": {`"a"`, `"b"`, `"free"`, `1`}, "flag": {`true`, `false`}, "obj": {`{"n":1}`, `{"n":{"n":2}}`, `{"zip":"79000","n":[1,2]}`},
	"when":  {`"2026-03-29"`, `"2026-03-30T09:30:00.123456Z"`, `"2026-03-30T12:30:00.123456+03:00"`, `"2026-10-25T00:30:00Z"`, `"2024-02-29"`},
	"list":  {`[]`, `[1,2,3]`, `[3,1,2]`, `["a","b"]`, `[{"sku":"A","price":10},{"sku":"B","price":0.1}]`, `[0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1]`, `[[1],[2]]`},
	"total": {`0`, `1`, `2`, `2.5`, `99.99`, `1999.995`, `2000.00`}, "sku": {`"a"`, `"b"`, `"A"`}, "on": {`true`, `false`},
	"items": {`[{"sku":"A","price":10},{"sku":"B","price":0.1}]`, `[]`, `[{"sku":"A"}]`}, "due": {`"2026-03-29"`, `"2026-03-29T02:30:00+02:00"`, `"2027-01-01"`},
}

// Names as rules and data use them.
var (
	attributeNames = []string{"age", "city", "plan", "when", "list", "obj", "flag", "it's", "київ"}
	propertyNames  = []string{"total", "sku", "items", "on", "due"}
	eventNames     = []string{"order_completed", "page viewed", "it's; DROP TABLE customers"}
	segmentNames   = []string{"vip", "it's"}
	campaignNames  = []string{"welcome", "win/back"}
	zoneNames      = []string{"Europe/Kyiv", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC", ""}
	tagNames       = []string{"new", "vip", "Ä", "it's"}
)

// moments are ends of windows, changes of clocks, and what lies beside them.
func moments() []time.Time {
	list := []time.Time{
		now, time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 3, 29, 0, 59, 59, 999_999_000, time.UTC),
		time.Date(2025, 10, 26, 0, 30, 0, 0, time.UTC), time.Date(2025, 10, 26, 1, 30, 0, 0, time.UTC), time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), time.Date(1999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	for _, window := range []time.Duration{time.Second, time.Hour, day, 2 * day, 7 * day, 30 * day, 90 * day} {
		list = append(list, now.Add(-window), now.Add(-window-time.Microsecond), now.Add(-window+time.Microsecond), now.Add(-window-3*time.Hour))
	}
	return append(list, now.Add(time.Microsecond), now.Add(time.Hour))
}

func pickOf[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// newWorld fills a database of its own from a seed.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	w := &world{st: st, ws: storetest.Workspace(t, st).Workspace}
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // the database goes with the test
	f := filler{t: t, conn: conn, ws: w.ws, r: rand.New(rand.NewPCG(seed, 1))}
	w.ids = f.fill()
	w.zones, err = st.Zones(t.Context())
	require.NoError(t, err)
	return w
}

// load gives what rules may know of everybody.
func (w *world) load(ctx context.Context, needs rules.Needs) (map[string]rules.Facts, error) {
	var all map[string]rules.Facts
	err := w.st.In(ctx, w.ws, func(tx *store.Tx) error {
		var err error
		all, err = tx.Facts(ctx, w.ids, needs, now)
		return err
	})
	return all, err
}

// choices are the customers that Go and the forms of the query choose.
type choices struct {
	names []string
	sets  [][]string
	exact bool
	sql   string
}

// choose evaluates a rule in every way. What is not exact is narrowed by Go, as its users do.
func (w *world) choose(ctx context.Context, r *rules.Rule) (choices, error) {
	facts, err := w.load(ctx, r.Needs())
	if err != nil {
		return choices{}, err
	}
	holds := func(id string) (bool, error) { return r.Bool(rules.Env{Facts: facts[id], Now: now}) }
	all := choices{names: []string{"go"}, sets: [][]string{{}}}
	for _, id := range w.ids {
		if _, there := facts[id]; !there {
			continue
		}
		held, err := holds(id)
		if err != nil {
			return all, err
		}
		if held {
			all.sets[0] = append(all.sets[0], id)
		}
	}
	o := rules.SelectOptions{Workspace: w.ws, Now: now, Past: true, Zones: w.zones}
	for _, o.Form = range []rules.Form{rules.Grouped, rules.Correlated} {
		s := r.Select(o)
		all.exact, all.sql = s.Exact, s.SQL
		set, err := w.run(ctx, s, holds)
		if err != nil {
			return all, fmt.Errorf("%s: %w\n%s", o.Form, err, s.SQL)
		}
		all.names, all.sets = append(all.names, string(o.Form)), append(all.sets, set)
		many := rules.Classify(o, []*rules.Rule{r, r})
		if set, err = w.run(ctx, many, holds); err != nil {
			return all, fmt.Errorf("classify %s: %w\n%s", o.Form, err, many.SQL)
		}
		all.names, all.sets = append(all.names, "classify "+string(o.Form)), append(all.sets, set)
	}
	return all, nil
}

func (w *world) run(ctx context.Context, s rules.Selection, holds func(string) (bool, error)) ([]string, error) {
	set := []string{}
	err := w.st.Query(ctx, w.ws, "SELECT id FROM ("+s.SQL+") s", s.Args, time.Minute, func(rows pgx.Rows) error {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		held, err := true, error(nil)
		if !s.Exact {
			held, err = holds(id)
		}
		if held {
			set = append(set, id)
		}
		return err
	})
	slices.Sort(set)
	return set, err
}

func (c choices) agree() (bool, string) {
	for i := 1; i < len(c.sets); i++ {
		if !slices.Equal(c.sets[0], c.sets[i]) {
			return false, c.names[i]
		}
	}
	return true, ""
}

// odd describes the first customer on whom two evaluators disagree.
func (w *world) odd(ctx context.Context, r *rules.Rule, c choices) string {
	facts, err := w.load(ctx, r.Needs())
	if err != nil {
		return err.Error()
	}
	for i := 1; i < len(c.sets); i++ {
		for _, id := range w.ids {
			if inGo := slices.Contains(c.sets[0], id); inGo != slices.Contains(c.sets[i], id) {
				raw, err := json.Marshal(facts[id])
				if err != nil {
					return err.Error()
				}
				return fmt.Sprintf("in Go %t, %s %t: %s", inGo, c.names[i], !inGo, raw)
			}
		}
	}
	return ""
}
