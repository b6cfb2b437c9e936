package tracking_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/tracking"
	"dotyk/rules/audience"
)

const (
	chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"
	gmail  = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
)

var sent = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// row is an observation so many seconds after the message was handed over.
type row struct {
	after   float64
	kind    tracking.Kind
	url     string
	agent   string
	head    bool
	network string
	want    tracking.Verdict
	why     string // the first reason
}

func TestJudge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rows       []row
		domain     string
		neighbours int
		unsent     bool
	}{
		"a person reads at leisure": {rows: []row{
			{after: 3600, kind: tracking.Open, agent: chrome, want: tracking.Human},
			{after: 3620, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
			{after: 3660, kind: tracking.Click, url: "b", agent: chrome, want: tracking.Human},
			{after: 3661, kind: tracking.Click, url: "b", agent: chrome, want: tracking.Human},
		}},
		"Gmail shows the picture to a person": {rows: []row{{after: 60, kind: tracking.Open, agent: gmail, want: tracking.Human}}},
		"Apple fetches the picture, a person clicks hours later": {rows: []row{
			{after: 2, kind: tracking.Open, agent: "Mozilla/5.0", want: tracking.Machine, why: "Apple's mail privacy proxy fetches every picture"},
			{after: 7200, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
		}},
		"a gateway follows every link, with a browser's name": {rows: []row{
			{after: 30, kind: tracking.Click, url: "a", agent: chrome, network: "n1", want: tracking.Scanner, why: "3 different links within 2s"},
			{after: 30.4, kind: tracking.Click, url: "b", agent: chrome, network: "n2", want: tracking.Scanner, why: "3 different links within 2s"},
			{after: 31.9, kind: tracking.Click, url: "c", agent: chrome, network: "n3", want: tracking.Scanner, why: "3 different links within 2s"},
			{after: 4000, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
		}},
		"one link again and again is a person's double click": {rows: []row{
			{after: 30, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
			{after: 30.2, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
			{after: 30.4, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
		}},
		"a HEAD gives away the GET after it": {rows: []row{
			{after: 40, kind: tracking.Click, url: "a", agent: chrome, head: true, network: "n", want: tracking.Scanner, why: "HEAD request"},
			{after: 41, kind: tracking.Click, url: "a", agent: chrome, network: "n", want: tracking.Scanner, why: "the same program did what only machines do"},
			{after: 41, kind: tracking.Click, url: "a", agent: chrome, network: "m", want: tracking.Human},
		}},
		"the honeypot gives away the click before it": {rows: []row{
			{after: 40, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Scanner, why: "the same program did what only machines do"},
			{after: 42, kind: tracking.Honeypot, agent: chrome, want: tracking.Scanner, why: "a link that no person sees"},
		}},
		"too fast for a person": {rows: []row{
			{after: 4.9, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Scanner, why: "4.9s after the message was handed over"},
			{after: -1, kind: tracking.Open, agent: chrome, want: tracking.Scanner, why: "before the message was handed over"},
		}},
		"just not too fast": {rows: []row{{after: 5, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human}}},
		"never handed over": {unsent: true, rows: []row{
			{after: 100, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Scanner, why: "before the message was handed over"},
		}},
		"programs that say so": {rows: []row{
			{after: 100, kind: tracking.Click, url: "a", agent: "Mozilla/5.0 (compatible; Proofpoint URL Defense)", want: tracking.Scanner, why: "user agent of Proofpoint"},
			{after: 200, kind: tracking.Click, url: "a", agent: "python-requests/2.32", want: tracking.Scanner, why: "user agent of a Python program"},
			{after: 300, kind: tracking.Click, url: "a", agent: "", want: tracking.Human, why: "no user agent"},
		}},
		"a whole company at once, soon after": {domain: "corp.example", neighbours: 4, rows: []row{
			{after: 20, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Scanner, why: "links of 5 messages to corp.example within 10s"},
		}},
		"a company at its desks in the morning": {domain: "corp.example", neighbours: 9, rows: []row{
			{after: 7200, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human, why: "links of 10 messages to corp.example within 10s"},
		}},
		"customers of a provider": {domain: "gmail.com", neighbours: 900, rows: []row{
			{after: 20, kind: tracking.Click, url: "a", agent: chrome, want: tracking.Human},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var same []tracking.Observation
			for i, r := range c.rows {
				same = append(same, tracking.Observation{
					ID: fmt.Sprint(i), Kind: r.kind, Head: r.head, URL: r.url, UserAgent: r.agent, Network: r.network,
					At: sent.Add(time.Duration(r.after * float64(time.Second))), Domain: c.domain,
				})
			}
			for i, r := range c.rows {
				s := tracking.Seen{Observation: same[i], SentAt: sent, Same: same, Neighbours: c.neighbours}
				if c.unsent {
					s.SentAt = time.Time{}
				}
				got := tracking.Judge(s)
				require.Equal(t, r.want, got.Verdict, "observation %d: %v", i, got)
				if r.why == "" {
					require.Empty(t, got.Reasons)
				} else {
					require.Equal(t, r.why, got.Reasons[0])
				}
			}
		})
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	with := func(value any) audience.Customer {
		return audience.Customer{Attributes: map[string]any{tracking.NoTracking: value}}
	}
	require.True(t, tracking.Allowed(channels.TrackingSettings{}, audience.Customer{}, true))
	require.True(t, tracking.Allowed(channels.TrackingSettings{}, with(false), true))
	require.False(t, tracking.Allowed(channels.TrackingSettings{}, audience.Customer{}, false))
	require.False(t, tracking.Allowed(channels.TrackingSettings{Off: true}, audience.Customer{}, true))
	require.False(t, tracking.Allowed(channels.TrackingSettings{}, with(true), true))
}
