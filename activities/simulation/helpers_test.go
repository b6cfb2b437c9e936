package simulation_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/simulation"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// past is a workspace whose history a test makes by hand.
type past struct {
	t    testing.TB
	st   *store.Store
	sql  *pgx.Conn // of the superuser
	seed storetest.Seed
	n    int
}

func newPast(tb testing.TB) *past {
	tb.Helper()
	url := storetest.URL(tb)
	st := storetest.Open(tb, url)
	conn, err := pgx.Connect(tb.Context(), url)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close(tb.Context())) })
	return &past{t: tb, st: st, sql: conn, seed: storetest.Workspace(tb, st)}
}

// day is a moment of January 2026, UTC.
func day(d, hour, minute int) time.Time {
	return time.Date(2026, time.January, d, hour, minute, 0, 0, time.UTC)
}

// happen stores an event as the sites do, with the record that it carries.
func (p *past) happen(user, name string, at time.Time, properties map[string]any, profile store.Profile) {
	p.t.Helper()
	raw, err := json.Marshal(properties)
	require.NoError(p.t, err)
	p.n++
	m := store.Message{
		Call: store.CallTrack, MessageID: fmt.Sprintf("m%d", p.n), UserID: user, Name: name, Properties: raw, Profile: profile,
		OccurredAt: at, ReceivedAt: at,
	}
	_, err = p.st.Ingest(p.t.Context(), p.seed.Workspace, []store.Delivery{{Source: p.seed.Source, Messages: []store.Message{m}}})
	require.NoError(p.t, err)
}

// person makes a customer who can be mailed, and gives her id.
func (p *past) person(user string, attributes map[string]any) string {
	p.t.Helper()
	mail := user + "@example.com"
	p.happen(user, "registered", day(1, 0, 0).AddDate(-1, 0, 0), map[string]any{}, store.Profile{Email: &mail, Name: &user, Attributes: attributes})
	var id string
	require.NoError(p.t, p.sql.QueryRow(p.t.Context(), `SELECT id FROM customers WHERE external_id = $1`, user).Scan(&id))
	return id
}

func (p *past) exec(sql string, args ...any) {
	p.t.Helper()
	_, err := p.sql.Exec(p.t.Context(), sql, args...)
	require.NoError(p.t, err)
}

func define(tb testing.TB, source string) *campaign.Definition {
	tb.Helper()
	d, err := campaign.Parse([]byte(source))
	require.NoError(tb, err)
	return d
}

func (p *past) publish(source string) string {
	p.t.Helper()
	out, err := p.st.Publish(p.t.Context(), p.seed.Workspace, store.Publication{Definition: define(p.t, source), Source: source})
	require.NoError(p.t, err)
	return out.CampaignID
}

// journey writes a journey that really was. A zero end leaves it under way.
func (p *past) journey(campaignID, customer string, from, to time.Time) string {
	p.t.Helper()
	id, status := uuid.NewString(), "finished"
	var ended *time.Time
	if ended = &to; to.IsZero() {
		status, ended = "active", nil
	}
	p.exec(`INSERT INTO journeys (workspace_id, id, cohort_id, campaign_id, version, customer_id, status, position, entered_at, ended_at)
		VALUES ($1, $2, $2, $3, 1, $4, $5, '{}', $6, $7)`, p.seed.Workspace, id, campaignID, customer, status, from, ended)
	return id
}

// mailed writes an e-mail of a campaign that really went out.
func (p *past) mailed(campaignID, customer, topic string, at time.Time) {
	p.t.Helper()
	id := uuid.NewString()
	p.exec(`INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, journey_id,
			step, topic, occurred_at, updated_at)
		VALUES ($1, $2, $3, 'email', 'out', 'delivered', $4, 1, $2, 'mail', $5, $6, $6)`, p.seed.Workspace, id, customer, campaignID, topic, at)
	for _, status := range []string{"planned", "claimed", "accepted", "delivered"} {
		p.exec(`INSERT INTO touch_statuses (workspace_id, touch_id, status, at) VALUES ($1, $2, $3, $4)`, p.seed.Workspace, id, status, at)
	}
}

// simulate plays the week from 5 January to 12 January.
func (p *past) simulate(source string, change ...func(*simulation.Options)) *rehearsal.Report {
	p.t.Helper()
	o := simulation.Options{From: day(5, 0, 0), To: day(12, 0, 0), Now: day(20, 0, 0), Draft: define(p.t, source), SMSPrice: 0.05}
	for _, c := range change {
		c(&o)
	}
	r, err := simulation.Run(p.t.Context(), p.st, p.seed.Workspace, o)
	require.NoError(p.t, err)
	return r
}

func step(tb testing.TB, o rehearsal.Outcome, id string) rehearsal.StepOutcome {
	tb.Helper()
	for _, s := range o.Steps {
		if s.Step == id {
			return s
		}
	}
	require.Fail(tb, "no step "+id)
	return rehearsal.StepOutcome{}
}

func message(tb testing.TB, o rehearsal.Outcome, id string) rehearsal.MessageOutcome {
	tb.Helper()
	for _, m := range o.Messages {
		if m.Step == id {
			return m
		}
	}
	require.Fail(tb, "no message "+id)
	return rehearsal.MessageOutcome{}
}

// suppressed takes an e-mail address off limits, until it is cleared.
func (p *past) suppressed(address string, at time.Time, cleared *time.Time) {
	p.t.Helper()
	var secret []byte
	require.NoError(p.t, p.sql.QueryRow(p.t.Context(), `SELECT secret FROM workspaces WHERE id = $1`, p.seed.Workspace).Scan(&secret))
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("email:" + address))
	p.exec(`INSERT INTO suppressions (workspace_id, channel, address_hash, reason, created_at, cleared_at)
		VALUES ($1, 'email', $2, 'bad_address', $3, $4)`, p.seed.Workspace, mac.Sum(nil), at, cleared)
}
