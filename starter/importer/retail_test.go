package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
)

const retailFile = "retail/online_retail_2010-12.csv"

// counted is what must come out of the retail file, counted by other code than the one that is tested.
type counted struct {
	lines, kept, orders, customers int
	skipped                        map[string]int
	revenue                        decimal.Decimal
}

func countRetail(t *testing.T, path string) counted {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	rows := csv.NewReader(f)
	_, err = rows.Read()
	require.NoError(t, err)
	c := counted{skipped: map[string]int{}}
	orders, customers := map[string]bool{}, map[string]bool{}
	for {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		c.lines++
		quantity, err := strconv.Atoi(cells[3])
		require.NoError(t, err)
		price := decimal.RequireFromString(cells[5])
		switch {
		case cells[6] == "":
			c.skipped["no customer"]++
		case cells[0][0] == 'C':
			c.skipped["cancellation"]++
		case quantity <= 0:
			c.skipped["quantity not above zero"]++
		case !price.IsPositive():
			c.skipped["price not above zero"]++
		default:
			c.kept++
			orders[cells[0]], customers[cells[6]] = true, true
			c.revenue = c.revenue.Add(price.Mul(decimal.NewFromInt(int64(quantity))))
		}
	}
	c.orders, c.customers = len(orders), len(customers)
	return c
}

// asked is what the store holds, asked in SQL.
type asked struct {
	events, customers, intake, items int
	revenue                          decimal.Decimal
}

