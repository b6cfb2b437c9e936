package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
	"dotyk/starter/manage"
)

// newShop is a shell on a workspace with three customers.
func newShop(t *testing.T) *shell {
	t.Helper()
	s := newShell(t)
	s.ok("key", "create", "shop")
	people := s.file("people.csv", "id,mail,who,plan\n1,ann@example.com,Ann,pro\n2,bob@example.com,Bob,free\n3,cyd@example.com,=Cyd,free\n")
	mapping := s.file("people.yaml", "import: customers\nexternal_id: id\nemail: mail\nname: who\nattributes: {plan: plan}\n")
	s.ok("import", "customers", people, "--map", mapping)
	s.ok("catalogue", "learn")
	return s
}

func (s *shell) file(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	require.NoError(s.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// builder does what a worker does.
func builder(st *store.Store) *segments.Builder {
	return &segments.Builder{
		Store: st, Cache: &segments.Cache{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Timeout: segments.BuildTimeout,
	}
}

// build finds the members of all segments that wait for it, and says how many these were.
func build(ctx context.Context, b *segments.Builder) (int, error) {
	turns := segments.NewTurns(b)
	for n := 0; ; n++ {
		ref, found, err := turns.Next(ctx)
		if err != nil || !found {
			return n, err
		}
		if err := b.Build(ctx, ref); err != nil {
			return n, err
		}
		turns.Done(ref)
	}
}

// work builds until the test ends, as a worker beside the command line does.
func (s *shell) work() {
	s.t.Helper()
	b := builder(storetest.Open(s.t, s.url))
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-tick.C:
			}
			if _, err := build(ctx, b); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		cancel()
		require.NoError(s.t, <-done)
	})
}

const pro = `customer.plan == "pro"`

