package importer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/activities/store/storetest"
)

const simpleMap = "import: customers\nexternal_id: Id\nname: Name\n"

// people writes a file of so many customers.
func people(n int) string {
	var b strings.Builder
	b.WriteString("Id,Name\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,Customer %d\n", i, i)
	}
	return b.String()
}

// setUp writes a file and a mapping, and gives the options to import them.
func setUp(t *testing.T, to *shop, csv, mapping string) Options {
	t.Helper()
	dir := write(t, map[string]string{"file.csv": csv, "map.yaml": mapping})
	m := parse(t, mapping)
	return Options{
		Kind: m.Kind(), Workspace: to.seed.Workspace, File: filepath.Join(dir, "file.csv"), Map: filepath.Join(dir, "map.yaml"),
		Now: func() time.Time { return testNow }, Batch: 10,
	}.withDefaults()
}

// crashAfter lets a shop crash after so many commits, once.
func crashAfter(to *shop, commits int) error {
	crash := errors.New("killed")
	to.after = func(n int) error {
		if n == commits {
			return crash
		}
		return nil
	}
	return crash
}

func TestResume(t *testing.T) {
	t.Parallel()

	t.Run("Goes on after the last commit", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		text := people(20) + "bad line\n" + strings.TrimPrefix(people(60), "Id,Name\n")
		o := setUp(t, to, text, simpleMap)
		crash := crashAfter(to, 5)
		sum, err := runChecked(t, to, o)
		require.ErrorIs(t, err, crash)
		require.Equal(t, Lines{Read: 41, Stored: 20, Known: 20, Rejected: 1, Skipped: map[string]int{}}, sum.Lines)
		require.True(t, exists(o.statePath()))

		var shown bytes.Buffer
		o.Progress = &shown
		sum, err = runChecked(t, to, o)
		require.NoError(t, err)
		require.Equal(t, 41, sum.Resumed)
		require.Equal(t, Lines{Read: 81, Stored: 50, Known: 30, Rejected: 1, Skipped: map[string]int{}}, sum.Lines)
		require.Equal(t, "going on after 41 lines, where an earlier import stopped\n", shown.String())
		require.Equal(t, 1, strings.Count(readReport(t, sum), "bad line"))
		require.Contains(t, sum.String(), "81 lines read in 0s")
	})

	t.Run("A report that was ahead of the commit is cut back", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		o := setUp(t, to, people(15)+"bad line\n"+strings.TrimPrefix(people(15), "Id,Name\n"), simpleMap)
		crash := crashAfter(to, 2)
		_, err := runChecked(t, to, o)
		require.ErrorIs(t, err, crash)
		sum, err := runChecked(t, to, o)
		require.NoError(t, err)
		require.Equal(t, 10, sum.Resumed)
		require.Equal(t, 1, strings.Count(readReport(t, sum), "bad line"))
	})

	t.Run("A sorted import goes on too", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		text := orderHeader
		for i := range 200 {
			text += fmt.Sprintf("%d,c%d,01.07.2026 12:30,,A%d,,1,1,,\n", i%100, i%100, i)
		}
		o := setUp(t, to, text, orderMap)
		crash := crashAfter(to, 4)
		_, err := runChecked(t, to, o)
		require.ErrorIs(t, err, crash)
		sum, err := runChecked(t, to, o)
		require.NoError(t, err)
		require.True(t, sum.Sorted)
		require.Equal(t, 60, sum.Resumed)
		require.Equal(t, Messages{Stored: 90, Known: 10}, sum.Messages)
		require.Equal(t, 100, askStore(t, to.url).events)
		require.Equal(t, 200, askStore(t, to.url).items)
	})

	for name, test := range map[string]struct {
		change func(t *testing.T, o *Options)
		note   string
	}{
		"The file has changed": {func(t *testing.T, o *Options) {
			require.NoError(t, os.WriteFile(o.File, []byte(people(51)), 0o600))
		}, "the file has changed since"},
		"The mapping has changed": {func(t *testing.T, o *Options) {
			require.NoError(t, os.WriteFile(o.Map, []byte(simpleMap+"existing: fill\n"), 0o600))
		}, "the mapping or the options have changed since"},
		"The options have changed": {func(_ *testing.T, o *Options) { o.Country = "UA" }, "the mapping or the options have changed since"},
		"The state is damaged": {func(t *testing.T, o *Options) {
			require.NoError(t, os.WriteFile(o.statePath(), []byte("{"), 0o600))
		}, "its state cannot be read"},
		"The report is gone": {func(t *testing.T, o *Options) { require.NoError(t, os.Remove(o.Report)) }, "its report is gone"},
		"It is asked for":    {func(_ *testing.T, o *Options) { o.Restart = true }, "as asked"},
	} {
		t.Run("Begins anew when "+name, func(t *testing.T) {
			t.Parallel()
			to := newShop(t)
			o := setUp(t, to, people(50), simpleMap)
			crash := crashAfter(to, 3)
			_, err := runChecked(t, to, o)
			require.ErrorIs(t, err, crash)
			test.change(t, &o)
			var shown bytes.Buffer
			o.Progress = &shown
			sum, err := runChecked(t, to, o)
			require.NoError(t, err)
			require.Zero(t, sum.Resumed)
			require.Equal(t, test.note, sum.Note)
			require.Contains(t, shown.String(), "beginning anew: "+test.note)
			require.Equal(t, 30, sum.Lines.Known)
		})
	}
}

