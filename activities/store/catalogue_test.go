package store_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	learn := func(t *testing.T, st *store.Store, seed storetest.Seed, seen ...store.Seen) {
		t.Helper()
		inTx(t, st, seed, func(tx *store.Tx) error { return tx.Learn(t.Context(), seen) })
	}
	catalogue := func(t *testing.T, st *store.Store, seed storetest.Seed) []store.CatalogueEntry {
		t.Helper()
		list, err := st.Catalogue(t.Context(), seed.Workspace)
		require.NoError(t, err)
		for i := range list {
			list[i].LastSeen = list[i].LastSeen.UTC()
		}
		return list
	}
	schema := func(t *testing.T, st *store.Store, seed storetest.Seed) *rules.Schema {
		t.Helper()
		s, err := st.Schema(t.Context(), seed.Workspace)
		require.NoError(t, err)
		return s
	}
	attribute := func(name string, kind rules.Type) store.Seen {
		return store.Seen{Kind: store.KindAttribute, Name: name, Type: kind, Count: 1, At: noon}
	}

	t.Run("Adds up what was seen", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed, other := storetest.Workspace(t, st), storetest.Workspace(t, st)
		for i := range 2 {
			at := noon.Add(time.Duration(-i) * time.Hour)
			learn(t, st, seed,
				store.Seen{Kind: store.KindEvent, Name: "order", Count: 2, At: at},
				store.Seen{Kind: store.KindProperty, Event: "order", Name: "total", Type: rules.TypeNumber, Count: 1, At: at},
				store.Seen{Kind: store.KindProperty, Event: "order", Name: "total", Type: rules.TypeText, Count: 3, At: at.Add(-time.Hour)},
				store.Seen{Kind: store.KindProperty, Event: "order", Name: "total", Type: rules.TypeText, Count: 1, At: at},
			)
		}
		require.Equal(t, []store.CatalogueEntry{
			{Kind: "event", Name: "order", Count: 4, Counts: map[rules.Type]int64{}, LastSeen: noon},
			{
				Kind: "property", Event: "order", Name: "total", Type: rules.TypeMixed, Count: 10,
				Counts: map[rules.Type]int64{"number": 2, "text": 8}, LastSeen: noon,
			},
		}, catalogue(t, st, seed))
		require.Empty(t, catalogue(t, st, other))
	})

	t.Run("Leaves out names that are none", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		learn(t, st, seed, attribute("", rules.TypeText), attribute(strings.Repeat("x", 5000), rules.TypeText), attribute("a\x00", rules.TypeText))
		learn(t, st, seed)
		require.Empty(t, catalogue(t, st, seed))
	})

	t.Run("Takes no new names once it is full, and goes on counting", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		var many []store.Seen
		for i := range 20_000 {
			many = append(many, attribute(fmt.Sprint("a", i), rules.TypeText))
		}
		learn(t, st, seed, many...)
		learn(t, st, seed, attribute("one more", rules.TypeText), attribute("a0", rules.TypeText))
		all := catalogue(t, st, seed)
		require.Len(t, all, 20_000)
		require.EqualValues(t, 2, all[0].Count)
	})

	t.Run("Lets many learn at once", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		var g errgroup.Group
		for i := range 6 {
			g.Go(func() error {
				seen := []store.Seen{attribute("a", rules.TypeText), attribute("b", rules.TypeText), attribute("c", rules.TypeText)}
				return st.In(t.Context(), seed.Workspace, func(tx *store.Tx) error {
					return tx.Learn(t.Context(), append(seen[i%3:], seen[:i%3]...))
				})
			})
		}
		require.NoError(t, g.Wait())
		for _, e := range catalogue(t, st, seed) {
			require.EqualValues(t, 6, e.Count)
		}
	})

	t.Run("Believes what is declared", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		learn(t, st, seed, attribute("age", rules.TypeText), attribute("age", rules.TypeNumber))
		require.NoError(t, st.Declare(t.Context(), seed.Workspace, []store.CatalogueEntry{
			{Kind: store.KindAttribute, Name: "age", Type: rules.TypeText},
			{Kind: store.KindAttribute, Name: "age", Type: rules.TypeNumber, Description: "in years"},
			{Kind: store.KindEvent, Name: "order"},
			{Kind: store.KindProperty, Event: "order", Name: "sku", Type: rules.TypeText},
		}))
		all := catalogue(t, st, seed)
		require.Len(t, all, 3)
		require.Equal(t, store.CatalogueEntry{
			Kind: "attribute", Name: "age", Type: rules.TypeNumber, Declared: true, Description: "in years", Count: 2,
			Counts: map[rules.Type]int64{"number": 1, "text": 1}, LastSeen: noon,
		}, all[0])
		require.True(t, all[1].Declared)
		require.Equal(t, "0001-01-01", all[1].LastSeen.Format(time.DateOnly))
		require.Equal(t, map[string]map[string]rules.Type{"order": {"sku": rules.TypeText}}, schema(t, st, seed).Events)
		require.NoError(t, st.Undeclare(t.Context(), seed.Workspace, store.KindAttribute, "", "age"))
		require.Equal(t, map[string]rules.Type{"age": rules.TypeMixed}, schema(t, st, seed).Attributes)
		require.ErrorIs(t, st.Undeclare(t.Context(), seed.Workspace, store.KindAttribute, "", "age"), store.ErrNotFound)
	})

	t.Run("Refuses declarations that cannot be", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		for _, e := range []store.CatalogueEntry{
			{Kind: "odd", Name: "x"},
			{Kind: store.KindAttribute},
			{Kind: store.KindAttribute, Name: "x", Event: "y"},
			{Kind: store.KindAttribute, Name: "x", Type: "odd"},
			{Kind: store.KindProperty, Name: "x"},
			{Kind: store.KindEvent, Name: "x", Type: rules.TypeText},
			{Kind: store.KindEvent, Name: strings.Repeat("x", 201)},
		} {
			require.ErrorIs(t, st.Declare(t.Context(), seed.Workspace, []store.CatalogueEntry{e}), store.ErrInvalid)
		}
		require.Empty(t, catalogue(t, st, seed))
	})

	t.Run("Learns from everything stored, and not twice", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		learn(t, st, seed, attribute("gone", rules.TypeText))
		ingest(t, st, seed, message("m1", func(m *store.Message) {
			m.Name, m.Historical = "order", true
			m.Properties = json.RawMessage(`{"total": 1.5, "at": "2026-01-01", "items": [], "paid": true, "ship": {}, "note": null, "sku": "2026-13-01"}`)
			m.Profile.Attributes = map[string]any{"plan": "pro", "since": "2026-01-01T00:00:00Z"}
		}), message("m2", func(m *store.Message) {
			m.Name, m.Properties, m.OccurredAt = "order", json.RawMessage(`{"total": "2"}`), noon.Add(time.Hour)
		}))
		for range 2 {
			require.NoError(t, st.LearnStored(t.Context(), seed.Workspace))
		}
		s := schema(t, st, seed)
		require.Equal(t, map[string]rules.Type{"plan": rules.TypeText, "since": rules.TypeTime}, s.Attributes)
		require.Equal(t, map[string]map[string]rules.Type{"order": {
			"total": rules.TypeMixed, "at": rules.TypeTime, "items": rules.TypeList, "paid": rules.TypeBoolean,
			"ship": rules.TypeObject, "sku": rules.TypeText,
		}}, s.Events)
		event := catalogue(t, st, seed)[2]
		require.Equal(t, store.CatalogueEntry{
			Kind: "event", Name: "order", Count: 2, Counts: map[rules.Type]int64{}, LastSeen: noon.Add(time.Hour),
		}, event)
	})

	t.Run("Checks nothing where nothing is known", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		require.Equal(t, &rules.Schema{Segments: []string{}, Campaigns: []string{}}, schema(t, st, seed))
	})

	t.Run("Names segments, topics and campaigns", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		publish(t, st, seed, hello)
		require.NoError(t, st.SetTopicPolicy(t.Context(), seed.Workspace, "offers", "opt_in"))
		segment(t, st, seed, "vip")
		list(t, st, seed, "file")
		s := schema(t, st, seed)
		require.Equal(t, []string{"file", "vip"}, s.Segments)
		require.Equal(t, []string{"news", "offers"}, s.Topics)
		require.Equal(t, []string{"hello"}, s.Campaigns)
	})
}
