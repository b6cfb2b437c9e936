package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
)

// waiting waits for an order of the cart that was left, and thanks or nudges.
func waiting(name, trigger, timeout string) string {
	return fmt.Sprintf(`
campaign: %s
trigger: {event: %s, when: event.cart_id != ""}
transactional: true
steps:
  - email: {id: reminder, subject: "Your cart {{ entry.cart_id }}", text: "It waits."}
  - wait_for: {id: bought, event: cart_ordered, when: event.cart_id == entry.cart_id, timeout: %s}
  - branch:
      - when: bought.happened
        steps:
          - email: {id: thanks, subject: "Thank you for order {{ bought.order_id }}", text: "It is on its way."}
          - exit: bought
      - else:
          - sms: {id: nudge, text: "Cart {{ entry.cart_id }} still waits."}
`, name, trigger, timeout)
}

func testWaitMet(t *testing.T, s *shop) {
	require.Equal(t, "published campaign wait-met as version 1\n", s.publish(t, waiting("wait-met", "cart_left", "1h")))
	who := newPerson("met")
	s.send(t, who.identify(), track(who.id, "cart_left", object{"cart_id": "c1"}))
	require.Equal(t, "Your cart c1", subject(awaitMail(t, s.mail, who.email, 1)))

	s.send(t, track(who.id, "cart_ordered", object{"cart_id": "another", "order_id": "o0"}))
	s.send(t, track(who.id, "cart_ordered", object{"cart_id": "c1", "order_id": "o1"}))
	require.Equal(t, "Thank you for order o1", subject(awaitMail(t, s.mail, who.email, 2)))
	s.awaitTouch(t, who.id, "thanks", "accepted")
	require.Empty(t, s.texts(t, who.phone))

	r := s.record(t, who.id)
	require.Equal(t, []string{"exited (bought)"}, journeys(r))
	require.Equal(t, []string{
		"trigger: entered, because cart_left happened and the rule holds",
		"wait_for bought: happened, because cart_ordered happened on DATE",
		"branch branch_3: arm_1, because bought.happened held",
		"exit exit_3_1_2: bought, because the exit was reached: entered when cart_left happened; at branch_3, bought.happened",
	}, decisions(r))
}

func testWaitTimesOut(t *testing.T, s *shop) {
	s.publish(t, waiting("wait-missed", "cart_forgotten", "1s"))
	who := newPerson("missed")
	s.send(t, who.identify(), track(who.id, "cart_forgotten", object{"cart_id": "c2"}))
	awaitMail(t, s.mail, who.email, 1)
	require.Equal(t, "Cart c2 still waits.", s.awaitText(t, who.phone, 1).Body)
	s.awaitTouch(t, who.id, "nudge", "delivered")
	s.send(t, track(who.id, "cart_ordered", object{"cart_id": "c2"})) // too late to matter

	r := s.record(t, who.id)
	require.Equal(t, []string{"finished"}, journeys(r))
	require.Equal(t, []string{
		"trigger: entered, because cart_forgotten happened and the rule holds",
		"wait_for bought: timed_out, because cart_ordered did not happen within 1s",
		"branch branch_3: else, because no rule of the branch held",
	}, decisions(r))
	require.Len(t, mailTo(s.mail, who.email), 1)
}

func testPause(t *testing.T, s *shop) {
	s.publish(t, `
campaign: pausing
trigger: {event: pausing_started}
transactional: true
steps:
  - email: {id: before, subject: Before, text: Hello.}
  - wait: 2s
  - email: {id: after, subject: After, text: Hello again.}
`)
	inside, outside := newPerson("inside"), newPerson("outside")
	s.send(t, inside.identify(), outside.identify(), track(inside.id, "pausing_started", nil))
	awaitMail(t, s.mail, inside.email, 1)
	require.Equal(t, "campaign pausing is paused\n", s.succeed(t, "campaign", "pause", "pausing"))
	require.Regexp(t, `(?m)^pausing +paused +1 +1 +0 +1 `, s.succeed(t, "campaign", "list"))
	s.send(t, track(outside.id, "pausing_started", nil))
	never(t, 3*time.Second, func() bool {
		return len(mailTo(s.mail, inside.email))+len(mailTo(s.mail, outside.email)) > 1
	}, "something was sent while the campaign was paused")

	require.Equal(t, "campaign pausing is live\n", s.succeed(t, "campaign", "resume", "pausing"))
	require.Equal(t, "After", subject(awaitMail(t, s.mail, inside.email, 2)))
	eventually(t, func() bool { return journeys(s.record(t, inside.id))[0] == "finished" }, "the journey did not end")
	require.Empty(t, s.record(t, outside.id).Journeys, "nobody enters a paused campaign, not even later")
}

