package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// shell runs commands against one database.
type shell struct {
	t   *testing.T
	url string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	return &shell{t: t, url: storetest.URL(t)}
}

// run gives what a command printed, and its exit code.
func (s *shell) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = run(s.t.Context(), append(args, "--database-url", s.url), &out, &errs)
	return out.String(), errs.String(), code
}

// ok runs a command that must succeed.
func (s *shell) ok(args ...string) string {
	s.t.Helper()
	out, errs, code := s.run(args...)
	require.Zero(s.t, code, errs)
	return out
}

// fails runs a command that must not.
func (s *shell) fails(args ...string) string {
	s.t.Helper()
	out, errs, code := s.run(args...)
	require.Equal(s.t, 1, code, out)
	return out + errs
}

func TestCommandLine(t *testing.T) {
	t.Parallel()

	t.Run("Takes a newcomer from an empty database to a record", func(t *testing.T) {
		t.Parallel()
		s := &shell{t, storetest.Empty(t)}
		require.Contains(t, s.ok("migrate"), "applied migrations/0001_tenancy.sql")
		require.Contains(t, s.ok("migrate"), "up to date")
		require.Contains(t, s.fails("campaign", "list"), "no workspace yet")
		key := strings.TrimSpace(s.ok("key", "create", "shop", "--country", "UA"))
		require.True(t, strings.HasPrefix(key, "dk_"), key)

		require.Contains(t, s.ok("campaign", "list"), "no campaigns yet")
		require.Equal(t, "published campaign welcome as version 1\n", s.ok("campaign", "publish", "examples/welcome.yaml"))
		require.Contains(t, s.ok("campaign", "publish", "examples/welcome.yaml"), "nothing changed")
		require.Contains(t, s.ok("campaign", "publish", "examples/win-back.yaml"), "its audience enters now")
		require.Equal(t, "campaign welcome is paused\n", s.ok("campaign", "pause", "welcome"))
		require.Contains(t, s.ok("campaign", "list"), "paused")
		require.Equal(t, "campaign welcome is live\n", s.ok("campaign", "resume", "welcome"))
		require.Contains(t, s.fails("campaign", "pause", "nowhere"), `campaign "nowhere": not found`)

		file := filepath.Join(t.TempDir(), "people.csv")
		require.NoError(t, os.WriteFile(file, []byte("id,mail,who\n7,ann@example.com,Ann Lee\n8,broken,Bob\n"), 0o600))
		mapping := filepath.Join(t.TempDir(), "people.yaml")
		require.NoError(t, os.WriteFile(mapping, []byte("import: customers\nexternal_id: id\nemail: mail\nname: who\n"), 0o600))
		out, errs, code := s.run("import", "customers", file, "--map", mapping)
		require.Zero(t, code, errs)
		require.Contains(t, out, "2 lines read")
		require.Contains(t, s.ok("customer", "find", "ann"), "ann@example.com")
		require.Contains(t, s.ok("customer", "show", "7"), "Ann Lee")
		require.Contains(t, s.ok("customer", "show", "7", "--json"), `"Email": "ann@example.com"`)
		require.Contains(t, s.fails("customer", "show", "nobody"), `customer "nobody": not found`)
		require.Contains(t, s.ok("touch", "list"), "no touch is uncertain")
		require.Contains(t, s.ok("topic", "set", "news", "--policy", "opt-in"), "topic news is opt-in")
		require.Contains(t, s.ok("workspace", "show"), "time zone UTC, country UA")
		require.Contains(t, s.ok("workspace", "set", "--timezone", "Europe/Kyiv"), "time zone Europe/Kyiv, country UA")
		require.Contains(t, s.ok("workspace", "set", "--country="), "country not set")
		require.Contains(t, s.fails("workspace", "set", "--timezone", "Kyiv"), `"Kyiv" is no time zone`)
		require.Contains(t, s.fails("workspace", "set"), "see starter workspace set --help")
		require.Contains(t, s.ok("dead-letter", "list"), "everything that came in was taken")
	})

	t.Run("Checks campaigns without a database", func(t *testing.T) {
		t.Parallel()
		var out, errs bytes.Buffer
		code := run(t.Context(), []string{"campaign", "check", "--data", t.TempDir(), "examples/welcome.yaml", "examples/win-back.yaml"}, &out, &errs)
		require.Zero(t, code, errs.String())
		require.Contains(t, out.String(), "campaign welcome is fine")
	})

	t.Run("Says what is wrong with a campaign, where, and how to mend it", func(t *testing.T) {
		t.Parallel()
		s := newShell(t)
		storetest.Workspace(t, storetest.Open(t, s.url))
		file := filepath.Join(t.TempDir(), "bad.yaml")
		require.NoError(t, os.WriteFile(file, []byte("campaign: bad\ntrigger: {event: e, when: 'custmer.x == 1'}\ntopic: news\nsteps:\n  - wait: soon\n  - email: {template: nowhere}\n"), 0o600))
		for _, command := range []string{"check", "publish"} {
			said := s.fails("campaign", command, file)
			require.Contains(t, said, "line 2")
			require.Contains(t, said, `Did you mean "customer"?`)
			require.Contains(t, said, "line 5")
		}
		require.Contains(t, s.fails("campaign", "check", "--json", file), `"line": 5`)
		require.Contains(t, s.ok("campaign", "list"), "no campaigns yet", "nothing is half published")

		require.NoError(t, os.WriteFile(file, []byte("campaign: bad\ntrigger: {event: e}\ntopic: news\nsteps: [{email: {template: nowhere}}]\n"), 0o600))
		require.Contains(t, s.fails("campaign", "publish", file), "nowhere")
		require.NoError(t, os.WriteFile(file, []byte("campaign: bad\ntrigger: {event: e}\ntopic: news\nsteps: [{sms: {id: s, text: '{{ broken'}}]\n"), 0o600))
		require.Contains(t, s.fails("campaign", "publish", file), "step s")
		require.Contains(t, s.fails("campaign", "publish", "nowhere.yaml"), "there is no file nowhere.yaml")
	})

	t.Run("Asks which workspace is meant when there are several", func(t *testing.T) {
		t.Parallel()
		s := newShell(t)
		st := storetest.Open(t, s.url)
		storetest.Workspace(t, st)
		storetest.Workspace(t, st)
		require.Contains(t, s.fails("campaign", "list"), "choose one with --workspace (ws-1, ws-2)")
		require.Contains(t, s.ok("campaign", "list", "-w", "ws-2"), "no campaigns yet")
		require.Contains(t, s.fails("campaign", "list", "-w", "ws-3"), `workspace "ws-3": not found`)
	})

	t.Run("Says how to begin when there is no database", func(t *testing.T) {
		t.Parallel()
		var out, errs bytes.Buffer
		require.Equal(t, 1, run(t.Context(), []string{"customer", "find", "x", "--data", t.TempDir()}, &out, &errs))
		require.Contains(t, errs.String(), "start one with make up, or set DATABASE_URL")
	})

	t.Run("Answers a call that it does not understand with 2", func(t *testing.T) {
		t.Parallel()
		for _, args := range [][]string{{"campain"}, {"campaign", "publish"}, {"topic", "set", "x", "--policy", "maybe"}} {
			var out, errs bytes.Buffer
			require.Equal(t, 2, run(t.Context(), args, &out, &errs), args)
			require.NotEmpty(t, errs.String())
		}
	})
}

func TestShowRecord(t *testing.T) {
	t.Parallel()
	r := &store.Record{Timeline: []store.TimelineEntry{{
		At: time.Now(), Channel: "email", Direction: "out", Status: "suppressed", Campaign: "welcome", Version: 2, Step: "hello",
		Summary: "Hi\x1b[31m\nthere", Reason: "entered when registered happened", Outcome: "no e-mail address on the record",
	}}}
	text := showRecord(r, nil)
	require.Contains(t, text, "suppressed  Hi[31m there  [welcome v2 hello]", "what comes from outside cannot steer the terminal")
	require.Contains(t, text, "because: entered when registered happened")
	require.Contains(t, text, "answer: no e-mail address on the record")
}
