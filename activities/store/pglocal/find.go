package pglocal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version that has everything the store relies on.
const oldest = 14

// ErrNoPostgres says that no usable PostgreSQL is installed, and what to type.
var ErrNoPostgres = errors.New("no PostgreSQL 14 or later found: on Debian or Ubuntu type `apt install postgresql`, " +
	"on macOS `brew install postgresql@17`, elsewhere install it and put initdb on PATH; " +
	"or set DATABASE_URL to a server that runs already")

// Binaries is one installation of PostgreSQL.
type Binaries struct {
	Dir     string // holds initdb and postgres, symbolic links resolved
	Major   int    // 15
	Version string // "15.14"
}

func (b Binaries) path(name string) string { return filepath.Join(b.Dir, name) }

// VersionError says that a data directory was made by a major version that is not installed. The files of one major
// version cannot be read by another.
type VersionError struct {
	Dir       string // the data directory
	Data      int    // major version that made it
	Installed []int  // major versions found
}

// Error names both versions and the three ways out.
func (e *VersionError) Error() string {
	found := make([]string, len(e.Installed))
	for i, major := range e.Installed {
		found[i] = strconv.Itoa(major)
	}
	return fmt.Sprintf("data directory %s was made by PostgreSQL %d, but only %s is installed: "+
		"install PostgreSQL %d, or upgrade the directory with pg_upgrade, or move it away to begin with an empty one",
		e.Dir, e.Data, strings.Join(found, ", "), e.Data)
}

// Find gives the installation that a new cluster is made with: the first on PATH, else the newest of those that the
// packages of Linux distributions, Homebrew and Postgres.app put in their usual places. ErrNoPostgres if there is none.
func Find() (Binaries, error) {
	all := installed(context.Background(), os.Getenv("PATH"), usualPlaces())
	if len(all) == 0 {
		return Binaries{}, ErrNoPostgres
	}
	return all[0], nil
}

// findFor gives the installation for a data directory made by the given major version; 0 is a directory yet to be made.
func findFor(ctx context.Context, data string, major int) (Binaries, error) {
	all := installed(ctx, os.Getenv("PATH"), usualPlaces())
	return choose(all, data, major)
}

func choose(all []Binaries, data string, major int) (Binaries, error) {
	if len(all) == 0 {
		return Binaries{}, ErrNoPostgres
	}
	if major == 0 {
		return all[0], nil
	}
	mismatch := &VersionError{Dir: data, Data: major}
	for _, b := range all {
		if b.Major == major {
			return b, nil
		}
		if !slices.Contains(mismatch.Installed, b.Major) {
			mismatch.Installed = append(mismatch.Installed, b.Major)
		}
	}
	return Binaries{}, mismatch
}

// usualPlaces are the patterns of directories where packages put the server's programs, which are mostly not on PATH.
func usualPlaces() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",                       // Debian, Ubuntu
		"/usr/pgsql-*/bin",                                // PostgreSQL's own packages for RHEL and Fedora
		"/usr/libexec/postgresql*",                        // Alpine
		"/opt/homebrew/opt/postgresql@*/bin",              // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",                 // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin", // Homebrew on Linux
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	}
}

// installed lists what is usable, best first: directories of path in their order, then those that match the patterns,
// newest first.
func installed(ctx context.Context, path string, patterns []string) []Binaries {
	var found []Binaries
	seen := map[string]bool{}
	add := func(list []Binaries, dir string) []Binaries {
		b, err := inspect(ctx, dir)
		if err != nil || b.Major < oldest || seen[b.Dir] {
			return list
		}
		seen[b.Dir] = true
		return append(list, b)
	}
	for _, dir := range filepath.SplitList(path) {
		found = add(found, dir)
	}
	var packaged []Binaries
	for _, pattern := range patterns {
		// Glob fails on a malformed pattern only; these are constants.
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			packaged = add(packaged, dir)
		}
	}
	slices.SortStableFunc(packaged, func(a, b Binaries) int { return b.Major - a.Major })
	return append(found, packaged...)
}

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)\S*)`)

// inspect asks the programs of a directory who they are. initdb looks for postgres beside itself, so links are resolved
// first: /usr/local/bin/initdb may be a link with no sibling.
func inspect(ctx context.Context, dir string) (Binaries, error) {
	initdb, err := filepath.EvalSymlinks(filepath.Join(dir, "initdb"))
	if err != nil {
		return Binaries{}, fmt.Errorf("find initdb: %w", err)
	}
	if initdb, err = filepath.Abs(initdb); err != nil {
		return Binaries{}, fmt.Errorf("find initdb: %w", err)
	}
	b := Binaries{Dir: filepath.Dir(initdb)}
	out, err := exec.CommandContext(ctx, b.path("postgres"), "--version").Output()
	if err != nil {
		return Binaries{}, fmt.Errorf("ask postgres for its version: %w", err)
	}
	m := versionPattern.FindSubmatch(out)
	if m == nil {
		return Binaries{}, fmt.Errorf("read version %q: not PostgreSQL's", out)
	}
	b.Version = string(m[1])
	if b.Major, err = strconv.Atoi(string(m[2])); err != nil {
		return Binaries{}, fmt.Errorf("read version %q: %w", out, err)
	}
	return b, nil
}