func testPublish(t *testing.T, s *shop) {
	dir := files(t, map[string]string{
		"launch.yaml": `
campaign: launch
trigger: {event: launch_wanted}
reenter: always
transactional: true
steps:
  - email: {id: news, template: launch}
`,
		"templates/launch.html": "---\nsubject: \"{{ entry.what }} is here\"\n---\n<p>Look, {{ customer.name }}!</p>\n",
		"templates/launch.txt":  "Look!\n",
	})
	file := filepath.Join(dir, "launch.yaml")
	require.Contains(t, s.succeed(t, "campaign", "check", file), "campaign launch is fine")
	require.Equal(t, "published campaign launch as version 1\n", s.succeed(t, "campaign", "publish", file))
	require.Equal(t, "campaign launch is live as version 1; nothing changed\n", s.succeed(t, "campaign", "publish", file))

	who := newPerson("launch")
	s.send(t, who.identify(), track(who.id, "launch_wanted", object{"what": "Tea & more"}))
	m := awaitMail(t, s.mail, who.email, 1)
	require.Equal(t, "Tea & more is here", m.Subject())
	require.Contains(t, m.HTML, "Look, "+who.id+"!")
	require.Equal(t, "Look!", strings.TrimSpace(m.Text))
	require.Empty(t, m.Header.Get("List-Unsubscribe"), "a service message has nothing to unsubscribe from")

	// A template that changes is a new version, although the campaign file is the same.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "templates", "launch.html"),
		[]byte("---\nsubject: Second edition\n---\n<p>Look!</p>\n"), 0o600))
	require.Equal(t, "published campaign launch as version 2; journeys under way stay on theirs\n",
		s.succeed(t, "campaign", "publish", file))
	s.send(t, track(who.id, "launch_wanted", object{"what": "Tea"}))
	require.Equal(t, "Second edition", subject(awaitMail(t, s.mail, who.email, 2)))
	require.Equal(t, 2, s.awaitTouch(t, who.id, "news", "accepted").Version)
}

// testBadCampaign wants faults to be listed with their places, all of them at once, and nothing to be kept.
func testBadCampaign(t *testing.T, s *shop) {
	bad := files(t, map[string]string{
		"bad.yaml": `campaign: broken
trigger: {event: broken_wanted, when: customer.emial == 5 and}
topic: news
steps:
  - email: {id: hello, template: nowhere}
  - wait_for: {id: bought, event: order_completed}
  - wiat: 2d
`,
		"templates/unused.html": "---\nsubject: x\n---\nx",
	})
	file := filepath.Join(bad, "bad.yaml")
	r := s.command(t, "campaign", "publish", file)
	require.Equal(t, 1, r.code)
	require.Empty(t, r.stdout)
	for _, place := range []string{"line 2, column", "line 6, column", "line 7, column"} {
		require.Contains(t, r.stderr, place)
	}
	require.Contains(t, r.stderr, "no timeout")
	require.Contains(t, r.stderr, `"wait"`, "what was probably meant")
	asJSON := s.command(t, "campaign", "check", "--json", file)
	require.Equal(t, 1, asJSON.code)
	require.Contains(t, asJSON.stdout, `"code": "missing_timeout"`)
	require.Contains(t, asJSON.stdout, `"line": 6`)

	missing := s.command(t, "campaign", "publish", filepath.Join(files(t, map[string]string{"m.yaml": `
campaign: broken
trigger: {event: broken_wanted}
transactional: true
steps: [{email: {id: hello, template: nowhere}}]
`}), "m.yaml"))
	require.Equal(t, 1, missing.code)
	require.Contains(t, missing.stderr, "nowhere")
	require.Zero(t, s.count(t, `SELECT count(*) FROM campaigns WHERE name = 'broken'`))
	require.Zero(t, s.count(t, `SELECT count(*) FROM templates WHERE name = 'unused'`))

	absent := s.command(t, "campaign", "publish", "no-such-file.yaml")
	require.Equal(t, 1, absent.code)
	require.Contains(t, absent.stderr, "there is no file no-such-file.yaml")
	unknown := s.command(t, "campaign", "pause", "no-such-campaign")
	require.Equal(t, 1, unknown.code)
	require.Contains(t, unknown.stderr, "no-such-campaign")
}

//nolint:gochecknoglobals // a constant in all but name
var moment = regexp.MustCompile(`\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?`)

// decisions tells a record's decisions, oldest first.
func decisions(r store.Record) []string {
	var told []string
	for _, e := range r.Timeline {
		if e.Channel == "decision" {
			told = append(told, fmt.Sprintf("%s: %s, because %s", strings.TrimSpace(e.Name+" "+e.Step), e.Summary,
				moment.ReplaceAllString(e.Reason, "DATE")))
		}
	}
	return told
}

// journeys tells how a record's journeys stand, oldest first.
func journeys(r store.Record) []string {
	var told []string
	for _, j := range r.Journeys {
		line := j.Status
		if j.ExitReason != "" && j.ExitReason != j.Status {
			line += " (" + j.ExitReason + ")"
		}
		told = append(told, line)
	}
	return told
}
