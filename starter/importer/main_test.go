package importer

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			code = 1
		}
	}
	os.Exit(code)
}

// testNow is when every import of these tests happens.
var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// dataPath finds a file of the shared test data, and skips the test where there is none.
func dataPath(tb testing.TB, name string) string {
	tb.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(tb, err)
		for !exists(filepath.Join(root, "go.mod")) && root != filepath.Dir(root) {
			root = filepath.Dir(root)
		}
		dir = filepath.Join(filepath.Dir(root), "shared", "data")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if !exists(path) {
		tb.Skipf("no test data %s (set DOTYK_TESTDATA)", name)
	}
	return path
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// connect opens a connection of the test's own.
func connect(tb testing.TB, url string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close(context.WithoutCancel(tb.Context()))) })
	return conn
}

// write puts files into a folder of the test's own and gives its path.
func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, content := range files {
		require.NoError(tb, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	return dir
}

// parse reads a mapping that must be right.
func parse(tb testing.TB, src string) *Mapping {
	tb.Helper()
	m, err := ParseMapping([]byte(src))
	require.NoError(tb, err)
	return m
}

// shop is a workspace in a database of the test's own, which remembers the messages that were newly stored.
type shop struct {
	*store.Store
	seed     storetest.Seed
	url      string
	messages []store.Message
	commits  int
	// after is asked once a batch is committed: with an error it plays a crash before the answer arrives.
	after func(commits int) error
}

func newShop(tb testing.TB) *shop {
	tb.Helper()
	url := storetest.URL(tb)
	st := storetest.Open(tb, url)
	return &shop{Store: st, seed: storetest.Workspace(tb, st), url: url}
}

// Ingest stores for real, and notes what was stored.
func (s *shop) Ingest(ctx context.Context, workspace int64, ds []store.Delivery) ([]store.IngestResult, error) {
	results, err := s.Store.Ingest(ctx, workspace, ds)
	if err != nil {
		return nil, err
	}
	for i, d := range ds {
		if results[i].Stored > 0 {
			s.messages = append(s.messages, d.Messages...)
		}
	}
	s.commits++
	if s.after != nil {
		if err := s.after(s.commits); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// properties gives the newly stored messages' properties as text, by message id.
func (s *shop) properties() map[string]string {
	all := map[string]string{}
	for _, m := range s.messages {
		all[m.MessageID] = string(m.Properties)
	}
	return all
}

// customer gives a record by its external id or e-mail address.
func (s *shop) customer(tb testing.TB, ref string) *store.Record {
	tb.Helper()
	c, err := s.FindCustomer(tb.Context(), s.seed.Workspace, ref)
	require.NoError(tb, err)
	r, err := s.Record(tb.Context(), s.seed.Workspace, c.ID, 100)
	require.NoError(tb, err)
	return r
}

// discard takes everything and keeps nothing, where a test is about reading alone and a file is long.
type discard struct{}

func (discard) EnsureSource(_ context.Context, workspace int64, name string) (store.Source, error) {
	return store.Source{Workspace: workspace, ID: 1, Name: name}, nil
}

func (discard) Ingest(_ context.Context, _ int64, ds []store.Delivery) ([]store.IngestResult, error) {
	results := make([]store.IngestResult, len(ds))
	for i := range results {
		results[i].Stored = 1
	}
	return results, nil
}

// importText imports a text with a mapping that is given as text.
func importText(tb testing.TB, to *shop, kind Kind, csv, mapping string, change func(*Options)) (Summary, error) {
	tb.Helper()
	dir := write(tb, map[string]string{"file.csv": csv, "map.yaml": mapping})
	o := Options{
		Kind: kind, Workspace: to.seed.Workspace, File: filepath.Join(dir, "file.csv"), Map: filepath.Join(dir, "map.yaml"),
		Now: func() time.Time { return testNow },
	}
	if change != nil {
		change(&o)
	}
	return runChecked(tb, to, o)
}

// runChecked imports, and checks what must hold after every import that succeeds.
func runChecked(tb testing.TB, to Store, o Options) (Summary, error) {
	tb.Helper()
	sum, err := Run(tb.Context(), to, o)
	if err == nil {
		require.Equal(tb, sum.Lines.Read, sum.Lines.Accounted(), "every line is accounted for")
		require.False(tb, exists(o.withDefaults().statePath()), "a finished import leaves no state")
		require.Equal(tb, sum.Report != "", exists(o.withDefaults().Report), "there is a report exactly if something stands in it")
	}
	return sum, err
}

// imported is importText where it must succeed.
func imported(tb testing.TB, to *shop, kind Kind, csv, mapping string) Summary {
	tb.Helper()
	sum, err := importText(tb, to, kind, csv, mapping, nil)
	require.NoError(tb, err)
	return sum
}

// readReport gives the report's lines without its header.
func readReport(tb testing.TB, sum Summary) string {
	tb.Helper()
	raw, err := os.ReadFile(sum.Report)
	require.NoError(tb, err)
	header, rest, _ := strings.Cut(string(raw), "\n")
	require.Equal(tb, "line,reason,advice,raw", header)
	return rest
}
