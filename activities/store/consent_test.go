package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
)

// registered stores a form by which somebody registers and consents to topics.
func (l *ledger) registered(user, email, id string, at time.Time, consents ...audience.Consent) string {
	l.t.Helper()
	for i := range consents {
		c := &consents[i]
		c.Action, c.OccurredAt, c.Method, c.Source, c.TextShown = audience.Granted, at, store.MethodForm, "signup", "Send me news"
		if c.Channel == "" {
			c.Channel = audience.Email
		}
	}
	locale := "uk-UA"
	m := store.Message{
		Call: store.CallForm, MessageID: id, UserID: user, Name: audience.EventFormSubmitted, OccurredAt: at, ReceivedAt: at,
		Properties: json.RawMessage(`{"form":"signup","note":"secret words"}`),
		Context:    json.RawMessage(`{"ip":"203.0.113.9","userAgent":"Firefox","page":{"url":"https://shop.example/join"}}`),
		Profile:    store.Profile{Email: &email, Locale: &locale, Consents: consents},
	}
	_, err := l.st.Ingest(l.t.Context(), l.seed.Workspace, []store.Delivery{{Source: l.seed.Source, Messages: []store.Message{m}}})
	require.NoError(l.t, err)
	c, err := l.st.FindCustomer(l.t.Context(), l.seed.Workspace, user)
	require.NoError(l.t, err)
	return c.ID
}

func (l *ledger) entries(customer string) []store.LedgerEntry {
	l.t.Helper()
	list, err := l.st.Ledger(l.t.Context(), l.seed.Workspace, customer)
	require.NoError(l.t, err)
	return list
}

func (l *ledger) count(query string, args ...any) int {
	l.t.Helper()
	return count(l.t, connect(l.t, l.url), query, args...)
}

func TestConsentLedger(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	news := audience.Consent{Topic: "news"}
	id := l.registered("u1", "ann@shop.example", "m1", noon, news, audience.Consent{Topic: "offers"})
	require.NoError(t, l.st.Withdraw(t.Context(), store.Withdrawal{
		Workspace: l.seed.Workspace, Customer: id, Channel: audience.Email, Topic: "news", Method: store.MethodPreferences, At: noon.Add(time.Hour),
	}))
	require.NoError(t, l.st.Say(store.WithActor(t.Context(), "ann@team.example"), l.seed.Workspace, store.ConsentWord{
		Customer: id, Channel: audience.Email, Topic: "news", Action: audience.Refreshed, Text: "Ще раз: новини", Locale: "uk",
		Evidence: map[string]any{"call": "R-17"}, Jurisdiction: "UA", At: noon.Add(2 * time.Hour), ExpiresAt: noon.Add(48 * time.Hour),
	}))

	list := l.entries(id)
	require.Len(t, list, 4)
	first, last := list[0], list[3]
	require.Equal(t, "Send me news", first.TextShown)
	require.Equal(t, "Test shop", first.Controller)
	require.Equal(t, "uk-UA", first.Locale)
	require.Equal(t, map[string]any{"ip": "203.0.113.9", "user_agent": "Firefox", "page": "https://shop.example/join", "message_id": "m1"}, first.Evidence)
	require.Equal(t, "self", first.Actor)
	require.Equal(t, []any{"ann@team.example", store.MethodOperator, "UA", noon.Add(48 * time.Hour)},
		[]any{last.Actor, last.Method, last.Jurisdiction, last.ExpiresAt.UTC()})
	require.Equal(t, list[0].TextSHA256, list[1].TextSHA256, "equal words are kept once")
	require.Equal(t, 2, l.count(`SELECT count(*) FROM consent_texts`))
	_, err := l.st.Suppress(t.Context(), l.seed.Workspace, []store.NewSuppression{{Channel: audience.Email, Address: "  Ann@Shop.example "}})
	require.NoError(t, err)
	found, err := l.st.Suppressions(t.Context(), l.seed.Workspace, store.SuppressionFilter{})
	require.NoError(t, err)
	require.Equal(t, first.AddressHash, found[0].Hash, "the database hashes addresses as the program does")

	t.Run("Refuses what cannot be meant", func(t *testing.T) {
		t.Parallel()
		good := store.ConsentWord{Customer: id, Channel: audience.Email, Topic: "news", Action: audience.Granted}
		for name, change := range map[string]func(w *store.ConsentWord){
			"channel":   func(w *store.ConsentWord) { w.Channel = "fax" },
			"no topic":  func(w *store.ConsentWord) { w.Topic = "" },
			"requested": func(w *store.ConsentWord) { w.Action = audience.Requested },
			"future":    func(w *store.ConsentWord) { w.At = time.Now().Add(time.Hour) },
			"expiry":    func(w *store.ConsentWord) { w.ExpiresAt = noon.Add(-time.Hour) },
		} {
			w := good
			change(&w)
			require.ErrorIs(t, l.st.Say(t.Context(), l.seed.Workspace, w), store.ErrInvalid, name)
		}
		good.Customer = "0197a1b2-0000-7000-8000-000000000000"
		require.ErrorIs(t, l.st.Say(t.Context(), l.seed.Workspace, good), store.ErrNotFound)
	})

	t.Run("Shows what was tampered with", func(t *testing.T) {
		t.Parallel()
		verify := func() store.Verification {
			v, err := l.st.VerifyConsents(t.Context(), l.seed.Workspace)
			require.NoError(t, err)
			return v
		}
		clean := verify()
		require.Equal(t, store.Verification{Customers: 1, Entries: 4, Faults: nil}, store.Verification{
			Customers: clean.Customers, Entries: clean.Entries, Unchained: clean.Unchained,
		})
		require.Empty(t, clean.Faults)
		l.sql(`UPDATE consents SET occurred_at = occurred_at - interval '1 day' WHERE seq = 2`)
		require.Equal(t, []store.ChainFault{{id, 2, "the entry was changed after it was written"}}, verify().Faults)
		l.sql(`DELETE FROM consents WHERE seq = 2`)
		require.Equal(t, []store.ChainFault{
			{id, 3, "an entry before it is missing"}, {id, 4, "an entry before it is missing"},
		}, verify().Faults)
		l.sql(`UPDATE consent_texts SET text = 'Send me nothing' WHERE text = 'Send me news'`)
		require.Contains(t, verify().Faults, store.ChainFault{id, 1, "the text that was shown is not the one that is kept"})
	})
}