func TestStops(t *testing.T) {
	t.Parallel()

	t.Run("Between two batches when it is told to", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		o := setUp(t, to, people(55), simpleMap)
		ctx, cancel := context.WithCancel(t.Context())
		to.after = func(commits int) error {
			if commits == 2 {
				cancel()
			}
			return nil
		}
		sum, err := Run(ctx, to, o)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 20, sum.Lines.Stored)
		require.Equal(t, 20, sum.Lines.Accounted())
		sum, err = runChecked(t, to, o)
		require.NoError(t, err)
		require.Equal(t, Lines{Read: 55, Stored: 55, Skipped: map[string]int{}}, sum.Lines)
	})

	t.Run("Before anything when it is told to at once", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		ctx, cancel := context.WithCancel(t.Context())
		o := setUp(t, to, people(5), simpleMap)
		o.Now = func() time.Time { cancel(); return testNow } // after EnsureSource at the latest
		_, err := Run(ctx, discard{}, o)
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("Where the database is away", func(t *testing.T) {
		t.Parallel()
		st := storetest.Open(t, storetest.URL(t))
		st.Close()
		dir := write(t, map[string]string{"file.csv": people(1), "map.yaml": simpleMap})
		_, err := Run(t.Context(), st, Options{Kind: Customers, Workspace: 1, File: filepath.Join(dir, "file.csv"), Map: filepath.Join(dir, "map.yaml")})
		require.ErrorContains(t, err, "closed pool")
	})
}

func TestRefusedByDatabase(t *testing.T) {
	t.Parallel()
	to := newShop(t)
	// The constraint stands for whatever Postgres may have against one row of a batch.
	execSQL(t, to.url, `ALTER TABLE customers ADD CONSTRAINT no_seven CHECK (name <> 'Customer 7')`)
	o := setUp(t, to, people(20), simpleMap)
	o.Batch = 1000
	sum, err := runChecked(t, to, o)
	require.NoError(t, err)
	require.Equal(t, Lines{Read: 20, Stored: 19, Rejected: 1, Skipped: map[string]int{}}, sum.Lines)
	require.Contains(t, readReport(t, sum), `9,"the database refuses this: store events: `)
}

