package campaign_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
	"dotyk/rules/campaign"
)

func triggered(t *testing.T, trigger string) *campaign.Definition {
	t.Helper()
	return parse(t, `{campaign: c, trigger: `+trigger+`, steps: [{wait: 1d}]}`)
}

func TestTriggerEvent(t *testing.T) {
	t.Parallel()
	for trigger, want := range map[string]string{
		"{event: e}": "e", "{segment: vip}": audience.EventSegmentEntered, "{segment: {left: vip}}": audience.EventSegmentLeft,
		`{audience: "true"}`: "", "{api: true}": "", "{date: {attribute: birthday}}": "",
		`{schedule: {cron: "0 9 * * *", audience: "true"}}`: "",
	} {
		require.Equal(t, want, triggered(t, trigger).TriggerEvent(), trigger)
	}
}

func TestMatchSegment(t *testing.T) {
	t.Parallel()
	d := triggered(t, `{segment: {entered: vip}, when: 'customer.kind == "client"'}`)
	joined := event(audience.EventSegmentEntered, t0, map[string]any{"segment": "vip", "because": "order"})
	env := rules.Env{Event: &joined, Facts: rules.Facts{Customer: audience.Customer{Kind: audience.Client}}}
	entry := d.Match(env)
	require.True(t, entry.Matched)
	require.Equal(t, "the customer joined segment vip and the rule holds", entry.Reason)
	require.Equal(t, joined.Properties, entry.Data)
	env.Customer.Kind = audience.Partner
	require.Equal(t, "the rule does not hold", d.Match(env).Reason)
	other := event(audience.EventSegmentEntered, t0, map[string]any{"segment": "leads"})
	require.Equal(t, "the segment is leads, not vip", d.Match(rules.Env{Event: &other}).Reason)
	require.Equal(t, "the event is segment_entered, not segment_left", triggered(t, `{segment: {left: vip}}`).Match(env).Reason)
	left := event(audience.EventSegmentLeft, t0, map[string]any{"segment": "vip"})
	require.Equal(t, "the customer left segment vip", triggered(t, `{segment: {left: vip}}`).Match(rules.Env{Event: &left}).Reason)
}

func TestMatchRequest(t *testing.T) {
	t.Parallel()
	data := map[string]any{"sku": "A"}
	for trigger, matched := range map[string]bool{
		"{event: e, when: 'event.total > 1'}": true, "{api: true}": true, `{api: {when: 'entry.sku == "A"'}}`: true, `{api: {when: 'entry.sku == "B"'}}`: false,
	} {
		entry := triggered(t, trigger).MatchRequest(rules.Env{Entry: data})
		require.Equal(t, matched, entry.Matched, trigger)
		require.Equal(t, data, entry.Data)
	}
	keyed := parse(t, `{campaign: c, trigger: {api: true}, key: entry.sku, steps: [{wait: 1d}]}`)
	require.Equal(t, "A", keyed.MatchRequest(rules.Env{Entry: data}).Key)
	require.Equal(t, "the key entry.sku has no value", keyed.MatchRequest(rules.Env{}).Reason)
}

func TestMatchSchedule(t *testing.T) {
	t.Parallel()
	d := triggered(t, `{schedule: {cron: "0 9 * * mon", audience: 'customer.kind == "client"'}}`)
	require.True(t, d.MatchAudience(rules.Env{Facts: rules.Facts{Customer: audience.Customer{Kind: audience.Client}}}).Matched)
	require.False(t, d.MatchAudience(rules.Env{}).Matched)
}

