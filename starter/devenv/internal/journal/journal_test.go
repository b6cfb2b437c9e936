package journal

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type entry struct {
	Text string `json:"text"`
}

func open(t require.TestingT, path string) (*Journal[entry], []entry) {
	j, records, err := Open[entry](path)
	require.NoError(t, err)
	return j, records
}

func TestJournal(t *testing.T) {
	t.Parallel()

	t.Run("KeepsRecords", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "new", "j.jsonl")
		j, records := open(t, path)
		require.Empty(t, records)
		require.NoError(t, j.Append(entry{"a\nb"}, entry{"б"}))
		require.NoError(t, j.Append())
		require.NoError(t, j.Append(entry{"c"}))
		require.Equal(t, 3, j.Len())
		require.NoError(t, j.Close())
		j, records = open(t, path)
		require.Equal(t, []entry{{"a\nb"}, {"б"}, {"c"}}, records)
		require.NoError(t, j.Replace([]entry{{"only"}}))
		require.NoError(t, j.Append(entry{"next"}))
		require.NoError(t, j.Close())
		j, records = open(t, path)
		require.Equal(t, []entry{{"only"}, {"next"}}, records)
		require.NoError(t, j.Close())
	})

	// A crash can cut the file at any byte: the whole records before it remain, and the next goes behind them.
	t.Run("SurvivesACutAnywhere", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		rapid.Check(t, func(t *rapid.T) {
			want := rapid.SliceOfN(rapid.Map(rapid.String(), func(s string) entry { return entry{s} }), 1, 5).Draw(t, "records")
			text, err := encode(want)
			require.NoError(t, err)
			cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
			path := filepath.Join(dir, "j.jsonl")
			require.NoError(t, os.WriteFile(path, text[:cut], 0o600))
			j, got := open(t, path)
			require.Equal(t, decodeAgain(t, want[:len(got)]), decodeAgain(t, got))
			whole, err := encode(want[:len(got)])
			require.NoError(t, err)
			require.LessOrEqual(t, len(whole), cut)
			require.NoError(t, j.Append(entry{"after"}))
			require.NoError(t, j.Close())
			j, again := open(t, path)
			require.Equal(t, append(got, entry{"after"}), again)
			require.NoError(t, j.Close())
		})
	})

	t.Run("ConcurrentAppends", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j.jsonl")
		j, _ := open(t, path)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if err := j.Append(entry{"x"}, entry{"y"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, j.Close())
		j, records := open(t, path)
		require.Len(t, records, 800)
		for i := 0; i < len(records); i += 2 {
			require.Equal(t, []entry{{"x"}, {"y"}}, records[i:i+2])
		}
		require.NoError(t, j.Close())
	})
}

// decodeAgain replaces what JSON cannot carry (invalid UTF-8) as a round trip does.
func decodeAgain(t require.TestingT, records []entry) []byte {
	text, err := encode(records)
	require.NoError(t, err)
	return text
}

func TestJournalFailure(t *testing.T) {
	t.Parallel()

	t.Run("NotARecord", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j.jsonl")
		require.NoError(t, os.WriteFile(path, []byte("{}\nnonsense\n{}\n"), 0o600))
		_, _, err := Open[entry](path)
		require.ErrorContains(t, err, "line 2")
	})
	t.Run("ADirectory", func(t *testing.T) {
		t.Parallel()
		_, _, err := Open[entry](t.TempDir())
		require.ErrorContains(t, err, "open journal")
	})
	t.Run("UnderAFile", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		_, _, err := Open[entry](filepath.Join(path, "j.jsonl"))
		require.ErrorContains(t, err, "create journal's directory")
	})
	t.Run("Closed", func(t *testing.T) {
		t.Parallel()
		j, _ := open(t, filepath.Join(t.TempDir(), "j.jsonl"))
		require.NoError(t, j.Close())
		require.ErrorIs(t, j.Append(entry{"late"}), os.ErrClosed)
		require.ErrorIs(t, j.Close(), os.ErrClosed)
	})
	t.Run("NotJSON", func(t *testing.T) {
		t.Parallel()
		j, _, err := Open[any](filepath.Join(t.TempDir(), "j.jsonl"))
		require.NoError(t, err)
		require.ErrorContains(t, j.Append(func() {}), "encode record")
		require.ErrorContains(t, j.Replace([]any{func() {}}), "encode record")
		require.Zero(t, j.Len())
		require.NoError(t, j.Close())
	})
	t.Run("CannotReplace", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "j.jsonl")
		j, _ := open(t, path)
		require.NoError(t, os.Mkdir(path+".new", 0o700))
		require.ErrorContains(t, j.Replace(nil), "create journal")
		require.NoError(t, j.Append(entry{"still here"}))
		require.NoError(t, j.Close())
	})
}