func TestFiles(t *testing.T) {
	t.Parallel()

	t.Run("Any usual encoding and delimiter", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		for i, test := range []struct{ text, encoding, delimiter, name, found string }{
			{"Id,Name\n%d,Zoë\n", "", "", "Zoë", "utf-8"},
			{"\ufeffId;Name\r\n%d;Zoë\r\n", "", "", "Zoë", "utf-8"},
			{"Id\tName\n%d\tZo\xeb\n", "", "", "Zoë", "windows-1252"},
			{"Id,Name,Gr\xf6\xdfe\n%d,Zo\xeb,5\n", "", "", "Zoë", "windows-1252"},
			{"sep=|\nId|Name\n%d|Zoë\n", "", "", "Zoë", "utf-8"},
			{"\ufeffsep=;\r\nId;Name,\n%d;\"Z;oë\"\n", "", "", "Z;oë", "utf-8"},
			{"Id,Name\n%d,\xdf\xedа\n", "windows-1251", "", "ЯнР°", "windows-1251"},
			{"Id;Name,a,b\n%d;Zoë\n", "auto", ";", "Zoë", "utf-8"},
			{"\"Id\",\"Name\",,\n%d,Zoë,,\n", "", "", "Zoë", "utf-8"},
			{"Id,Name\nx,\xeb\n%d,Zoë\ny,Chloë\n", "", "", "Zoë", "utf-8"},
		} {
			mapping := simpleMap
			for _, name := range []string{"Name,a,b", "Name,"} {
				if strings.Contains(test.text, name+"\n") {
					mapping = strings.Replace(simpleMap, "name: Name", "name: \""+name+"\"", 1)
					break
				}
			}
			sum, err := importText(t, to, Customers, fmt.Sprintf(test.text, i), mapping, func(o *Options) {
				o.Encoding, o.Delimiter = test.encoding, test.delimiter
			})
			require.NoError(t, err, test.text)
			require.Equal(t, test.found, sum.Encoding, test.text)
			require.Equal(t, test.name, to.customer(t, fmt.Sprint(i)).Customer.Name, test.text)
		}
	})

	t.Run("A file that is no CSV is refused with advice", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		for text, want := range map[string]string{
			"":                   "the file is empty; export it again",
			" \n\n":              "the file is empty",
			"\xff\xfeI\x00d\x00": "it looks like UTF-16",
			"I\x00d\x00":         "it looks like UTF-16",
			"Id,Name,Id\n":       `two columns are called "Id"`,
			",,\n1,2,3\n":        "the first line holds no column headings",
			"\"Id,Name\n1,2\n":   "line 1, which should hold the column headings, cannot be read: a quote is opened and not closed",
			"Id,Name\r1,Ann\r":   "as on old Macs",
			"sep=;\n":            "the file has no header",
			"Nr,Name\n1,Ann\n":   `the file has no column "Id"`,
		} {
			_, err := importText(t, to, Customers, text, simpleMap, nil)
			require.ErrorContains(t, err, want, "%q", text)
		}
		_, err := importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Encoding = "utf-7" })
		require.ErrorContains(t, err, `the encoding "utf-7" is not known`)
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Delimiter = "comma" })
		require.ErrorContains(t, err, `the delimiter cannot be "comma"`)
		_, err = importText(t, to, Orders, people(1), simpleMap, nil)
		require.ErrorContains(t, err, "it is for customers, and not for orders; try: starter import customers")
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.File = t.TempDir() })
		require.ErrorContains(t, err, "not an ordinary file")
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.File += ".missing" })
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Map += ".missing" })
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Report = o.File })
		require.ErrorContains(t, err, "the report would overwrite the file")
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Report = filepath.Join(o.File, "x") })
		require.ErrorContains(t, err, "report")
		_, err = importText(t, to, Customers, people(1), simpleMap, func(o *Options) { o.Report = filepath.Join(filepath.Dir(o.File), "no", "x") })
		require.ErrorIs(t, err, os.ErrNotExist)
		require.Empty(t, to.messages)
	})
}

func TestProgress(t *testing.T) {
	t.Parallel()
	to := newShop(t)

	t.Run("A line every few seconds without a terminal", func(t *testing.T) {
		t.Parallel()
		clock := testNow
		var shown bytes.Buffer
		o := setUp(t, to, people(5000), simpleMap)
		o.Progress, o.Now = &shown, func() time.Time { clock = clock.Add(time.Second); return clock }
		_, err := Run(t.Context(), discard{}, o)
		require.NoError(t, err)
		require.Regexp(t, `^checking: \d+ %, 0\.1 of 0\.1 MB at \d+\.\d MB/s, 4,000 lines, about \d+s left\nimporting: \d+ %, 0\.1 of 0\.1 MB at \d+\.\d MB/s, 5,000 lines, about 0s left\n$`, shown.String())
	})

	t.Run("A bar on a terminal", func(t *testing.T) {
		t.Parallel()
		var shown bytes.Buffer
		o := setUp(t, to, people(5000), simpleMap)
		o.Progress, o.Terminal = &shown, true
		_, err := Run(t.Context(), discard{}, o)
		require.NoError(t, err)
		require.Contains(t, shown.String(), "importing")
		require.Contains(t, shown.String(), "\r")
	})
}