func TestMatchDate(t *testing.T) {
	t.Parallel()
	const yearly = "{date: {attribute: birthday, offset: -3d, yearly: true}}"
	for name, c := range map[string]struct {
		trigger, now, zone string
		value              any
		matched            bool
		date               string
	}{
		"Yearly":          {yearly, "2026-03-26T08:00:00Z", "Europe/Berlin", "1990-03-29", true, "2026-03-29"},
		"OtherDay":        {yearly, "2026-03-27T08:00:00Z", "Europe/Berlin", "1990-03-29", false, ""},
		"Leap":            {yearly, "2026-02-25T14:00:00Z", "America/New_York", "1992-02-29", true, "2026-02-28"},
		"LeapInLeapYear":  {yearly, "2028-02-26T14:00:00Z", "America/New_York", "1992-02-29", true, "2028-02-29"},
		"AcrossTheYear":   {yearly, "2026-12-30T14:00:00Z", "", "1992-01-02", true, "2027-01-02"},
		"DayOfTheZone":    {"{date: {attribute: birthday}}", "2026-01-05T20:00:00Z", "Asia/Tokyo", "2026-01-06", true, "2026-01-06"},
		"WorkspaceZone":   {"{date: {attribute: birthday, zone: workspace}}", "2026-01-05T23:00:00Z", "Asia/Tokyo", "2026-01-06", true, "2026-01-06"},
		"UnknownZone":     {"{date: {attribute: birthday}}", "2026-01-05T23:00:00Z", "", "2026-01-06", true, "2026-01-06"},
		"Time":            {"{date: {attribute: birthday}}", "2026-01-06T09:00:00Z", "Asia/Tokyo", "2026-01-05T16:00:00Z", true, "2026-01-06"},
		"OtherYear":       {"{date: {attribute: birthday}}", "2026-01-06T09:00:00Z", "", "2025-01-06", false, ""},
		"NoDate":          {yearly, "2026-03-26T08:00:00Z", "", "soon", false, ""},
		"Missing":         {yearly, "2026-03-26T08:00:00Z", "", nil, false, ""},
		"When":            {"{date: {attribute: birthday, offset: 1d}, when: 'entry.date == \"2026-01-05\"'}", "2026-01-06T09:00:00Z", "", "2026-01-05", true, "2026-01-05"},
		"WhenDoesNotHold": {"{date: {attribute: birthday}, when: customer.vip}", "2026-01-05T09:00:00Z", "", "2026-01-05", false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := triggered(t, c.trigger)
			facts := with(map[string]any{"birthday": c.value, "timezone": c.zone}).Facts
			entry := d.MatchDate(rules.Env{Facts: facts, Now: at(t, c.now)}, "Europe/Kyiv")
			require.Equal(t, c.matched, entry.Matched, entry.Reason)
			if c.matched {
				require.Equal(t, map[string]any{"date": c.date, "value": c.value}, entry.Data)
			}
		})
	}
	created := triggered(t, "{date: {attribute: created_at, offset: 7d}}")
	entry := created.MatchDate(rules.Env{Facts: rules.Facts{Customer: audience.Customer{CreatedAt: t0}}, Now: t0.Add(7 * day)}, "")
	require.Equal(t, map[string]any{"date": "2026-01-05", "value": "2026-01-05T10:00:00Z"}, entry.Data)
	require.Equal(t, "customer.created_at is no date", created.MatchDate(rules.Env{Now: t0}, "").Reason)
	require.Equal(t, "the campaign is not triggered by a date", triggered(t, "{event: e}").MatchDate(rules.Env{}, "").Reason)
}

func TestDateAt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trigger, now, zone string
		value              any
		at, date           string
	}{
		"Yearly":       {"{attribute: b, offset: -3d, yearly: true}", "2026-01-05T10:00:00Z", "Europe/Berlin", "1990-03-29", "2026-03-26T08:00:00Z", "2026-03-29"},
		"YearlyPassed": {"{attribute: b, offset: -3d, yearly: true}", "2026-03-26T08:00:00Z", "Europe/Berlin", "1990-03-29", "2027-03-26T08:00:00Z", "2027-03-29"},
		"YearlyLeap":   {"{attribute: b, yearly: true}", "2027-06-01T00:00:00Z", "America/New_York", "1992-02-29", "2028-02-29T14:00:00Z", "2028-02-29"},
		"LongAhead":    {"{attribute: b, offset: 400d, yearly: true}", "2026-01-05T10:00:00Z", "", "1990-03-29", "2026-05-03T06:00:00Z", "2025-03-29"},
		"Once":         {"{attribute: b, at: \"18:30\"}", "2026-01-05T10:00:00Z", "", "2026-07-01", "2026-07-01T15:30:00Z", "2026-07-01"},
		"OncePassed":   {"{attribute: b}", "2026-01-05T10:00:00Z", "", "2026-01-05", "", ""},
		"NoDate":       {"{attribute: b}", "2026-01-05T10:00:00Z", "", 5.0, "", ""},
		"ZoneOfItsOwn": {"{attribute: b, zone: Asia/Tokyo}", "2026-01-05T10:00:00Z", "Europe/Berlin", "2026-07-01", "2026-07-01T00:00:00Z", "2026-07-01"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := triggered(t, "{date: "+c.trigger+"}")
			trigger, ok := d.Trigger.(campaign.DateTrigger)
			require.True(t, ok)
			moment, date, found := trigger.DateAt(c.value, c.zone, "Europe/Kyiv", at(t, c.now))
			require.Equal(t, c.at != "", found)
			if !found {
				return
			}
			require.Equal(t, c.at, moment.UTC().Format(time.RFC3339))
			require.Equal(t, c.date, date.String())
			attributes := map[string]any{"b": c.value, "timezone": c.zone}
			entry := d.MatchDate(rules.Env{Facts: with(attributes).Facts, Now: moment}, "Europe/Kyiv")
			require.True(t, entry.Matched, "who comes at the moment enters")
			require.Equal(t, c.date, entry.Data["date"])
		})
	}
	_, date, found := campaign.DateTrigger{Attribute: "b"}.DateAt(nil, "", "", t0)
	require.False(t, found)
	require.Equal(t, calendar.Date{}, date)
}

