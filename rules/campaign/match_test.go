package campaign_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: cart_updated, when: event.total > 10}, key: entry.cart_id, steps: [{wait: 1d}]}`)
	match := func(name string, properties map[string]any) campaign.Entry {
		e := event(name, t0, properties)
		return d.Match(rules.Env{Event: &e, Now: t0})
	}
	require.Equal(t, campaign.Entry{
		Matched: true, Reason: "cart_updated happened and the rule holds", Rule: "event.total > 10",
		Values: map[string]any{"event.total": int64(11)}, Key: "7",
		Data: map[string]any{"total": 11, "cart_id": 7.0},
	}, match("cart_updated", map[string]any{"total": 11, "cart_id": 7.0}))
	require.Equal(t, campaign.Entry{
		Reason: "the rule does not hold", Rule: "event.total > 10", Values: map[string]any{"event.total": nil},
	}, match("cart_updated", nil))
	require.Equal(t, "the event is order, not cart_updated", match("order", nil).Reason)
	require.Equal(t, "the key entry.cart_id has no value", match("cart_updated", map[string]any{"total": 11}).Reason)
	require.False(t, match("cart_updated", map[string]any{"total": 11, "cart_id": []any{}}).Matched)
	long := match("cart_updated", map[string]any{"total": 11, "cart_id": strings.Repeat("k", 1001)})
	require.False(t, long.Matched)
	require.Empty(t, long.Key)
	require.Equal(t, "the key entry.cart_id has a value of 1001 bytes, more than 1000", long.Reason)
	require.True(t, match("cart_updated", map[string]any{"total": 11, "cart_id": strings.Repeat("k", 1000)}).Matched)
	require.Equal(t, "there is no event to judge", d.Match(rules.Env{}).Reason)
	require.Equal(t, "the campaign is not triggered by an audience", d.MatchAudience(rules.Env{}).Reason)
	require.Equal(t, "k", match("cart_updated", map[string]any{"total": 11, "cart_id": "k"}).Key)
	require.Equal(t, "true", match("cart_updated", map[string]any{"total": 11, "cart_id": true}).Key)

	t.Run("Error", func(t *testing.T) {
		t.Parallel()
		d := parse(t, `{campaign: c, trigger: {event: e, when: 'event.word + event.word == ""'}, steps: [{wait: 1d}]}`)
		e := event("e", t0, map[string]any{"word": strings.Repeat("x", 60_000)})
		entry := d.Match(rules.Env{Event: &e})
		require.False(t, entry.Matched)
		require.Contains(t, entry.Reason, "the rule could not be evaluated: line 1")
		require.Contains(t, entry.Reason, "rule needs too much memory")
		require.Contains(t, entry.Values, "event.word")
	})
	t.Run("KeyError", func(t *testing.T) {
		t.Parallel()
		d := parse(t, `{campaign: c, trigger: {event: e}, key: 'entry.a + entry.a', steps: [{wait: 1d}]}`)
		e := event("e", t0, map[string]any{"a": strings.Repeat("x", 60_000)})
		entry := d.Match(rules.Env{Event: &e})
		require.False(t, entry.Matched)
		require.Contains(t, entry.Reason, "the key entry.a + entry.a could not be evaluated")
	})
}

func TestMatchAudience(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {audience: 'customer.kind == "client"'}, steps: [{wait: 1d}]}`)
	entry := d.MatchAudience(rules.Env{Facts: rules.Facts{Customer: audience.Customer{Kind: audience.Client}}})
	require.True(t, entry.Matched)
	require.Equal(t, "the customer belongs to the audience and the rule holds", entry.Reason)
	require.False(t, d.MatchAudience(rules.Env{}).Matched)
	require.Equal(t, "the campaign is not triggered by events", d.Match(rules.Env{}).Reason)
}

func TestMayEnter(t *testing.T) {
	t.Parallel()
	define := func(reenter string) *campaign.Definition {
		return parse(t, `{campaign: c, trigger: {event: e}, reenter: `+reenter+`, steps: [{wait: 1d}]}`)
	}
	past := []campaign.Past{
		{Key: "a", Status: campaign.Finished, EnteredAt: t0.Add(-10 * day), EndedAt: t0.Add(-9 * day)},
		{Key: "a", Status: campaign.Exited, EnteredAt: t0.Add(-5 * day), EndedAt: t0.Add(-4 * day)},
		{Key: "b", Status: campaign.Active, EnteredAt: t0.Add(-day)},
	}
	for _, c := range []struct {
		reenter, key string
		now          time.Time
		may          bool
		reason       string
	}{
		{"never", "a", t0, false, `entered on 2025-12-31 10:00 UTC, and the campaign may be entered only once with key "a"`},
		{"never", "b", t0, false, `a journey with key "b" is under way since 2026-01-04 10:00 UTC`},
		{"never", "c", t0, true, `it is the first journey with key "c"`},
		{"always", "a", t0, true, "the campaign may be entered again"},
		{"always", "b", t0, false, `a journey with key "b" is under way since 2026-01-04 10:00 UTC`},
		{"{after: 6d}", "a", t0, false, "entered on 2025-12-31 10:00 UTC; may enter again after 6d, on 2026-01-06 10:00 UTC"},
		{"{after: 5d}", "a", t0, true, "entered on 2025-12-31 10:00 UTC, and may enter again after 5d"},
		{"{after: 1d}", "b", t0.Add(day), false, `a journey with key "b" is under way since 2026-01-04 10:00 UTC`},
	} {
		may, reason := define(c.reenter).MayEnter(past, c.key, rules.Env{Now: c.now})
		require.Equal(t, c.may, may)
		require.Equal(t, c.reason, reason)
	}
}
