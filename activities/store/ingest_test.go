package store_test

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// message makes a valid message; change says what is special about it.
func message(id string, change func(m *store.Message)) store.Message {
	m := store.Message{
		Call: store.CallTrack, MessageID: id, UserID: "u1", Name: "registered", Properties: json.RawMessage(`{"plan":"pro"}`),
		OccurredAt: noon, ReceivedAt: noon,
	}
	if change != nil {
		change(&m)
	}
	return m
}

func ingest(t *testing.T, st *store.Store, seed storetest.Seed, messages ...store.Message) store.IngestResult {
	t.Helper()
	results, err := st.Ingest(t.Context(), seed.Workspace, []store.Delivery{{Source: seed.Source, Messages: messages}})
	require.NoError(t, err)
	require.Len(t, results, 1)
	return results[0]
}

func record(t *testing.T, st *store.Store, seed storetest.Seed, ref string) *store.Record {
	t.Helper()
	c, err := st.FindCustomer(t.Context(), seed.Workspace, ref)
	require.NoError(t, err)
	r, err := st.Record(t.Context(), seed.Workspace, c.ID, 100)
	require.NoError(t, err)
	return r
}

func names(r *store.Record) []string {
	var list []string
	for _, e := range r.Timeline {
		list = append(list, e.Name)
	}
	return list
}

func TestIngest(t *testing.T) {
	t.Parallel()

	t.Run("Stores an event once, whatever it claims the second time", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		require.Equal(t, store.IngestResult{Stored: 1, Customers: 1}, ingest(t, st, seed, message("m1", nil)))
		again := message("m1", func(m *store.Message) { m.OccurredAt = noon.Add(-60 * 24 * time.Hour) })
		require.Equal(t, store.IngestResult{Duplicates: 1}, ingest(t, st, seed, again))
		require.Equal(t, []string{"registered"}, names(record(t, st, seed, "u1")))
	})

	t.Run("Counts a message that is twice in one request as one", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		require.Equal(t, store.IngestResult{Stored: 1, Duplicates: 1, Customers: 1},
			ingest(t, st, seed, message("m1", nil), message("m1", nil)))
	})

	t.Run("Keeps the message as it came", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", func(m *store.Message) {
			m.Properties = json.RawMessage(`{"total": 12.50, "items": [{"sku": "A"}], "note": "дотик"}`)
		}))
		r := record(t, st, seed, "u1")
		require.Equal(t, map[string]any{
			"total": json.Number("12.50"), "items": []any{map[string]any{"sku": "A"}}, "note": "дотик",
		}, r.Timeline[0].Properties)
	})

	t.Run("Writes the profile, merging attributes and removing nulls", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", func(m *store.Message) {
			m.Profile = store.Profile{
				Email: new("ann@example.com"), AddTags: []string{"b", "a"},
				Attributes: map[string]any{"plan": "free", "age": json.Number("33")},
			}
		}), message("m2", func(m *store.Message) {
			m.Profile = store.Profile{Name: new("Ann"), AddTags: []string{"a"}, Attributes: map[string]any{"plan": "pro", "age": nil}}
		}))
		c := record(t, st, seed, "u1").Customer
		require.Equal(t, "ann@example.com", c.Email)
		require.Equal(t, "Ann", c.Name)
		require.Equal(t, map[string]any{"plan": "pro"}, c.Attributes)
		require.Equal(t, []string{"a", "b"}, c.Tags)
	})

	t.Run("Lets a form fill what is unknown and overwrite nothing", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", func(m *store.Message) { m.Profile.Email, m.Profile.Name = new("ann@example.com"), new("Ann") }))
		ingest(t, st, seed, message("m2", func(m *store.Message) {
			m.Call, m.UserID = store.CallForm, ""
			m.Profile = store.Profile{
				Email: new("ann@example.com"), Name: new("Mallory"), Phone: new("+380501234567"),
				FillOnly: true, MatchEmail: true,
			}
		}))
		c := record(t, st, seed, "u1").Customer
		require.Equal(t, "Ann", c.Name)
		require.Equal(t, "+380501234567", c.Phone)
	})

	t.Run("Refuses a whole delivery when one message cannot be stored", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		bad := message("m2", func(m *store.Message) { m.Properties = json.RawMessage(`{"a": "\u0000"}`) })
		_, err := st.Ingest(t.Context(), seed.Workspace, []store.Delivery{{
			Source: seed.Source, Messages: []store.Message{message("m1", nil), bad},
		}})
		require.True(t, store.Refused(err), "%v", err)
		require.False(t, store.Unavailable(err))
		require.Equal(t, store.IngestResult{Stored: 1, Customers: 1}, ingest(t, st, seed, message("m1", nil)))
	})
}