func TestReenterWhen(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: e}, reenter: {when: 'previous.happened and previous.status == "exited" and previous.reason == "rejected" and days_since(previous.ended_at) >= 30 and previous.at < previous.ended_at'}, steps: [{wait: 1d}]}`)
	past := func(status campaign.Status, ended time.Time) []campaign.Past {
		return []campaign.Past{{Status: status, EnteredAt: t0, EndedAt: ended, Reason: "rejected"}}
	}
	for name, c := range map[string]struct {
		past []campaign.Past
		now  time.Duration
		may  bool
		why  string
	}{
		"First":   {nil, 0, true, "it is the first journey"},
		"Held":    {past(campaign.Exited, t0.Add(day)), 31 * day, true, "entered on 2026-01-05 10:00 UTC, and may enter again, for "},
		"TooSoon": {past(campaign.Exited, t0.Add(day)), 30 * day, false, "entered on 2026-01-05 10:00 UTC, and may not enter again, for "},
		"Status":  {past(campaign.Finished, t0.Add(day)), 90 * day, false, "entered on"},
		"Active":  {past(campaign.Active, time.Time{}), 90 * day, false, "a journey is under way since 2026-01-05 10:00 UTC"},
		"HeldOut": {past(campaign.HeldOut, t0), 90 * day, false, "held out on 2026-01-05 10:00 UTC, and may not"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			may, why := d.MayEnter(c.past, "", rules.Env{Now: t0.Add(c.now)})
			require.Equal(t, c.may, may)
			require.Contains(t, why, c.why)
		})
	}
	ended := past(campaign.Exited, t0.Add(day))
	rule, env := d.ReentryRule(ended, "", rules.Env{Now: t0.Add(2 * day)})
	require.Equal(t, "rejected", rule.Values(env)["previous.reason"])
	for name, none := range map[string][]campaign.Past{"first": nil, "under way": past(campaign.Active, time.Time{})} {
		rule, _ := d.ReentryRule(none, "", rules.Env{Now: t0})
		require.Nil(t, rule, name)
	}
	broken := parse(t, `{campaign: c, trigger: {event: e}, reenter: {when: 'customer.long + customer.long == ""'}, steps: [{wait: 1d}]}`)
	may, why := broken.MayEnter(past(campaign.Exited, t0), "", rules.Env{Now: t0, Facts: with(map[string]any{"long": long}).Facts})
	require.False(t, may)
	require.Contains(t, why, "could not be evaluated")
}

func TestConcurrent(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {event: e}, concurrent: true, reenter: {after: 2d}, steps: [{wait: 1d}]}`)
	require.Equal(t, "j1", campaign.Start(d, "j1", "", nil, t0).Key)
	past := []campaign.Past{{Key: "j0", Status: campaign.Active, EnteredAt: t0.Add(-day)}, {Key: "j9", Status: campaign.Finished, EnteredAt: t0.Add(-9 * day)}}
	may, why := d.MayEnter(past, "", rules.Env{Now: t0})
	require.False(t, may)
	require.Equal(t, "entered on 2026-01-04 10:00 UTC; may enter again after 2d, on 2026-01-06 10:00 UTC", why)
	may, _ = d.MayEnter(past, "", rules.Env{Now: t0.Add(day)})
	require.True(t, may)
}