func TestDoubleOptIn(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	ctx := t.Context()
	double := audience.DoubleOptIn
	require.NoError(t, l.st.EditTopic(ctx, l.seed.Workspace, "news", store.TopicEdit{Policy: &double, Title: map[string]string{"uk": "Новини"}}))
	live, err := l.st.Campaigns(ctx, l.seed.Workspace)
	require.NoError(t, err)
	require.Equal(t, store.ConfirmCampaign, live[0].Name)
	at := time.Now().Add(-time.Minute).UTC().Truncate(time.Microsecond)

	id := l.registered("u1", "ann@shop.example", "m1", at, audience.Consent{Topic: "news"}, audience.Consent{Topic: "offers"})
	l.registered("u1", "ann@shop.example", "m2", at, audience.Consent{Topic: "news"})
	list := l.entries(id)
	require.Equal(t, []audience.ConsentAction{audience.Requested, audience.Granted, audience.Requested},
		[]audience.ConsentAction{list[0].Action, list[1].Action, list[2].Action}, "offers asks for no confirmation")
	require.Equal(t, 1, l.count(`SELECT count(*) FROM events WHERE name = 'consent_requested'`), "once a day")
	facts := func() audience.Refusal {
		said := []audience.Consent{}
		for _, e := range l.entries(id) {
			said = append(said, e.Consent)
		}
		return audience.MayContact("news", double, said)
	}
	require.Equal(t, audience.Refusal("consent to topic news was requested and is not confirmed"), facts())

	request := list[0].RequestID
	asked, err := l.st.ConsentRequest(ctx, l.seed.Workspace, request, "uk")
	require.NoError(t, err)
	require.Equal(t, store.ConsentRequest{
		Workspace: l.seed.Workspace, ID: request, Customer: id, Channel: audience.Email, Topics: []string{"news"},
		Titles: []string{"Новини"}, Brand: "Test shop", Text: "Send me news", Locale: "uk-UA", At: asked.At,
	}, asked)
	require.ErrorIs(t, l.st.Confirm(ctx, l.seed.Workspace, request, nil, at.Add(store.ConfirmWithin+time.Hour)), store.ErrTooLate)
	require.ErrorIs(t, l.st.Confirm(ctx, l.seed.Workspace, id, nil, at), store.ErrNotFound)
	for range 2 {
		require.NoError(t, l.st.Confirm(ctx, l.seed.Workspace, request, map[string]any{"ip": "203.0.113.10"}, at.Add(time.Second)))
	}
	list = l.entries(id)
	require.Len(t, list, 4, "confirming twice is one word")
	last := list[3]
	require.Equal(t, []any{audience.Confirmed, request, "Send me news", "203.0.113.10"}, []any{last.Action, last.RequestID, last.TextShown, last.Evidence["ip"]})
	require.Empty(t, facts())
	require.Equal(t, 1, l.count(`SELECT count(*) FROM events WHERE name = 'consent_confirmed'`))
	v, err := l.st.VerifyConsents(ctx, l.seed.Workspace)
	require.NoError(t, err)
	require.Empty(t, v.Faults)

	t.Run("An import of the past asks nobody", func(t *testing.T) {
		email := "old@shop.example"
		m := message("m9", func(m *store.Message) {
			m.UserID, m.Historical = "u9", true
			m.Profile = store.Profile{Email: &email, Consents: []audience.Consent{{
				Channel: audience.Email, Topic: "news", Action: audience.Granted, OccurredAt: noon, Method: store.MethodAPI,
			}}}
		})
		ingest(t, l.st, l.seed, m)
		require.Equal(t, 1, l.count(`SELECT count(*) FROM events WHERE name = 'consent_requested'`))
	})
}