func TestForgetKeys(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	old := message("old", func(m *store.Message) { m.ReceivedAt = noon.Add(-store.KeepKeys - time.Hour) })
	fresh := message("fresh", nil)
	ingest(t, st, seed, old, fresh)
	imports, err := st.EnsureSource(t.Context(), seed.Workspace, "import:orders")
	require.NoError(t, err)
	imported := []store.Delivery{{Source: imports, Messages: []store.Message{old}}}
	_, err = st.Ingest(t.Context(), seed.Workspace, imported)
	require.NoError(t, err)

	n, err := st.ForgetKeys(t.Context(), seed.Workspace, noon.Add(-store.KeepKeys), 10)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, ingest(t, st, seed, fresh).Duplicates)
	require.Equal(t, 1, ingest(t, st, seed, old).Stored)
	results, err := st.Ingest(t.Context(), seed.Workspace, imported)
	require.NoError(t, err)
	require.Equal(t, 1, results[0].Duplicates, "an import is known for good")
}

// anonymous makes a message of a visitor whom nobody knows yet.
func anonymous(id, anon string) store.Message {
	return message(id, func(m *store.Message) { m.UserID, m.AnonymousID, m.Name = "", anon, "page_viewed" })
}

// both makes a message that says who a visitor is.
func both(id, user, anon string) store.Message {
	return message(id, func(m *store.Message) {
		m.Call, m.UserID, m.AnonymousID, m.Name = store.CallIdentify, user, anon, "identified"
	})
}

func TestIdentity(t *testing.T) {
	t.Parallel()

	t.Run("Joins anonymous history to the customer at identify", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, anonymous("m1", "a1"))
		ingest(t, st, seed, both("m2", "u1", "a1"))
		r := record(t, st, seed, "u1")
		require.ElementsMatch(t, []string{"page_viewed", "identified"}, names(r))
		require.Equal(t, r.Customer.ID, record(t, st, seed, "a1").Customer.ID)
	})

	t.Run("Merges an anonymous record into a known one, with the reason", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", nil))
		ingest(t, st, seed, anonymous("m2", "a1"))
		ingest(t, st, seed, both("m3", "u1", "a1"))
		r := record(t, st, seed, "u1")
		require.ElementsMatch(t, []string{"registered", "page_viewed", "identified", "customer_merged"}, names(r))
		require.Len(t, r.Merged, 1)
		require.Equal(t, r.Customer.ID, record(t, st, seed, r.Merged[0]).Customer.ID)
	})

	t.Run("Merges within one request too", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		res := ingest(t, st, seed, message("m1", func(m *store.Message) { m.Profile.Name = new("Ann") }), anonymous("m2", "a1"),
			both("m3", "u1", "a1"))
		require.Equal(t, 3, res.Stored)
		r := record(t, st, seed, "a1")
		require.Equal(t, "u1", r.Customer.ExternalID)
		require.Equal(t, "Ann", r.Customer.Name)
	})

	t.Run("Keeps two people of one browser apart", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, both("m1", "u1", "a1"))
		ingest(t, st, seed, both("m2", "u2", "a1"))
		require.NotEqual(t, record(t, st, seed, "u1").Customer.ID, record(t, st, seed, "u2").Customer.ID)
		require.Equal(t, "u2", record(t, st, seed, "a1").Customer.ExternalID)
	})

	t.Run("Follows an alias to the new id", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, anonymous("m1", "a1"))
		ingest(t, st, seed, message("m2", func(m *store.Message) {
			m.Call, m.PreviousID, m.UserID, m.Name = store.CallAlias, "a1", "u9", "aliased"
		}))
		require.ElementsMatch(t, []string{"page_viewed", "aliased"}, names(record(t, st, seed, "u9")))
	})

	t.Run("Finds a lead by e-mail when it registers", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", func(m *store.Message) {
			m.Call, m.UserID, m.Name = store.CallForm, "", "form_submitted"
			m.Profile = store.Profile{Email: new("ann@example.com"), FillOnly: true, MatchEmail: true}
		}))
		ingest(t, st, seed, message("m2", func(m *store.Message) { m.Profile.Email = new("ann@example.com") }))
		require.ElementsMatch(t, []string{"form_submitted", "registered"}, names(record(t, st, seed, "u1")))
	})

	t.Run("Carries what a merged record said about being contacted", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		ingest(t, st, seed, message("m1", nil))
		ingest(t, st, seed, anonymous("m2", "a1"))
		require.NoError(t, st.Withdraw(t.Context(), store.Withdrawal{
			Workspace: seed.Workspace, Customer: record(t, st, seed, "a1").Customer.ID, Channel: "email", Topic: "*",
			Method: "one_click", At: noon,
		}))
		ingest(t, st, seed, both("m3", "u1", "a1"))
		r := record(t, st, seed, "u1")
		require.Len(t, r.Consents, 1, "what the anonymous record said about being contacted still holds")
		require.Contains(t, names(r), "unsubscribed")
	})
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