func TestHoldsOut(t *testing.T) {
	t.Parallel()
	define := func(fields string) *campaign.Definition {
		return parse(t, `{campaign: c, trigger: {event: e}, `+fields+`steps: [{wait: 1d}]}`)
	}
	policy := campaign.Policy{Holdout: 20_000}
	own, none, service := define("holdout: 5%, "), define(""), define("transactional: true, ")
	const customers = 20_000
	byPolicy, byCampaign := 0, 0
	for i := range customers {
		id := fmt.Sprintf("customer-%d", i)
		held, why := none.HoldsOut(id, policy)
		if held {
			byPolicy++
			require.Equal(t, "the customer belongs to the 2% of all customers who are kept out of every campaign, to compare with", why)
			again, _ := own.HoldsOut(id, policy)
			require.True(t, again, "of every campaign")
		} else if held, why := own.HoldsOut(id, policy); held {
			byCampaign++
			require.Equal(t, "the customer belongs to the 5% of customers who are kept out of this campaign, to compare with", why)
		}
		never, _ := service.HoldsOut(id, policy)
		require.False(t, never)
	}
	require.InDelta(t, 0.02*customers, byPolicy, 80) // four standard deviations
	require.InDelta(t, 0.05*0.98*customers, byCampaign, 123)
}

func TestMentionsAndRests(t *testing.T) {
	t.Parallel()
	d := parse(t, `{campaign: c, trigger: {audience: {rule: 'segment("vip")', once: false}}, transactional: true,
		exit: ['customer.unsubscribed or customer.score < 0', {event: lost}], goal: {event: won}, steps: [
		{email: {id: hello, template: a}}, {wait: 1d}, {wait: {id: day, until: customer.visit}}, {wait: {until: "09:00", zone: workspace}},
		{repeat: {max: 2, steps: [{wait_for: {id: w, rule: 'sent("hello").delivered and count(events("x")) > 1', timeout: 1d}}]}},
		{split: {id: s, arms: {a: {share: 50%, steps: [{journey: {id: up, campaign: u, wait: true, timeout: 1d}}]}, b: 10%, winner: rest}, by: clicks, after: 1h}},
		{split: {id: plain, arms: {a: 50%, b: 50%}}}, {webhook: {id: h, url: "https://a.example", wait: true}}, {webhook: {url: "https://a.example"}}]}`)
	require.Equal(t, []string{"consents:", "customer:score", "customer:timezone", "customer:visit", "segment:vip", "sent:c/hello"}, d.Mentions())
	require.Equal(t, []campaign.Resting{
		{Step: "", Kind: "start"},
		{Step: "wait_2", Kind: "wait"},
		{Step: "day", Kind: "wait"},
		{Step: "wait_4", Kind: "wait"},
		{Step: "w", Kind: "wait_for"},
		{Step: "s", Kind: "split"},
		{Step: "up", Kind: "journey"},
		{Step: "h", Kind: "webhook"},
	}, d.Rests())
	require.Equal(t, []string{"customer:birthday", "customer:timezone"}, triggered(t, "{date: {attribute: birthday}}").Mentions())
	require.Equal(t, []string{"customer:birthday"}, triggered(t, "{date: {attribute: birthday, zone: workspace}}").Mentions())
	require.Empty(t, triggered(t, `{audience: {rule: 'segment("vip")', once: true}}`).Mentions())
}

func TestListensAtTheStart(t *testing.T) {
	t.Parallel()
	d := simple(t, `{split: {id: s, arms: {a: {share: 50%, steps: [{wait_for: {event: in_a, timeout: 1d}}]}, b: 10%, winner: rest}, by: clicks, after: 1h}},
		{repeat: {max: 2, steps: [{branch: [{when: customer.vip, steps: [{wait: 1h}]}]}, {wait: {until: entry.day, if_past: skip}}, {wait_for: {event: skipped, timeout: 1d}},
		{wait_for: {rule: 'customer.score > 1', timeout: 1d}}, {webhook: {url: "https://a.example", wait: true}}, {wait_for: {event: later, timeout: 1d}}]}}`)
	require.Equal(t, []string{
		"changed:customer:*", "changed:customer:score", "changed:customer:timezone", "in_a", "lost", "skipped", "webhook_answered", "won",
	}, start(d).ListensTo)
}