func TestSummaryText(t *testing.T) {
	t.Parallel()
	s := Summary{
		Lines:    Lines{Read: 42481, Stored: 40000, Known: 2000, Skipped: map[string]int{"no customer": 400, "cancellation": 31}, Rejected: 50, Partial: 7},
		Messages: Messages{Stored: 1400, Known: 70}, Customers: 885, Report: "x.rejected.csv", Encoding: windows1252, Sorted: true,
		Elapsed: 2 * time.Second,
	}
	require.Equal(t, `42,481 lines read in 2s (21,240 a second)
     40,000 stored, as 1,400 events of which 885 made a new customer
      2,000 known already (70 events)
         31 skipped: cancellation
        400 skipped: no customer
         50 rejected
          7 values left out of stored lines
Reasons and advice: x.rejected.csv
The file was read as windows-1252. If letters look wrong, name its encoding with --encoding.
The lines of some orders did not stand together, so the file was sorted first.
`, s.String())
	require.Equal(t, s.Lines.Read, s.Lines.Accounted())
}

func TestFlags(t *testing.T) {
	t.Parallel()
	var flags Flags
	parser, err := kong.New(&flags)
	require.NoError(t, err)
	file := filepath.Join(write(t, map[string]string{"a.csv": "x"}), "a.csv")
	_, err = parser.Parse([]string{file, "--map", "online-retail", "--report", "r.csv", "--encoding", "utf-8", "--delimiter", "tab", "--restart"})
	require.NoError(t, err)
	require.Equal(t, Options{
		Kind: Orders, File: file, Map: "online-retail", Report: "r.csv", Encoding: "utf-8", Delimiter: "tab", Restart: true,
	}, flags.Options(Orders))
	parser, err = kong.New(&Flags{})
	require.NoError(t, err)
	_, err = parser.Parse([]string{file})
	require.ErrorContains(t, err, "missing flags: --map=MAPFILE")
}

// TestEveryLineIsAccountedFor draws files with all that can go wrong, and crashes, and adds up.
func TestEveryLineIsAccountedFor(t *testing.T) {
	t.Parallel()
	to := newShop(t)
	dir := t.TempDir()
	number := 0
	rules := orderMap + "rules: [{when: {Channel: {equals: test}}, skip: test order}, {when: {City: {equals: Nowhere}}, reject: no such city}, {when: {Qty: {below: 0}}, event: order_returned}]\n"
	mapping := filepath.Join(dir, "map.yaml")
	require.NoError(t, os.WriteFile(mapping, []byte(rules), 0o600))
	rapid.Check(t, func(rt *rapid.T) {
		number++
		text := drawOrders(rt, number)
		o := Options{
			Kind: Orders, Workspace: to.seed.Workspace, File: filepath.Join(dir, fmt.Sprintf("%d.csv", number)), Map: mapping,
			Batch: rapid.IntRange(1, 5).Draw(rt, "batch"), Now: func() time.Time { return testNow },
		}
		require.NoError(rt, os.WriteFile(o.File, []byte(text), 0o600))
		crash := crashAfter(to, to.commits+rapid.IntRange(1, 8).Draw(rt, "crash"))
		before := len(to.messages)
		sum, err := Run(t.Context(), to, o)
		require.Equal(rt, sum.Lines.Read, sum.Lines.Accounted())
		to.after = nil
		if err != nil {
			require.ErrorIs(rt, err, crash)
			sum, err = Run(t.Context(), to, o)
			require.NoError(rt, err)
		}
		require.Equal(rt, len(readAll(rt, text, ','))-1, sum.Lines.Read, "all lines but the header")
		require.Equal(rt, sum.Lines.Read, sum.Lines.Accounted())
		if sum.Lines.Rejected > 0 {
			require.Len(rt, readAll(rt, readReport(t, sum), ','), sum.Lines.Rejected)
		}
		require.Len(rt, to.messages[before:], sum.Messages.Stored+sum.Messages.Known)

		again, err := Run(t.Context(), to, o)
		require.NoError(rt, err)
		require.Equal(rt, Messages{Known: sum.Messages.Stored + sum.Messages.Known}, again.Messages, "the same file twice changes nothing")
		require.Equal(rt, sum.Lines.Rejected, again.Lines.Rejected)
		require.Equal(rt, sum.Lines.Skipped, again.Lines.Skipped)
	})
}

