package ingest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// dataFile reads a file of the shared test data, and skips the test where there is none.
func dataFile(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(t, err)
		for !exists(filepath.Join(root, "go.mod")) {
			root = filepath.Dir(root)
		}
		dir = filepath.Join(filepath.Dir(root), "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no test data %s (set DOTYK_TESTDATA)", name)
	}
	require.NoError(t, err)
	return raw
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil || path == "/go.mod"
}