func TestCarry(t *testing.T) {
	t.Parallel()
	old := simple(t, `{decide: {id: offer, first: [{when: customer.vip, value: 1}, {else: 2}]}}, {repeat: {id: r, max: 5, steps: [{email: {id: m, template: a}}, {wait: {id: pause, for: 5d}}]}}`)
	j, _ := begin(old, campaign.Facts{}, t0)
	now := t0.Add(2*day + time.Nanosecond)
	t.Run("Shortened", func(t *testing.T) {
		t.Parallel()
		to := simple(t, `{decide: {id: gift, first: [{when: customer.vip, value: 1}]}}, {repeat: {id: again, max: 2, steps: [{email: {id: mail, template: a}}, {wait: {id: rest, for: 1d}}]}}, {update: {set: {a: gift.value}}}`)
		moved, ok, _ := campaign.Carry(to, j, map[string]string{"offer": "gift", "r": "again", "m": "mail", "pause": "rest"}, now)
		require.True(t, ok)
		require.Equal(t, "pause", j.Position.Step)
		require.Equal(t, t0.Add(2*day), moved.DueAt)
		require.Equal(t, map[string]int{"again": 1, "mail": 1, "rest": 1}, moved.Position.Passes)
		moved, effects := campaign.Advance(to, moved, campaign.Facts{}, now)
		require.Equal(t, 2, of[campaign.PlanEmail](effects)[0].Iteration)
		require.Equal(t, t0.Add(3*day), moved.DueAt, "who has waited long enough goes on now, and waits from now")
		_, effects = campaign.Advance(to, moved, campaign.Facts{}, t0.Add(3*day))
		require.Equal(t, map[string]any{"a": int64(2)}, of[campaign.UpdateCustomer](effects)[0].Set)
	})
	t.Run("Lengthened", func(t *testing.T) {
		t.Parallel()
		to := simple(t, `{wait: {id: pause, for: 9d}}`)
		moved, ok, _ := campaign.Carry(to, j, nil, now)
		require.True(t, ok)
		moved, _ = campaign.Advance(to, moved, campaign.Facts{}, now)
		require.Equal(t, t0.Add(9*day), moved.DueAt)
	})
	t.Run("AnotherKindThatWaits", func(t *testing.T) {
		t.Parallel()
		to := simple(t, `{wait_for: {id: pause, event: x, timeout: 9d}}`)
		moved, ok, _ := campaign.Carry(to, j, nil, now)
		require.True(t, ok)
		require.Equal(t, []string{"lost", "won", "x"}, moved.ListensTo)
	})
	t.Run("BeforeTheStart", func(t *testing.T) {
		t.Parallel()
		_, ok, _ := campaign.Carry(simple(t, `{wait: 9d}`), start(old), nil, now)
		require.True(t, ok)
	})
	for steps, reason := range map[string]string{
		`{wait: 1d}`:                        "step pause does not exist in this version of the campaign",
		`{email: {id: pause, template: a}}`: "nothing waits at step pause in this version of the campaign",
	} {
		same, ok, why := campaign.Carry(simple(t, steps), j, nil, now)
		require.False(t, ok)
		require.Equal(t, reason, why)
		require.Equal(t, j, same)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	split := func(extra string) *campaign.SplitStep {
		d := simple(t, `{split: {id: s, arms: {a: 10%, b: 10%, c: 10%, winner: rest}, by: clicks, after: 4h`+extra+`}}`)
		return d.Steps[0].(*campaign.SplitStep)
	}
	count := func(arm string, hits, reached int) campaign.ArmCount {
		return campaign.ArmCount{Arm: arm, Hits: hits, Reached: reached}
	}
	for name, c := range map[string]struct {
		extra  string
		counts []campaign.ArmCount
		want   campaign.Winner
	}{
		"Better": {"", []campaign.ArmCount{count("b", 80, 1000), count("a", 50, 1000), count("c", 20, 1000)}, campaign.Winner{
			Arm: "b", Reason: "b wins by clicks: b with 80 of 1000 (8.00%) did best, before a with 50 of 1000 (5.00%): z = 2.721, p = 0.0065, under 0.05",
		}},
		"NotBetterEnough": {", alpha: 0.001", []campaign.ArmCount{count("b", 80, 1000), count("a", 50, 1000)}, campaign.Winner{
			Arm: "a", Reason: "a wins by default: by clicks, b with 80 of 1000 (8.00%) did best, before a with 50 of 1000 (5.00%): z = 2.721, p = 0.0065, not under 0.001",
		}},
		"Default": {", default: c", []campaign.ArmCount{count("b", 51, 1000), count("a", 50, 1000), count("c", 0, 1000)}, campaign.Winner{
			Arm: "c", Reason: "c wins by default: by clicks, b with 51 of 1000 (5.10%) did best, before a with 50 of 1000 (5.00%): z = 0.102, p = 0.9187, not under 0.05",
		}},
		"Nobody": {"", nil, campaign.Winner{
			Arm: "a", Reason: "a wins by default: by clicks, a with 0 of 0 (0.00%) did best, before b with 0 of 0 (0.00%): z = 0.000, p = 1.0000, not under 0.05",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, split(c.extra).Choose(c.counts))
		})
	}
}
