package pglocal

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakeInstallation makes a directory whose postgres claims to be of a version.
func fakeInstallation(t *testing.T, dir, version string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s (Debian)'\n", version)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "postgres"), []byte(script), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "initdb"), []byte(script), 0o755))
	return dir
}

func TestFind(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	old := fakeInstallation(t, filepath.Join(root, "lib", "13", "bin"), "13.9")
	nine := fakeInstallation(t, filepath.Join(root, "lib", "9.6", "bin"), "9.6.24")
	fifteen := fakeInstallation(t, filepath.Join(root, "lib", "15", "bin"), "15.14")
	eighteen := fakeInstallation(t, filepath.Join(root, "lib", "18", "bin"), "18beta1")
	own := fakeInstallation(t, filepath.Join(root, "own"), "16.2")
	linked := filepath.Join(root, "linked")
	require.NoError(t, os.Mkdir(linked, 0o755))
	require.NoError(t, os.Symlink(filepath.Join(own, "initdb"), filepath.Join(linked, "initdb")))
	broken := filepath.Join(root, "lib", "17", "bin")
	require.NoError(t, os.MkdirAll(broken, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(broken, "initdb"), nil, 0o755))
	pattern := []string{filepath.Join(root, "lib", "*", "bin")}

	t.Run("NewestFirst", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, []Binaries{
			{Dir: eighteen, Major: 18, Version: "18beta1"},
			{Dir: fifteen, Major: 15, Version: "15.14"},
		}, installed(t.Context(), "", pattern))
	})
	t.Run("PathBeforeAll", func(t *testing.T) {
		t.Parallel()
		path := old + ":" + nine + ":" + linked + ":" + own + ":" + filepath.Join(root, "missing")
		all := installed(t.Context(), path, pattern)
		require.Len(t, all, 3)
		require.Equal(t, own, all[0].Dir, "links are resolved, and an installation counts once")
	})
	t.Run("ChooseForData", func(t *testing.T) {
		t.Parallel()
		all := installed(t.Context(), "", pattern)
		b, err := choose(all, "/data", 15)
		require.NoError(t, err)
		require.Equal(t, 15, b.Major)
		b, err = choose(all, "/data", 0)
		require.NoError(t, err)
		require.Equal(t, 18, b.Major)
		_, err = choose(all, "/data", 14)
		require.EqualError(t, err, "data directory /data was made by PostgreSQL 14, but only 18, 15 is installed: install "+
			"PostgreSQL 14, or upgrade the directory with pg_upgrade, or move it away to begin with an empty one")
		_, err = choose(nil, "/data", 0)
		require.ErrorIs(t, err, ErrNoPostgres)
	})
}

func TestReadState(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		want state
		err  error
	}{
		"ready":        {"12\n/data\n1700\n5432\n/run\n\n 1 2\nready   \n", state{pid: 12, ready: true}, nil},
		"stopping":     {"12\n/data\n1700\n5432\n/run\n\n 1 2\nstopping\n", state{pid: 12}, nil},
		"half written": {"12\n/da", state{pid: 12}, nil},
		"empty":        {"", state{}, errNoState},
		"garbage":      {"\x00\xff\n", state{}, errNoState},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte(tc.file), 0o600))
			got, err := readState(dir)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestOpenLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	require.NoError(t, os.WriteFile(path, make([]byte, maxLog+1), 0o600))
	f, from, err := openLog(path)
	require.NoError(t, err)
	require.Zero(t, from)
	require.FileExists(t, path+".1")
	_, err = f.WriteString("one\ntwo\n")
	require.NoError(t, err)
	require.Equal(t, "two", string(logTail(f, 4)))
	require.NoError(t, f.Close())
	require.Contains(t, string(logTail(f, 0)), "unreadable")
}