func TestSegmentCommands(t *testing.T) {
	t.Parallel()

	t.Run("Take a segment from a rule to its members, and explain them", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		require.Contains(t, s.ok("segment", "list"), "no segments yet")
		require.Contains(t, s.ok("segment", "check", pro), "the rule is fine")
		preview := s.ok("segment", "preview", pro)
		require.Contains(t, preview, "1 customer in")
		require.Contains(t, preview, "ann@example.com")
		require.NotContains(t, preview, "bob@example.com")
		require.Contains(t, s.ok("segment", "preview", `count(events("registered")) > 100`), "it selects nobody")
		example := strings.Split((&segmentPreview{}).Help(), "'")
		require.Contains(t, s.ok("segment", "preview", example[1]), "customer")

		s.work()
		require.Equal(t, "segment pro is live with 1 member\n", s.ok("segment", "create", "pro", pro, "--description", "who pays"))
		list := s.ok("segment", "list")
		require.Contains(t, list, "live")
		require.Contains(t, list, pro)
		show := s.ok("segment", "show", "pro")
		for _, part := range []string{"who pays", pro, "mentions  customer:plan", "plan      answered", "ann@example.com"} {
			require.Contains(t, show, part)
		}
		require.Contains(t, s.ok("segment", "members", "pro"), "ann@example.com")
		require.Contains(t, s.ok("segment", "members", "pro", "--as-of", "2020-01-01"), "nobody is in it")
		require.Contains(t, s.ok("segment", "members", "pro", "--at", "2020-01-01"), "nobody is in it")
		require.Contains(t, s.ok("segment", "history", "pro"), "joined")
		require.Contains(t, s.ok("customer", "show", "1"), "because of build")
		require.Contains(t, s.ok("customer", "show", "1", "--json"), `"segment": "pro"`)
		require.Equal(t, "segment pro is live with 1 member\n", s.ok("segment", "rebuild", "pro"))
		require.Contains(t, s.fails("segment", "rebuild", "none"), "not found")
		require.Contains(t, s.ok("segment", "preview", "--as-of", "2020-01-01", pro), "attributes of customers are taken as they are now")
		require.Contains(t, s.fails("segment", "preview", "--at", "2999-01-01", pro), "in the future")
		require.Contains(t, s.ok("segment", "history", "pro", "bob@example.com"), "nobody has joined or left")

		in := s.ok("segment", "explain", "pro", "ann@example.com")
		require.Contains(t, in, "is in segment pro")
		require.Contains(t, in, "✓ "+pro)
		require.Contains(t, in, "joined")
		out := s.ok("segment", "explain", "pro", "2")
		require.Contains(t, out, "is not in segment pro")
		require.Contains(t, out, "✗ "+pro)
		require.Contains(t, out, `"free"`)
		var view manage.Explained
		require.NoError(t, json.Unmarshal([]byte(s.ok("segment", "explain", "pro", "2", "--json")), &view))
		require.False(t, view.Member)
		require.NotNil(t, view.Explanation)

		require.Equal(t, "segment pro is live with 2 members\n", s.ok("segment", "edit", "pro", `customer.plan == "free"`))
		require.Contains(t, s.ok("segment", "edit", "pro", "--rename", "free", "--description", ""), "segment free is live")
		require.NotContains(t, s.ok("segment", "show", "free"), "who pays")
		require.Equal(t, "deleted segment free\n", s.ok("segment", "delete", "free"))
		require.Contains(t, s.fails("segment", "show", "free"), "not found")
	})

	t.Run("Say that no worker builds, and do not wait for ever", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		require.Contains(t, s.ok("segment", "create", "a", pro, "--patience", "10ms"), "1 segment waits for members to be found, which goes on in the background")
		require.Equal(t, "segment b is being built\n", s.ok("segment", "create", "b", pro, "--no-wait"))
		out, errs, code := s.run("segment", "create", "c", pro, "--patience", "10ms", "--json")
		require.Zero(t, code)
		require.Contains(t, out, `"status": "building"`)
		require.Contains(t, errs, "3 segments wait")
		_, err := build(t.Context(), builder(storetest.Open(t, s.url)))
		require.NoError(t, err)
		require.Contains(t, s.ok("segment", "list"), "live")
	})

	t.Run("Say why a segment could not be built", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.ok("segment", "create", "bad", pro, "--no-wait")
		st := storetest.Open(t, s.url)
		refs, err := st.BuildingSegments(t.Context())
		require.NoError(t, err)
		require.Len(t, refs, 1)
		require.NoError(t, st.In(t.Context(), refs[0].Workspace, func(tx *store.Tx) error {
			return tx.FinishBuild(t.Context(), refs[0].ID, 1, "the rule is\n\x1b[31mtoo much")
		}))
		said := s.fails("segment", "edit", "bad", "--description", "x")
		require.Contains(t, said, "segment bad could not be built: the rule is\n[31mtoo much")
		require.Contains(t, s.fails("segment", "edit", "bad", "--json", "--description", "y"), `"status": "failed"`)
		require.Contains(t, s.ok("segment", "show", "bad"), "problem   the rule is")
	})

	t.Run("Keep lists", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		require.Equal(t, "segment guests is live with 0 members\n", s.ok("segment", "create", "guests", "--static"))
		said := s.ok("segment", "import", "guests", s.file("list.csv", "email\nann@example.com\ncyd@example.com\nnobody@example.com\n"))
		require.Contains(t, said, "3 lines: 2 customers known, 2 joined, 0 left")
		require.Contains(t, said, "nobody@example.com")
		require.Contains(t, s.ok("segment", "import", "guests", s.file("list.csv", "3\n"), "--replace"), "0 joined, 1 left")
		rows, err := csv.NewReader(strings.NewReader(s.ok("segment", "members", "guests", "--csv"))).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)
		require.Equal(t, "cyd@example.com", rows[1][2])
		require.Equal(t, "'=Cyd", rows[1][4], "no spreadsheet takes a name for a formula")
		require.Contains(t, s.ok("segment", "explain", "guests", "3"), "is in segment guests")
		require.Contains(t, s.fails("segment", "import", "guests", s.file("list.csv", "zed\n"), "--replace"), "no customer")
		require.Contains(t, s.fails("segment", "import", "guests", s.file("list.csv", "zed\n"), "--replace"), `line 1 is "zed"`)
		require.Contains(t, s.ok("segment", "show", "guests"), "static")
		require.Contains(t, s.ok("segment", "import", "guests", s.file("list.csv", ""), "--replace"), "0 joined, 1 left")
		require.Contains(t, s.ok("segment", "members", "guests"), "nobody is in it")
	})

	t.Run("Show where a rule is wrong", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		wrong := s.file("rule.txt", "customer.plan == \"pro\"\n  and customer.plam == 1\n")
		for _, args := range [][]string{{"check", "--file", wrong}, {"preview", "--file", wrong}, {"create", "x", "--file", wrong}} {
			said := s.fails(append([]string{"segment"}, args...)...)
			require.Contains(t, said, "line 2, column")
			require.Contains(t, said, `did you mean "plan"?`)
			require.Contains(t, said, "^")
		}
		var answer struct {
			OK    bool `json:"ok"`
			Error struct {
				Line int `json:"line"`
			} `json:"error"`
		}
		out, _, code := s.run("segment", "check", "--json", "--file", wrong)
		require.Equal(t, 1, code)
		require.NoError(t, json.Unmarshal([]byte(out), &answer))
		require.False(t, answer.OK)
		require.Equal(t, 2, answer.Error.Line)
		require.Contains(t, s.ok("segment", "check", "--json", pro), `"ok": true`)
		require.Contains(t, s.fails("segment", "check"), "no rule")
		require.Contains(t, s.fails("segment", "check", pro, "--file", wrong), "not both")
		require.Contains(t, s.ok("segment", "list"), "no segments yet")
	})

	t.Run("Refuse what would break others", func(t *testing.T) {
		t.Parallel()
		s := newShop(t)
		s.ok("segment", "create", "a", pro, "--no-wait")
		s.ok("segment", "create", "b", `segment("a")`, "--no-wait")
		require.Contains(t, s.fails("segment", "create", "a", pro), "there is a segment")
		require.Contains(t, s.fails("segment", "delete", "a"), "is named by b")
		require.Contains(t, s.fails("segment", "edit", "a", `segment("b")`), "circle")
		require.Contains(t, s.fails("segment", "edit", "none", pro), "not found")
		require.Contains(t, s.fails("segment", "explain", "a", "nobody"), "not found")
		require.Contains(t, s.fails("segment", "import", "a", s.file("list", "1\n")), "wrong kind")
	})
}

