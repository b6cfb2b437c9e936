package sms_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/sms"
)

// desk is a ledger and a sender that keep what they are asked.
type desk struct {
	settings channels.TelephonySettings
	last     string
	answers  map[string]channels.SegmentsTaken // by sender; one that is missing may send
	broken   error
	asked    []string
	sent     []channels.SMSMessage
}

func (d *desk) SMSPlan(context.Context, int64, string) (channels.TelephonySettings, string, error) {
	return d.settings, d.last, d.broken
}

func (d *desk) TakeSegments(_ context.Context, _ int64, q channels.SegmentQuota) (channels.SegmentsTaken, error) {
	d.asked = append(d.asked, q.Sender)
	if taken, ok := d.answers[q.Sender]; ok {
		return taken, nil
	}
	return channels.SegmentsTaken{OK: true}, nil
}

func (d *desk) Send(_ context.Context, m *channels.SMSMessage) (channels.Receipt, error) {
	d.sent = append(d.sent, *m)
	return channels.Receipt{ProviderID: "SM1", Segments: sms.Count(m.Body).Parts}, nil
}

func (d *desk) Find(_ context.Context, m *channels.SMSMessage, _ time.Time) (channels.Receipt, error) {
	d.sent = append(d.sent, *m)
	return channels.Receipt{ProviderID: "SM1", Segments: 1}, nil
}

func (d *desk) Connections() int { return 7 }

const (
	kyivstar = "+380671234567"
	newYork  = "+12125551234"
)

func TestRouterSenders(t *testing.T) {
	t.Parallel()
	kyiv := channels.SMSSenderSettings{From: "+380441112233", Countries: []string{"UA"}, Rate: 1}
	lviv := channels.SMSSenderSettings{From: "+380321112233", Countries: []string{"UA"}, Rate: 1}
	name := channels.SMSSenderSettings{From: "Shop"}
	us := channels.SMSSenderSettings{From: "+12125550000", Countries: []string{"US"}}
	full := channels.SegmentsTaken{Wait: 9 * time.Second}
	for title, tc := range map[string]struct {
		senders []channels.SMSSenderSettings
		last    string
		answers map[string]channels.SegmentsTaken
		to      string
		want    []string // any of them
		wait    time.Duration
		refused string
	}{
		"none configured":             {to: kyivstar, want: []string{"+15005550006"}},
		"of the country":              {senders: []channels.SMSSenderSettings{name, us, kyiv}, to: kyivstar, want: []string{kyiv.From}},
		"of no country in particular": {senders: []channels.SMSSenderSettings{us, name}, to: kyivstar, want: []string{"Shop"}},
		"no name to the US":           {senders: []channels.SMSSenderSettings{name}, to: newYork, refused: "no sender may write to US: add one to telephony.senders"},
		"the same number again":       {senders: []channels.SMSSenderSettings{kyiv, lviv}, last: lviv.From, to: kyivstar, want: []string{lviv.From}},
		"the same, the other order":   {senders: []channels.SMSSenderSettings{kyiv, lviv}, last: kyiv.From, to: kyivstar, want: []string{kyiv.From}},
		"one that is gone":            {senders: []channels.SMSSenderSettings{kyiv, lviv}, last: "+380631112233", to: kyivstar, want: []string{kyiv.From, lviv.From}},
		"another where one is busy":   {senders: []channels.SMSSenderSettings{kyiv, lviv}, answers: map[string]channels.SegmentsTaken{kyiv.From: full}, to: kyivstar, want: []string{lviv.From}},
		"hers is busy": {
			senders: []channels.SMSSenderSettings{kyiv, lviv}, last: kyiv.From, answers: map[string]channels.SegmentsTaken{kyiv.From: full},
			to: kyivstar, wait: 9 * time.Second, refused: "next in 9s",
		},
		"hers has had its day": {
			senders: []channels.SMSSenderSettings{kyiv, lviv}, last: kyiv.From,
			answers: map[string]channels.SegmentsTaken{kyiv.From: {Wait: time.Hour, Used: true}}, to: kyivstar, want: []string{lviv.From},
		},
		"all are busy": {
			senders: []channels.SMSSenderSettings{kyiv, lviv},
			answers: map[string]channels.SegmentsTaken{kyiv.From: full, lviv.From: {Wait: 7 * time.Second}},
			to:      kyivstar, wait: 7 * time.Second, refused: "next in 7s",
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			d := &desk{settings: channels.TelephonySettings{Senders: tc.senders}, last: tc.last, answers: tc.answers}
			r := sms.NewRouter(d, d)
			receipt, err := r.Send(t.Context(), &channels.SMSMessage{To: tc.to, From: "+15005550006", Body: "Hello", Workspace: 1})
			if tc.refused != "" {
				failure := sendError(t, err)
				require.Contains(t, failure.Detail, tc.refused)
				require.Equal(t, tc.wait, failure.RetryAfter)
				require.Empty(t, d.sent)
				if tc.wait > 0 {
					require.Equal(t, channels.Temporary, failure.Kind)
				} else {
					require.Equal(t, channels.BadMessage, failure.Kind)
				}
				return
			}
			require.NoError(t, err)
			require.Len(t, d.sent, 1)
			require.Contains(t, tc.want, d.sent[0].From)
			require.Equal(t, d.sent[0].From, receipt.Sender)
			require.NotEmpty(t, receipt.Cost)
		})
	}
}

func TestRouterRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ж", 67*2+1)
	for title, tc := range map[string]struct {
		settings channels.TelephonySettings
		to, body string
		refused  string
	}{
		"blocked":     {channels.TelephonySettings{Block: []string{"UA"}}, kyivstar, "Hi", "among the countries that telephony.block names"},
		"not allowed": {channels.TelephonySettings{Allow: []string{"PL"}}, kyivstar, "Hi", "no text messages go to UA: only to PL"},
		"allowed":     {channels.TelephonySettings{Allow: []string{"UA"}}, kyivstar, "Hi", ""},
		"nowhere":     {channels.TelephonySettings{Allow: []string{"UA"}}, "+99999999999", "Hi", "a number of no known country"},
		"too long":    {channels.TelephonySettings{MaxSegments: 2}, kyivstar, long, "3 segments (UCS-2, 135 units), at most 2"},
		"just fits":   {channels.TelephonySettings{MaxSegments: 3}, kyivstar, long, ""},
		"folded": {
			channels.TelephonySettings{MaxSegments: 1, SmartEncoding: true}, kyivstar, "“" + strings.Repeat("a", 158) + "”", "",
		},
		"not folded": {channels.TelephonySettings{MaxSegments: 1}, kyivstar, "“" + strings.Repeat("a", 158) + "”", "3 segments"},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			d := &desk{settings: tc.settings}
			_, err := sms.NewRouter(d, d).Send(t.Context(), &channels.SMSMessage{To: tc.to, From: "+15005550006", Body: tc.body})
			if tc.refused == "" {
				require.NoError(t, err)
				return
			}
			failure := sendError(t, err)
			require.Equal(t, channels.BadMessage, failure.Kind)
			require.Contains(t, failure.Detail, tc.refused)
			require.Empty(t, d.sent)
		})
	}
}

func TestRouterWaits(t *testing.T) {
	t.Parallel()
	d := &desk{settings: channels.TelephonySettings{Senders: []channels.SMSSenderSettings{{From: "+380441112233", Rate: 1}}}}
	d.answers = map[string]channels.SegmentsTaken{"+380441112233": {OK: true, Wait: time.Hour}}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("the program stops")
	cancel(stopped)
	_, err := sms.NewRouter(d, d).Send(ctx, &channels.SMSMessage{To: kyivstar, Body: "Hi"})
	require.Equal(t, channels.Temporary, sendError(t, err).Kind)
	require.ErrorIs(t, err, stopped)
	require.Empty(t, d.sent)

	d = &desk{broken: errors.New("no database")}
	_, err = sms.NewRouter(d, d).Send(t.Context(), &channels.SMSMessage{To: kyivstar, Body: "Hi"})
	require.Equal(t, channels.Temporary, sendError(t, err).Kind)
	_, err = sms.NewRouter(d, d).Find(t.Context(), &channels.SMSMessage{To: kyivstar, Body: "Hi"}, time.Now())
	require.Equal(t, channels.Temporary, sendError(t, err).Kind)
}

// What is looked for after a lost answer is what was sent.
func TestRouterFinds(t *testing.T) {
	t.Parallel()
	d := &desk{settings: channels.TelephonySettings{SmartEncoding: true}}
	r := sms.NewRouter(d, d)
	m := &channels.SMSMessage{To: newYork, From: "+15005550006", Body: "“Hi”"}
	_, err := r.Send(t.Context(), m)
	require.NoError(t, err)
	receipt, err := r.Find(t.Context(), m, time.Now())
	require.NoError(t, err)
	require.Equal(t, "0.0083", receipt.Cost)
	require.Equal(t, `"Hi"`, d.sent[0].Body)
	require.Equal(t, d.sent[0].Body, d.sent[1].Body)
	require.Equal(t, "“Hi”", m.Body)
	require.Equal(t, 7, r.Connections())
}

func TestCost(t *testing.T) {
	t.Parallel()
	own := map[string]decimal.Decimal{"UA": decimal.RequireFromString("0.1"), "*": decimal.RequireFromString("2")}
	for title, tc := range map[string]struct {
		settings channels.TelephonySettings
		to       string
		segments int
		want     string
	}{
		"estimate":             {channels.TelephonySettings{}, newYork, 3, "0.0249"},
		"anywhere":             {channels.TelephonySettings{}, "+8801712345678", 1, "0.15"},
		"own, exactly":         {channels.TelephonySettings{Prices: own}, kyivstar, 3, "0.3"},
		"own, anywhere":        {channels.TelephonySettings{Prices: own}, newYork, 1, "2"},
		"one price, estimates": {channels.TelephonySettings{Prices: map[string]decimal.Decimal{"UA": own["UA"]}}, newYork, 1, "0.0083"},
		"hryvnias":             {channels.TelephonySettings{Prices: own, Currency: "UAH"}, newYork, 2, "4"},
		"nothing":              {channels.TelephonySettings{}, newYork, 0, "0"},
	} {
		require.Equal(t, tc.want, sms.Cost(&tc.settings, tc.to, tc.segments), title)
	}
}

func TestFoldAsTwilioPublished(t *testing.T) {
	t.Parallel()
	var published map[string]string
	require.NoError(t, json.Unmarshal(testData(t, "sms/smart_encoding_map.json"), &published))
	require.NotEmpty(t, published)
	for from, to := range published {
		require.Equal(t, "a"+to+"b", sms.Fold("a"+from+"b"), "%q", from)
	}
	require.Equal(t, "Їжак ç 😀", sms.Fold("Їжак ç 😀"))
	require.Equal(t, sms.Segments{Encoding: sms.GSM7, Units: 11, Parts: 1}, sms.CountFor("“Hi”, me…", true))
}