func askStore(t *testing.T, url string) asked {
	t.Helper()
	conn := connect(t, url)
	var a asked
	var revenue string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT customer_id),
		coalesce(sum((properties->>'total')::numeric), 0)::text, coalesce(sum(jsonb_array_length(properties->'items')), 0),
		(SELECT count(*) FROM intake)
		FROM events WHERE name = 'order_completed'`).Scan(&a.events, &a.customers, &revenue, &a.items, &a.intake))
	a.revenue = decimal.RequireFromString(revenue)
	return a
}

func TestOnlineRetail(t *testing.T) {
	t.Parallel()
	path := dataPath(t, retailFile)
	want := countRetail(t, path)
	require.Equal(t, 42481, want.lines)

	url := storetest.URL(t)
	st := storetest.Open(t, url)
	seed := storetest.Workspace(t, st)
	o := Options{
		Kind: Orders, Workspace: seed.Workspace, File: path, Map: "online-retail",
		Report: filepath.Join(t.TempDir(), "rejected.csv"),
	}

	first, err := Run(t.Context(), st, o)
	require.NoError(t, err)
	t.Log("\n" + first.String())
	require.Equal(t, Lines{Read: want.lines, Stored: want.kept, Skipped: want.skipped}, first.Lines)
	require.Equal(t, Messages{Stored: want.orders}, first.Messages)
	require.Equal(t, want.customers, first.Customers)
	require.Equal(t, want.lines, first.Lines.Accounted())
	require.False(t, first.Sorted)
	require.Equal(t, utf8Name, first.Encoding)
	require.False(t, exists(o.Report), "nothing was rejected")

	got := askStore(t, url)
	require.Equal(t, want.orders, got.events)
	require.Equal(t, want.customers, got.customers)
	require.Equal(t, want.kept, got.items)
	require.True(t, want.revenue.Equal(got.revenue), "revenue %s, in the store %s", want.revenue, got.revenue)
	require.Zero(t, got.intake, "no campaign is told of the past")

	c, err := st.FindCustomer(t.Context(), seed.Workspace, "17850")
	require.NoError(t, err)
	require.Equal(t, map[string]any{"country": "United Kingdom"}, c.Attributes)

	again, err := Run(t.Context(), st, o)
	require.NoError(t, err)
	require.Equal(t, Lines{Read: want.lines, Known: want.kept, Skipped: want.skipped}, again.Lines)
	require.Equal(t, Messages{Known: want.orders}, again.Messages)
	require.Zero(t, again.Customers)
	require.Equal(t, got, askStore(t, url))
}

// TestOnlineRetailCutOff stops an import right after a commit, as a crash before the state is written would.
func TestOnlineRetailCutOff(t *testing.T) {
	t.Parallel()
	path := dataPath(t, retailFile)
	want := countRetail(t, path)
	to := newShop(t)
	o := Options{
		Kind: Orders, Workspace: to.seed.Workspace, File: path, Map: "online-retail", Batch: 100,
		Report: filepath.Join(t.TempDir(), "rejected.csv"),
	}
	crash := errors.New("killed")
	to.after = func(commits int) error {
		if commits == 3 {
			return crash
		}
		return nil
	}
	sum, err := Run(t.Context(), to, o)
	require.ErrorIs(t, err, crash)
	require.Equal(t, 200, sum.Messages.Stored, "what the state knows of")
	require.Equal(t, 300, askStore(t, to.url).events, "what the store has")

	done, err := Run(t.Context(), to, o)
	require.NoError(t, err)
	require.Equal(t, sum.Lines.Read, done.Resumed)
	require.Equal(t, Messages{Stored: want.orders - 100, Known: 100}, done.Messages)
	require.Equal(t, want.lines, done.Lines.Accounted())
	require.Equal(t, want.skipped, done.Lines.Skipped)
	got := askStore(t, to.url)
	require.Equal(t, want.orders, got.events)
	require.True(t, want.revenue.Equal(got.revenue))
}

// repeated writes the retail file so many times into one file, each time with invoices of their own.
func repeated(tb testing.TB, times int) string {
	tb.Helper()
	raw, err := os.ReadFile(dataPath(tb, retailFile))
	require.NoError(tb, err)
	header, body, _ := strings.Cut(string(raw), "\n")
	path := filepath.Join(tb.TempDir(), "repeated.csv")
	f, err := os.Create(path)
	require.NoError(tb, err)
	_, err = f.WriteString(header + "\n")
	require.NoError(tb, err)
	for i := range times {
		var b strings.Builder
		for line := range strings.Lines(body) {
			before, after, _ := strings.Cut(line, ",")
			fmt.Fprintf(&b, "%s-%d,%s", before, i, after)
		}
		_, err = f.WriteString(b.String())
		require.NoError(tb, err)
	}
	require.NoError(tb, f.Close())
	return path
}

// TestMemoryIsBounded counts what is held at a time; it must not depend on the length of the file.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	run := func(times int) Summary {
		sum, err := Run(t.Context(), discard{}, Options{
			Kind: Orders, Workspace: 1, File: repeated(t, times), Map: "online-retail", Batch: 50,
		})
		require.NoError(t, err)
		require.Equal(t, times*42481, sum.Lines.Accounted())
		return sum
	}
	once, thrice := run(1), run(3)
	require.Equal(t, once.Buffered, thrice.Buffered)
	require.Less(t, once.Buffered, 5000)
}

// BenchmarkOnlineRetail imports ten times the retail file into Postgres.
func BenchmarkOnlineRetail(b *testing.B) {
	path := repeated(b, 10)
	for b.Loop() {
		st := storetest.New(b)
		seed := storetest.Workspace(b, st)
		sum, err := Run(b.Context(), st, Options{Kind: Orders, Workspace: seed.Workspace, File: path, Map: "online-retail"})
		require.NoError(b, err)
		require.Equal(b, 424810, sum.Lines.Accounted())
		b.ReportMetric(float64(sum.Lines.Read)/sum.Elapsed.Seconds(), "lines/s")
		b.ReportMetric(float64(sum.Lines.Stored)/sum.Elapsed.Seconds(), "stored-lines/s")
		b.ReportMetric(peakMemory(b), "MB-peak")
	}
}

// BenchmarkReading is the same without a database: what reading, checking and assembling alone cost.
func BenchmarkReading(b *testing.B) {
	path := repeated(b, 10)
	info, err := os.Stat(path)
	require.NoError(b, err)
	b.SetBytes(info.Size())
	for b.Loop() {
		sum, err := Run(b.Context(), discard{}, Options{Kind: Orders, Workspace: 1, File: path, Map: "online-retail"})
		require.NoError(b, err)
		b.ReportMetric(float64(sum.Lines.Read)/sum.Elapsed.Seconds(), "lines/s")
		b.ReportMetric(peakMemory(b), "MB-peak")
	}
}

// peakMemory is the most memory this process has had, in MB; 0 where the system does not say.
func peakMemory(tb testing.TB) float64 {
	tb.Helper()
	raw, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseFloat(fields[0], 64)
	require.NoError(tb, err)
	return kb / 1024
}