func TestCatalogueCommands(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	require.Contains(t, s.ok("catalogue", "list"), "customer.plan")
	require.Contains(t, s.ok("catalogue", "declare", "property", "order_completed.total", "number", "--description", "in hryvnias"), `events("order_completed") .total number`)
	list := s.ok("catalogue", "list")
	require.Contains(t, list, "in hryvnias")
	require.Contains(t, list, "yes")
	require.Contains(t, s.ok("catalogue", "list", "--json"), `"name": "total"`)
	require.Contains(t, s.ok("catalogue", "forget", "property", "order_completed.total"), "not declared any more")
	require.NotContains(t, s.ok("catalogue", "list"), "in hryvnias")
	require.Contains(t, s.fails("catalogue", "forget", "property", "order_completed.total"), "not found")
	require.Contains(t, s.fails("catalogue", "declare", "property", "total", "number"), "event.property")
	require.Contains(t, s.fails("catalogue", "declare", "event", "paid", "number"), "an event has no type")
}

func TestCatalogueDeclarations(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{
		"property order.total number":       "order|total|number",
		"property order total number":       "order|total|number",
		"property order total":              "order|total|",
		"property order.total":              "order|total|",
		"property order.completed total":    "order.completed|total|",
		"property Order_Completed x.y text": "Order_Completed|x.y|text",
		"attribute plan text":               "|plan|text",
		"event paid":                        "|paid|",
		"property total number":             "event property",
		"property total":                    "event property",
		"property .total number":            "event property",
		"property Order Completed total x":  "in quotes",
		"attribute first name text":         "in quotes",
		"attribute plan integer":            "is no type",
		"event order completed":             "in quotes",
	} {
		parts := strings.Fields(words)
		c := catalogueDeclare{entryKey: entryKey{Kind: parts[0], Name: parts[1:]}}
		got, err := c.declared()
		if !strings.Contains(want, "|") {
			require.ErrorContains(t, err, want, words)
			continue
		}
		require.NoError(t, err, words)
		require.Equal(t, want, got.Event+"|"+got.Name+"|"+string(got.Type), words)
	}
}

func TestExplainNumber(t *testing.T) {
	t.Parallel()
	n := &rules.Node{Text: `sum(events("a"), .b)`, Value: 7.5, Total: 2, Items: []rules.Item{{Number: 1, Value: 7.5}}}
	require.Equal(t, " = 7.5", outcome(n))
}

func TestKeyScopes(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	st := storetest.Open(t, s.url)
	for scope, args := range map[string][]string{store.ScopeWrite: {"key", "create"}, manage.Scope: {"key", "create", "--scope", "manage"}} {
		key, err := st.Authenticate(t.Context(), strings.TrimSpace(s.ok(args...)))
		require.NoError(t, err)
		require.Equal(t, []string{scope}, key.Scopes)
	}
	_, _, code := s.run("key", "create", "--scope", "everything")
	require.Equal(t, 2, code)
}
