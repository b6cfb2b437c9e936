package rehearse_test

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
	"dotyk/starter/rehearse"
)

func journeys(t *testing.T) (fs.FS, []string) {
	t.Helper()
	files := os.DirFS("../examples/journeys")
	names, err := fs.Glob(files, "*.scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return files, names
}

func TestJourneys(t *testing.T) {
	t.Parallel()
	files, names := journeys(t)
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".scenario.yaml"), func(t *testing.T) {
			t.Parallel()
			o := rehearse.File(t.Context(), files, name)
			require.Empty(t, o.Error)
			for _, d := range o.Differences {
				t.Error(d.String())
			}
			t.Logf("%.1f ms, %d entries", o.Millis, len(o.Log))
		})
	}
}

// TestNewsletterReplayed plays the newsletter with the customers the other way round: each must be in the same group.
func TestNewsletterReplayed(t *testing.T) {
	t.Parallel()
	files, _ := journeys(t)
	groups := func(o rehearse.Outcome) map[string]string {
		in := map[string]string{}
		for _, e := range o.Log {
			if e.Kind == rehearsal.HeldOut || e.Kind == rehearsal.Sent {
				in[e.Customer] = fmt.Sprint(e.Kind, e.Step, e.At)
			}
		}
		return in
	}
	once := rehearse.File(t.Context(), files, "j10-newsletter-test.scenario.yaml")
	src, err := fs.ReadFile(files, "j10-newsletter-test.scenario.yaml")
	require.NoError(t, err)
	s, err := rehearsal.Read(src)
	require.NoError(t, err)
	slices.Reverse(s.Customers)
	loaded, err := campaigns.Load(files, s.Campaigns[0], campaigns.Known{})
	require.NoError(t, err)
	again, err := s.Play([]*campaign.Definition{loaded.Definition}, nil)
	require.NoError(t, err)
	require.Len(t, groups(once), 9500)
	require.Equal(t, groups(once), groups(rehearse.Outcome{Log: again.Log}))
}

// TestPoolRunsOut has a pool with one code for two customers: what shows the code is not sent with a hole.
func TestPoolRunsOut(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"gift.yaml": {Data: []byte(`
campaign: gift
trigger: {event: registered}
topic: news
steps:
  - coupon: {id: gift, pool: spring}
  - email: {id: mail, subject: "Your code {{ gift.code }}", text: Hi, fallback: {sms: {id: plain, text: Happy birthday}}}
  - email: {id: alone, subject: Hi, text: "{{ gift.code }}"}
  - email: {id: careful, subject: "Hi{% if gift.code %}, {{ gift.code }}{% endif %}", text: "{{ gift.code | default: 'HELLO' }}"}
`)},
		"gift.scenario.yaml": {Data: []byte(`
scenario: the pool runs out
campaigns: [gift.yaml]
start: 2026-01-05T09:00:00Z
pools: {spring: [AAA]}
customers:
  ann: {email: ann@example.com, phone: "+380501111111"}
  bob: {email: bob@example.com, phone: "+380502222222"}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T11:00:00Z, customer: bob, event: registered}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: mail, text: Your code AAA}
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: alone, text: AAA}
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: careful, text: "Hi, AAA"}
  - {at: 2026-01-05T11:00:00Z, customer: bob, sms: plain}
  - {at: 2026-01-05T11:00:00Z, customer: bob, email: careful, text: HELLO}
nothing_else: true
`)},
	}
	o := rehearse.File(t.Context(), files, "gift.scenario.yaml")
	require.Empty(t, o.Error)
	require.Empty(t, o.Differences)
	var held []string
	for _, e := range o.Log {
		if e.Kind == rehearsal.Suppressed {
			held = append(held, e.Customer+" "+e.Step+": "+e.Reason)
		}
	}
	const why = "its coupon has no code: the pool spring is empty"
	require.Equal(t, []string{"bob mail: " + why, "bob alone: " + why}, held)
}
