package importer

import (
	"encoding/csv"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

// buyer is what the file says about one customer, read by other code than the one that is tested.
type buyer struct {
	country string
	orders  []*bought // by time
}

type bought struct {
	at    time.Time
	total decimal.Decimal
	items map[string]decimal.Decimal // quantity by article
}

func (b *buyer) spent(from, to time.Time) decimal.Decimal {
	var sum decimal.Decimal
	for _, o := range b.orders {
		if !o.at.Before(from) && o.at.Before(to) {
			sum = sum.Add(o.total)
		}
	}
	return sum
}

func (b *buyer) has(article string) bool {
	return slices.ContainsFunc(b.orders, func(o *bought) bool { return !o.items[article].IsZero() })
}

// since counts orders from a moment on, that moment included.
func (b *buyer) since(at time.Time) int {
	n := 0
	for _, o := range b.orders {
		if !o.at.Before(at) {
			n++
		}
	}
	return n
}

func readBuyers(t *testing.T, path string) map[string]*buyer {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines, err := csv.NewReader(f).ReadAll()
	require.NoError(t, err)
	london, err := time.LoadLocation("Europe/London")
	require.NoError(t, err)
	buyers, orders := map[string]*buyer{}, map[string]*bought{}
	for _, cells := range lines[1:] {
		quantity, err := strconv.Atoi(cells[3])
		require.NoError(t, err)
		price := decimal.RequireFromString(cells[5])
		if cells[6] == "" || cells[0][0] == 'C' || quantity <= 0 || !price.IsPositive() {
			continue
		}
		id := strings.TrimSuffix(cells[6], ".0")
		if buyers[id] == nil {
			buyers[id] = &buyer{}
		}
		b := buyers[id]
		b.country = cells[7]
		if orders[cells[0]] == nil {
			at, err := time.ParseInLocation(time.DateTime, cells[4], london)
			require.NoError(t, err)
			orders[cells[0]] = &bought{at: at, items: map[string]decimal.Decimal{}}
			b.orders = append(b.orders, orders[cells[0]])
		}
		o, n := orders[cells[0]], decimal.NewFromInt(int64(quantity))
		o.total = o.total.Add(n.Mul(price))
		o.items[cells[1]] = o.items[cells[1]].Add(n)
	}
	for _, b := range buyers {
		slices.SortFunc(b.orders, func(x, y *bought) int { return x.at.Compare(y.at) })
	}
	return buyers
}

// TestOnlineRetailSegments compares rules over the imported shop with counts by plain code over the file.
func TestOnlineRetailSegments(t *testing.T) {
	t.Parallel()
	path := dataPath(t, retailFile)
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	_, err := Run(t.Context(), st, Options{
		Kind: Orders, Workspace: seed.Workspace, File: path, Map: "online-retail", Report: t.TempDir() + "/rejected.csv",
	})
	require.NoError(t, err)
	buyers := readBuyers(t, path)
	now := time.Date(2010, 12, 23, 18, 0, 0, 0, time.UTC)
	first, last := time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC), time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)
	d := decimal.RequireFromString
	for _, c := range []struct {
		rule  string
		holds func(*buyer) bool
	}{
		{`any(events("order_completed"), .at >= "2010-12-01" and .at < "2011-01-01") and sum(events("order_completed"), .total) >= 500`, func(b *buyer) bool {
			return b.spent(first, last).IsPositive() && !b.spent(time.Time{}, now).LessThan(d("500"))
		}},
		{`count(events("order_completed", "20d")) >= 3`, func(b *buyer) bool { return b.since(now.AddDate(0, 0, -20)) >= 3 }},
		{`most_within(events("order_completed"), "5d") >= 3`, func(b *buyer) bool {
			for i := 2; i < len(b.orders); i++ {
				if b.orders[i].at.Sub(b.orders[i-2].at) <= 5*24*time.Hour {
					return true
				}
			}
			return false
		}},
		{`any(events("order_completed"), any(.items, .sku == "22423")) and none(events("order_completed"), any(.items, .sku == "85123A"))`, func(b *buyer) bool {
			return b.has("22423") && !b.has("85123A")
		}},
		{`customer.country != "United Kingdom" and avg(events("order_completed"), .total) > 300`, func(b *buyer) bool {
			return b.country != "United Kingdom" && b.spent(time.Time{}, now).GreaterThan(d("300").Mul(decimal.NewFromInt(int64(len(b.orders)))))
		}},
		{`sum(map(events("order_completed"), sum(.items, .quantity))) >= 1000`, func(b *buyer) bool {
			var sum decimal.Decimal
			for _, o := range b.orders {
				for _, n := range o.items {
					sum = sum.Add(n)
				}
			}
			return !sum.LessThan(d("1000"))
		}},
		{`days_since(last(events("order_completed")).at) >= 14 and max(events("order_completed"), .total) < 150.50`, func(b *buyer) bool {
			o := b.orders[len(b.orders)-1]
			return now.Sub(o.at) >= 14*24*time.Hour && !slices.ContainsFunc(b.orders, func(o *bought) bool { return !o.total.LessThan(d("150.50")) })
		}},
		{`any(events("order_completed"), local(.at, "Europe/London").weekday == "sunday" and local(.at, "Europe/London").hour < 12)`, func(b *buyer) bool {
			return slices.ContainsFunc(b.orders, func(o *bought) bool { return o.at.Weekday() == time.Sunday && o.at.Hour() < 12 })
		}},
	} {
		want := []string{}
		for id, b := range buyers {
			if c.holds(b) {
				want = append(want, id)
			}
		}
		slices.Sort(want)
		require.NotEmpty(t, want, c.rule)
		rule, err := rules.Compile(c.rule, rules.Options{})
		require.NoError(t, err)
		t.Logf("%d of %d: %s", len(want), len(buyers), c.rule)
		for who, got := range chosen(t, st, seed.Workspace, rule, now) {
			require.Equal(t, want, got, "%s: %s", who, c.rule)
		}
	}
}

// chosen are the shop's own ids of the customers for whom a rule holds, by who says so.
func chosen(t *testing.T, st *store.Store, ws int64, rule *rules.Rule, now time.Time) map[string][]string {
	t.Helper()
	external := map[string]string{}
	ids := []string{}
	require.NoError(t, st.Query(t.Context(), ws, `SELECT id, coalesce(external_id, '') FROM customers`, nil, time.Minute, func(rows pgx.Rows) error {
		var id, known string
		err := rows.Scan(&id, &known)
		external[id] = known
		ids = append(ids, id)
		return err
	}))
	zones, err := st.Zones(t.Context())
	require.NoError(t, err)
	sets := map[string][]string{"go": {}}
	for _, form := range []rules.Form{rules.Grouped, rules.Correlated} {
		set := []string{}
		s := rule.Select(rules.SelectOptions{Workspace: ws, Now: now, Zones: zones, Form: form})
		require.True(t, s.Exact)
		require.NoError(t, st.Query(t.Context(), ws, s.SQL, s.Args, time.Minute, func(rows pgx.Rows) error {
			var id string
			err := rows.Scan(&id)
			set = append(set, external[id])
			return err
		}))
		sets[string(form)] = set
	}
	require.NoError(t, st.In(t.Context(), ws, func(tx *store.Tx) error {
		facts, err := tx.Facts(t.Context(), ids, rule.Needs(), now)
		for id := range facts {
			held, err := rule.Bool(rules.Env{Facts: facts[id], Now: now})
			require.NoError(t, err)
			if held {
				sets["go"] = append(sets["go"], external[id])
			}
		}
		return err
	}))
	for _, set := range sets {
		slices.Sort(set)
	}
	return sets
}
