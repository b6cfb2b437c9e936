package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

func TestErase(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	ctx, ws := t.Context(), l.seed.Workspace
	id := l.registered("u1", "ann@shop.example", "m1", noon, audience.Consent{Topic: "news"})
	ingest(t, l.st, l.seed, message("m2", func(m *store.Message) { m.UserID = "u2" }))
	other := record(t, l.st, l.seed, "u2").Customer.ID
	cohort := l.campaign("welcome", 1, id, other)
	l.plan(cohort, store.PlannedMessage{Channel: audience.Email})
	l.sql(`INSERT INTO tasks (workspace_id, id, customer_id, title, note) SELECT workspace_id, gen_random_uuid(), id, 'Ring Ann', 'likes tea'
		FROM customers WHERE external_id = 'u1'`)
	l.sql(`INSERT INTO dead_letters (workspace_id, source_id, severity, place, reason, payload, received_at)
		VALUES ($1, 0, 'rejected', '', '', 'x ann@shop.example y', now())`, ws)

	everything, err := l.st.Export(ctx, ws, id)
	require.NoError(t, err)
	require.Equal(t, "ann@shop.example", everything["records"][0]["email"])
	require.Equal(t, "Send me news", everything["consents"][0]["text_shown"])
	require.Equal(t, "secret words", everything["events"][0]["properties"].(map[string]any)["note"])
	require.Len(t, everything["touches"], 1)
	_, err = l.st.Export(ctx, ws, "0197a1b2-0000-7000-8000-000000000000")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = l.st.Erase(ctx, ws, id, " ")
	require.ErrorIs(t, err, store.ErrInvalid)

	out, err := l.st.Erase(ctx, ws, id, "asked on the phone")
	require.NoError(t, err)
	require.Equal(t, 1, out.Suppressed)
	require.Equal(t, []int{1, 1, 1}, []int{out.Cleared["tasks"], out.Cleared["journeys"], out.Cleared["dead_letters"]})
	_, err = l.st.Erase(ctx, ws, id, "again")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = l.st.FindCustomer(ctx, ws, "ann@shop.example")
	require.ErrorIs(t, err, store.ErrNotFound)

	leavesNothingPersonal(l)
	keepsWhatCounts(l, id)
	sendsNothingTo(l, id)
}

// leavesNothingPersonal reads every table.
func leavesNothingPersonal(l *ledger) {
	l.t.Helper()
	conn := connect(l.t, l.url)
	rows, _ := conn.Query(l.t.Context(), `SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> 'consent_texts'`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(l.t, err)
	for _, table := range tables {
		for _, word := range []string{"ann@shop", "secret words", "likes tea", "Ring Ann", "u1\""} {
			require.Zero(l.t, count(l.t, conn, `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()+` t
				WHERE strpos(to_jsonb(t)::text, $1) > 0`, word), "%s in %s", word, table)
		}
		if table == "dead_letters" {
			require.Zero(l.t, count(l.t, conn, `SELECT count(*) FROM dead_letters WHERE payload <> ''`))
		}
	}
}

// keepsWhatCounts looks for what statistics and proofs are made of.
func keepsWhatCounts(l *ledger, id string) {
	l.t.Helper()
	require.Equal(l.t, 1, l.count(`SELECT count(*) FROM events WHERE customer_id = $1 AND name = 'form_submitted'`, id))
	require.Equal(l.t, 1, l.count(`SELECT count(*) FROM touches WHERE customer_id = $1 AND status = 'suppressed'`, id))
	require.Equal(l.t, 1, l.count(`SELECT count(*) FROM journeys WHERE customer_id = $1 AND exit_reason = 'the customer was erased'`, id))
	v, err := l.st.VerifyConsents(l.t.Context(), l.seed.Workspace)
	require.NoError(l.t, err)
	require.Equal(l.t, 1, v.Entries)
	require.Empty(l.t, v.Faults)
}

// sendsNothingTo has an import bring back the address of a customer who was erased.
func sendsNothingTo(l *ledger, id string) {
	l.t.Helper()
	back := l.registered("u1", "Ann@Shop.example", "m3", noon, audience.Consent{Topic: "news"})
	require.NotEqual(l.t, id, back)
	again := l.campaign("again", 1, back)
	l.plan(again, store.PlannedMessage{Channel: audience.Email})
	claimed, err := l.st.Claim(l.t.Context(), store.ClaimRequest{
		Workspace: l.seed.Workspace, Cohort: again.ID, Channel: audience.Email, Claim: "c", Limit: 10, Now: noon.Add(time.Minute),
	})
	require.NoError(l.t, err)
	require.Empty(l.t, claimed.Messages)
	require.Equal(l.t, 1, l.count(`SELECT count(*) FROM touches WHERE customer_id = $1 AND outcome LIKE 'address is suppressed: erased%'`, back))
}

func TestEveryTableOfCustomersIsKnown(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	rows, _ := connect(t, l.url).Query(t.Context(), `SELECT DISTINCT c.table_name FROM information_schema.columns c
		JOIN pg_class k ON k.oid = format('public.%I', c.table_name)::regclass AND NOT k.relispartition
		WHERE c.table_schema = 'public' AND c.column_name = 'customer_id' ORDER BY 1`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	erased, exported := store.PersonalTables()
	for _, table := range tables {
		require.True(t, slices.Contains(erased, table), "say in erase.go what becomes of %s when a customer is erased", table)
		require.True(t, slices.Contains(exported, table), "say in erase.go whether %s is exported", table)
	}
}

func TestExpireConsents(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	ws := l.seed.Workspace
	say := func(user string, at, ends time.Time) string {
		id := l.registered(user, user+"@shop.example", user, noon)
		require.NoError(t, l.st.Say(t.Context(), ws, store.ConsentWord{
			Customer: id, Channel: audience.Email, Topic: "news", Action: audience.Granted, At: at, ExpiresAt: ends,
		}))
		return id
	}
	ends := noon.Add(24 * time.Hour)
	ended, renewed, open := say("u1", noon, ends), say("u2", noon, ends), say("u3", noon, ends.Add(24*time.Hour))
	require.NoError(t, l.st.Say(t.Context(), ws, store.ConsentWord{
		Customer: renewed, Channel: audience.Email, Topic: "news", Action: audience.Refreshed, At: noon.Add(time.Hour),
	}))
	for _, want := range []int{1, 0} {
		n, err := l.st.ExpireConsents(t.Context(), ws, ends.Add(time.Minute), 10)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	last := l.entries(ended)[1]
	require.Equal(t, audience.Expired, last.Action)
	require.True(t, last.OccurredAt.Equal(ends))
	require.Len(t, l.entries(renewed), 2)
	require.Len(t, l.entries(open), 1)
}
