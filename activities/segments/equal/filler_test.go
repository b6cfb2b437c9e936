package equal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// filler writes rows straight into the tables.
type filler struct {
	t    *testing.T
	conn *pgx.Conn
	ws   int64
	r    *rand.Rand
}

func (f *filler) exec(sql string, args ...any) {
	f.t.Helper()
	_, err := f.conn.Exec(f.t.Context(), sql, append([]any{f.ws}, args...)...)
	require.NoError(f.t, err)
}

func (f *filler) id() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(f.r.UintN(256))
	}
	return uuid.UUID(b).String()
}

func (f *filler) maybe(at time.Time) *time.Time {
	if f.r.IntN(2) == 0 {
		return nil
	}
	return &at
}

func (f *filler) object(names []string, share int) string {
	var fields []string
	for _, name := range names {
		if f.r.IntN(100) < share {
			from := oddValues
			if usual := usualValues[name]; usual != nil && f.r.IntN(3) > 0 {
				from = usual
			}
			fields = append(fields, fmt.Sprintf("%q: %s", name, pickOf(f.r, from)))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func (f *filler) fill() []string {
	var segments, campaigns []string
	for _, name := range segmentNames {
		segments = append(segments, f.id())
		f.exec(`INSERT INTO segments (workspace_id, id, name, kind, status) VALUES ($1, $2, $3, 'static', 'live')`, segments[len(segments)-1], name)
	}
	for _, name := range campaignNames {
		campaigns = append(campaigns, f.id())
		f.exec(`INSERT INTO campaigns (workspace_id, id, name, status, version) VALUES ($1, $2, $3, 'live', 1)`, campaigns[len(campaigns)-1], name)
	}
	f.exec(`INSERT INTO topics (workspace_id, name, policy) VALUES ($1, 'news', 'opt_in'), ($1, 'offers', 'opt_out')`)
	var ids []string
	for i := range customers {
		id := f.id()
		ids = append(ids, id)
		f.customer(id, i)
		for range f.r.IntN(9) {
			f.exec(`INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties, occurred_at, received_at)
				VALUES ($1, $2, $3, 1, $4, 'track', $5, $6, $7, $7)`, f.id(), id, f.id(), pickOf(f.r, eventNames), f.object(propertyNames, 60), pickOf(f.r, moments()))
		}
		f.kept(id, segments, campaigns)
	}
	slices.Sort(ids)
	return ids
}

func (f *filler) customer(id string, i int) {
	var external *string
	if f.r.IntN(4) > 0 {
		s := fmt.Sprintf("u%d", i)
		external = &s
	}
	tags := []string{}
	for _, tag := range tagNames {
		if f.r.IntN(3) == 0 {
			tags = append(tags, tag)
		}
	}
	text := func(from ...string) string { return pickOf(f.r, from) }
	f.exec(`INSERT INTO customers (workspace_id, id, kind, external_id, email, phone, name, locale, timezone, stage, tags, attributes, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`, id, text("client", "partner", "supplier"), external,
		text("", "ann@example.com", fmt.Sprintf("c%d@example.org", i)), text("", "+380501234567"), text("", "Ann", "Олена", "O'Neil"), text("", "uk-UA", "en"),
		text(append([]string{"Nowhere/City"}, zoneNames...)...), text("", "lead", "won"), tags, f.object(attributeNames, 70), pickOf(f.r, moments()))
}

// kept writes what is kept about a customer besides record and events.
func (f *filler) kept(id string, segments, campaigns []string) {
	before := func() time.Time { return pickOf(f.r, moments()) }
	for _, segment := range segments {
		for range f.r.IntN(3) {
			f.exec(`INSERT INTO segment_changes (workspace_id, segment_id, customer_id, at, joined, cause, version) VALUES ($1, $2, $3, $4, $5, 'import', 1)`,
				segment, id, before(), f.r.IntN(2) == 0)
		}
	}
	for range f.r.IntN(4) {
		f.exec(`INSERT INTO consents (workspace_id, customer_id, channel, topic, action, occurred_at, method) VALUES ($1, $2, $3, $4, $5, $6, 'api')`,
			id, pickOf(f.r, []string{"email", "sms"}), pickOf(f.r, []string{"news", "offers", "*", "*"}), pickOf(f.r, []string{"granted", "withdrawn"}), before())
	}
	for _, name := range []string{"rfm.recency", "rfm.monetary", "score.churn", "next_best.product"} {
		if f.r.IntN(2) == 0 {
			f.exec(`INSERT INTO scores (workspace_id, customer_id, name, value, computed_at) VALUES ($1, $2, $3, $4, $5)`, id, name, pickOf(f.r, oddValues), before())
		}
	}
	for i := range f.r.IntN(4) {
		entered := before()
		var ended *time.Time
		status := "active"
		if i > 0 || f.r.IntN(2) == 0 {
			at := entered.Add(pickOf(f.r, []time.Duration{time.Second, day, 1000 * day}))
			ended, status = &at, pickOf(f.r, []string{"finished", "exited", "converted"})
		}
		if f.r.IntN(4) == 0 { // a sign that she was held out stands for no journey
			ended, status = &entered, "held_out"
		}
		campaign, journey, touch := pickOf(f.r, campaigns), f.id(), f.id()
		f.exec(`INSERT INTO journeys (workspace_id, id, cohort_id, campaign_id, version, customer_id, key, status, position, entered_at, ended_at)
			VALUES ($1, $2, $2, $3, 1, $4, $2::uuid::text, $5, '{}', $6, $7)`, journey, campaign, id, status, entered, ended)
		f.exec(`INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, journey_id, step, occurred_at, opened_at, clicked_at)
			VALUES ($1, $2, $3, 'email', 'out', 'delivered', $4, $5, 'hello', $6, $7, $8)`, touch, id, campaign, journey, entered,
			f.maybe(entered.Add(time.Hour)), f.maybe(entered.Add(2*time.Hour)))
		for j, status := range []string{"planned", "claimed", "accepted", "delivered"}[:1+f.r.IntN(4)] {
			f.exec(`INSERT INTO touch_statuses (workspace_id, touch_id, status, at) VALUES ($1, $2, $3, $4)`, touch, status, entered.Add(time.Duration(j)*time.Hour))
		}
	}
}