func TestSuppressionList(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	ws := storetest.Workspace(t, st).Workspace
	ctx := t.Context()
	add := func(list ...store.NewSuppression) int {
		n, err := st.Suppress(ctx, ws, list)
		require.NoError(t, err)
		return n
	}
	show := func(f store.SuppressionFilter) []store.Suppression {
		list, err := st.Suppressions(ctx, ws, f)
		require.NoError(t, err)
		return list
	}
	require.Equal(t, 2, add(
		store.NewSuppression{Channel: audience.Email, Address: "anna@ПОШТА.укр", Reason: store.ReasonUnsubscribed, Scope: store.ScopeMarketing},
		store.NewSuppression{Channel: audience.SMS, Address: "+380 67 123-45-67", Reason: store.ReasonImport, Detail: "old system"}))
	require.Zero(t, add(store.NewSuppression{Channel: audience.Email, Address: "Anna@xn--80a1acn3a.xn--j1amh", Scope: store.ScopeMarketing}))
	one := show(store.SuppressionFilter{Channel: audience.SMS, Address: "+380671234567"})
	require.Len(t, one, 1)
	require.Equal(t, "old system", one[0].Detail)
	require.Equal(t, 1, add(store.NewSuppression{Channel: audience.Email, Address: "anna@xn--80a1acn3a.xn--j1amh", Reason: store.ReasonComplaint}), "what stops more stands")
	require.Equal(t, store.ReasonComplaint, show(store.SuppressionFilter{Channel: audience.Email})[0].Reason)
	page := show(store.SuppressionFilter{Limit: 1})
	require.NotEqual(t, page, show(store.SuppressionFilter{Limit: 1, After: page[0].Hash}))

	require.NoError(t, st.Unsuppress(ctx, ws, audience.SMS, "+38 067 1234567"))
	require.ErrorIs(t, st.Unsuppress(ctx, ws, audience.SMS, one[0].Hash), store.ErrNotFound)
	require.Len(t, show(store.SuppressionFilter{}), 1)
	require.False(t, show(store.SuppressionFilter{Channel: audience.SMS, Cleared: true})[0].ClearedAt.IsZero())
	require.Equal(t, 1, add(store.NewSuppression{Channel: audience.SMS, Hash: one[0].Hash, Reason: store.ReasonManual}))
	require.Len(t, show(store.SuppressionFilter{Channel: audience.SMS, Address: "+380671234567"}), 1)

	for name, n := range map[string]store.NewSuppression{
		"channel": {Channel: "fax", Address: "a@b.co"},
		"reason":  {Channel: audience.Email, Address: "a@b.co", Reason: "dislike"},
		"scope":   {Channel: audience.Email, Address: "a@b.co", Scope: "some"},
		"nothing": {Channel: audience.Email},
		"both":    {Channel: audience.Email, Address: "a@b.co", Hash: one[0].Hash},
		"hash":    {Channel: audience.Email, Hash: "abc"},
		"name":    {Channel: audience.Email, Address: "Anna Smith"},
		"phone":   {Channel: audience.SMS, Address: "067 1234567"},
	} {
		_, err := st.Suppress(ctx, ws, []store.NewSuppression{{Channel: audience.Email, Address: "good@b.co"}, n})
		require.ErrorIs(t, err, store.ErrInvalid, name)
		require.ErrorContains(t, err, "address 2", name)
	}
	require.Empty(t, show(store.SuppressionFilter{Channel: audience.Email, Address: "good@b.co"}), "all or none")
	_, err := st.Suppressions(ctx, ws, store.SuppressionFilter{Address: "a@b.co"})
	require.ErrorIs(t, err, store.ErrInvalid)
	_, err = st.Suppressions(ctx, ws, store.SuppressionFilter{After: "zz"})
	require.ErrorIs(t, err, store.ErrInvalid)
}