// drawOrders draws a file of orders. Its ids hold the number, so that no two files share any.
func drawOrders(rt *rapid.T, number int) string {
	var b strings.Builder
	b.WriteString(orderHeader)
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(rt, label) }
	for range rapid.IntRange(0, 25).Draw(rt, "lines") {
		switch rapid.IntRange(0, 12).Draw(rt, "shape") {
		case 0:
			b.WriteString(pick("broken", "\n", "x\n", "a,\"b\n", ",,,,,,,,,\n", "\"a\"b,c\n", "\xff,,,,,,,,,\n"))
		default:
			fmt.Fprintf(&b, "%d-%d,%s,%s,%s,A,%s,%s,%s,%s,%s\n", number, rapid.IntRange(0, 6).Draw(rt, "order"),
				pick("customer", "c1", "c1", "c1", "c1", ""), pick("at", "01.07.2026 12:30", "01.07.2026 12:30", "01.07.2026 12:30", "soon"),
				pick("currency", "UAH", "", "UAH"), pick("name", "Pen", "\"a\nb\"", "\"a,b\""), pick("quantity", "1", "2", "-1", "x"),
				pick("price", "0.1", "10"), pick("channel", "web", "web", "test"), pick("city", "Lviv", "Lviv", "Lviv", "Nowhere"))
		}
	}
	return b.String()
}

// TestSortRows compares with a sort in memory, with chunks so small that many files are merged.
func TestSortRows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		var text strings.Builder
		for range rapid.IntRange(0, 40).Draw(rt, "lines") {
			text.WriteString(rapid.SampledFrom([]string{"a,1\n", "b,2\n", "c,\"x\ny\"\n", "d,\"open\n", "\xff,5\n", "\n"}).Draw(rt, "line"))
		}
		from := newCSVReader(strings.NewReader(text.String()), 0, 0, ',', decodeUTF8)
		chunk := rapid.SampledFrom([]int{1, 300, 1 << 20}).Draw(rt, "chunk")
		key := func(r row) string { return strings.Join(r.cells[:min(1, len(r.cells))], "") }
		sorted, err := sortRows(t.Context(), from, chunk, key, func(row) {})
		require.NoError(rt, err)
		want := map[int]row{}
		for _, r := range readAll(rt, text.String(), ',') {
			want[r.line] = r
		}
		last := keyed{}
		for range len(want) {
			got, err := sorted.next()
			require.NoError(rt, err)
			one := keyed{got, key(got)}
			require.Negative(rt, compareKeyed(last, one))
			last = one
			original := want[got.line]
			require.Equal(rt, original.raw, got.raw)
			require.Equal(rt, original.fault, got.fault)
			require.Equal(rt, original.cells, append([]string{}, got.cells...))
		}
		_, err = sorted.next()
		require.Error(rt, err)
		require.NoError(rt, sorted.close())
		require.False(rt, exists(sorted.dir))
	})

	t.Run("Stops when it is told to", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		from := newCSVReader(strings.NewReader("a\nb\n"), 0, 0, ',', decodeUTF8)
		_, err := sortRows(ctx, from, 1, func(row) string { return "" }, func(row) {})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func execSQL(t *testing.T, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	_, err := conn.Exec(t.Context(), sql)
	require.NoError(t, err)
}
