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

// sink is a Store in memory: it knows the ids of messages, as the real one does, and keeps what it is given. It stands
// in where a test is about reading and not about storing.
type sink struct {
	known    map[string]bool
	messages []store.Message
	after    func(batch int) error // told after a batch is stored
	before   func([]store.Delivery) error
	batches  int
}

func (s *sink) EnsureSource(_ context.Context, workspace int64, name string) (store.Source, error) {
	return store.Source{Workspace: workspace, ID: 1, Name: name}, nil
}

func (s *sink) Ingest(_ context.Context, _ int64, ds []store.Delivery) ([]store.IngestResult, error) {
	if s.before != nil {
		if err := s.before(ds); err != nil {
			return nil, err
		}
	}
	if s.known == nil {
		s.known = map[string]bool{}
	}
	results := make([]store.IngestResult, len(ds))
	for i, d := range ds {
		for _, m := range d.Messages {
			if s.known[m.MessageID] {
				results[i].Duplicates++
				continue
			}
			s.known[m.MessageID] = true
			s.messages = append(s.messages, m)
			results[i].Stored++
		}
	}
	s.batches++
	if s.after != nil {
		return results, s.after(s.batches)
	}
	return results, nil
}

// orders gives the messages' properties by order id.
func (s *sink) byID() map[string]store.Message {
	all := map[string]store.Message{}
	for _, m := range s.messages {
		all[m.MessageID] = m
	}
	return all
}

// importText imports a text with a mapping that is given as text.
func importText(tb testing.TB, st Store, kind Kind, csv, mapping string, change func(*Options)) (Summary, error) {
	tb.Helper()
	dir := write(tb, map[string]string{"file.csv": csv, "map.yaml": mapping})
	o := Options{
		Kind: kind, Workspace: 1, File: filepath.Join(dir, "file.csv"), Map: filepath.Join(dir, "map.yaml"),
		Now: func() time.Time { return testNow },
	}
	if change != nil {
		change(&o)
	}
	sum, err := Run(tb.Context(), st, o)
	if err == nil {
		require.Equal(tb, sum.Lines.Read, sum.Lines.Accounted(), "every line is accounted for")
		require.False(tb, exists(o.withDefaults().statePath()), "a finished import leaves no state")
		require.Equal(tb, sum.Report != "", exists(o.withDefaults().Report), "there is a report exactly if something stands in it")
	}
	return sum, err
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
