package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
)

// TestJourneysKilled kills the product while people of five of the ten campaigns wait, and starts it again when some of
// the waits are over and some are not. Everybody is sent everything once, and nothing else.
func TestJourneysKilled(t *testing.T) {
	t.Parallel()
	const each = 10
	out := startSinks(t, 10)
	p := startProduct(t, "journeys-kill", out.env, "--examples=false")
	welcome, carts, orders, accounts, letters := p.tenant(t, out, "welcome"), p.tenant(t, out, "carts"), p.tenant(t, out, "orders"),
		p.tenant(t, out, "accounts"), p.tenant(t, out, "letters")
	all := []*tenant{welcome, carts, orders, accounts, letters}
	welcome.fast(t, "j01-welcome-series", "24h", "4s", "48h", "10s")
	carts.fast(t, "j02-abandoned-cart", "quiet: 1h", "quiet: 4s", "timeout: 3d", "timeout: 60s", "wait: 23h", "wait: 4s", "wait: 24h", "wait: 4s")
	orders.succeed(t, "user", "add", "support@example.com")
	orders.fast(t, "j04-post-purchase", "wait: 2d", "wait: 4s", "wait: 12d", "wait: 4s")
	orders.fast(t, "j04-order-thanks", "timeout: 10d", "timeout: 30s")
	accounts.fast(t, "j09-onboarding", "wait: 1d", "wait: 4s", "wait: 3d", "wait: 4s")

	people := func(c *tenant, happen func(person) []object) []person {
		var made []person
		var events []object
		for range each {
			who := newPerson("waiting")
			made = append(made, who)
			events = append(append(events, who.identify()), happen(who)...)
		}
		c.send(t, events...)
		return made
	}
	readers := people(letters, func(person) []object { return nil })
	letters.settle(t)
	letters.fast(t, "j10-newsletter-test", `, at: "2026-01-05T10:00:00Z"`, "", "holdout: 5%", "holdout: 0.0001%",
		"a: {share: 10.5263%", "a: {share: 40%", "b: {share: 10.5263%", "b: {share: 0.0001%", "after: 4h", "after: 8s")
	welcomed := people(welcome, func(who person) []object {
		return []object{track(who.id, "optin_confirmed", object{"list": "newsletter"})}
	})
	left := people(carts, func(who person) []object {
		return []object{track(who.id, "cart_updated", object{"cart_id": 1, "total": 200, "items": 3})}
	})
	bought := people(orders, func(who person) []object {
		return []object{track(who.id, "order_completed", object{"order_id": who.id})}
	})
	signed := people(accounts, func(who person) []object { return []object{track(who.id, "signed_up", nil)} })
	for i := range each {
		welcome.mailed(t, welcomed[i], 1)
		orders.mailed(t, bought[i], 1)
		accounts.mailed(t, signed[i], 1)
		carts.entered(t, left[i], "abandoned_cart")
		orders.send(t, track(bought[i].id, "order_delivered", object{"order_id": bought[i].id}))
	}
	entered := func() int {
		return letters.count(t, `SELECT count(*) FROM journeys WHERE workspace_id = $1`, letters.workspace)
	}
	eventually(t, func() bool { return entered() == each }, "the readers did not enter")
	quiet := func() bool {
		return p.count(t, `SELECT count(*) FROM touches WHERE status IN ('planned', 'claimed')`) == 0
	}
	eventually(t, quiet, "messages are open")
	waiting := rows[string](t, &p.site, `SELECT w.slug || ': ' || count(*) FROM journeys j JOIN workspaces w ON w.id = j.workspace_id
		WHERE j.status = 'active' GROUP BY w.slug ORDER BY 1`)
	p.kill(t)
	t.Logf("killed while there waited in %s", strings.Join(waiting, ", "))
	never(t, 5*time.Second, func() bool { return p.running() }, "it runs after it was killed")
	began := time.Now()
	p.restart(t)
	for _, c := range all {
		c.settle(t)
	}
	t.Logf("settled %s after the start", time.Since(began).Round(time.Second))
	for i := range each {
		welcome.got(t, welcomed[i], "w1", "w2", "w3")
		carts.got(t, left[i], "c1", "c2", "c3")
		orders.got(t, bought[i], "p1", "p2", "p3")
		accounts.got(t, signed[i], "o1", "o2")
		letters.got(t, readers[i], "letter_a")
	}
	require.Zero(t, p.count(t, `SELECT count(*) FROM touches WHERE status NOT IN ('accepted', 'delivered')`), "uncertain or lost")
}

// TestJourneysChanged changes what journeys stand in while they wait.
func TestJourneysChanged(t *testing.T) {
	t.Parallel()
	out := startSinks(t, 10)
	p := startProduct(t, "journeys-changed", out.env, "--examples=false")
	for name, test := range map[string]func(*testing.T, *tenant){
		"A customer moves to another time zone": testZoneChanged,
		"A campaign is edited":                  testEdited,
		"A campaign is stopped and archived":    testStopped,
		"A version is brought back":             testRollback,
		"Two people edit a draft":               testDraftConflict,
		"Why":                                   testWhy,
		"A hard bounce":                         testHardBounce,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p.tenant(t, out, strings.ReplaceAll(strings.ToLower(name), " ", "-")))
		})
	}
}

// testZoneChanged has two people wait until their clocks show a time: for one it is hours away until she moves to where it
// comes soon, and for the other it comes soon until she moves away.
func testZoneChanged(t *testing.T, c *tenant) {
	kyiv, err := time.LoadLocation("Europe/Kyiv")
	require.NoError(t, err)
	at := soon()
	c.publish(t, fmt.Sprintf(`
campaign: morning
trigger: {event: morning_wanted}
transactional: true
steps:
  - wait: {until: "%s", zone: customer}
  - email: {id: morning, subject: Good morning, text: It is time.}
`, at.In(kyiv).Format("15:04")))
	comes, goes := newPerson("comes"), newPerson("goes")
	lives := func(who person, zone string) object {
		return identify(who.id, object{"email": who.email, "timezone": zone})
	}
	c.send(t, lives(comes, "America/New_York"), lives(goes, "Europe/Kyiv"), track(comes.id, "morning_wanted", nil), track(goes.id, "morning_wanted", nil))
	c.entered(t, comes, "morning")
	c.entered(t, goes, "morning")
	c.send(t, lives(comes, "Europe/Kyiv"), lives(goes, "America/New_York"))
	require.WithinRange(t, c.mailed(t, comes, 1).At, at, at.Add(15*time.Second))
	due := rows[time.Time](t, &c.site, `SELECT due_at FROM journeys WHERE workspace_id = $1 AND status = 'active'`, c.workspace)
	require.Len(t, due, 1)
	require.WithinDuration(t, at.Add(7*time.Hour), due[0], time.Hour, "nine, where she lives now")
	c.got(t, goes)
	c.got(t, comes, "morning")
}

func edited(name, wait, subject string) string {
	return fmt.Sprintf(`
campaign: %s
trigger: {event: %s_wanted}
transactional: true
steps:
  - email: {id: one, subject: First, text: Hello.}
  - wait: {id: pause, for: %s}
  - email: {id: two, subject: %s, text: Hello again.}
`, name, name, wait, subject)
}

// testEdited shortens a wait under people who have waited long enough for the new one.
func testEdited(t *testing.T, c *tenant) {
	for _, policy := range []string{"stay", "move", "exit"} {
		t.Run(policy, func(t *testing.T) {
			t.Parallel()
			name := "edit_" + policy
			c.publish(t, edited(name, "1h", "Old"))
			who := newPerson(policy)
			c.send(t, who.identify(), track(who.id, name+"_wanted", nil))
			c.mailed(t, who, 1)
			eventually(t, func() bool { return c.record(t, who.id).Journeys[0].Step == "pause" }, "the journey does not wait")
			file := filepath.Join(files(t, map[string]string{"c.yaml": edited(name, "1s", "New")}), "c.yaml")
			eventually(t, func() bool { // longer than the new wait takes
				return c.count(t, `SELECT count(*) FROM journeys j JOIN customers p ON p.id = j.customer_id WHERE j.workspace_id = $1
					AND p.external_id = $2 AND j.entered_at < now() - interval '1 second'`, c.workspace, who.id) == 1
			}, "no time passes")
			plan := c.succeed(t, "campaign", "plan", file, "--"+policy)
			said := c.succeed(t, "campaign", "publish", file, "--"+policy, "--yes")
			t.Logf("%s%s", plan, said)
			require.Regexp(t, `1 +pause \(wait\) +1 `, plan)
			switch policy {
			case "stay":
				require.Contains(t, said, "journeys under way stay on theirs")
				never(t, 2*time.Second, func() bool { return len(mailTo(c.out.mail, who.email)) > 1 }, "the wait was cut short")
			case "move":
				require.Contains(t, said, "1 journey goes on in it")
				m := c.mailed(t, who, 2)
				require.Equal(t, "New", m.Subject())
			case "exit":
				require.Contains(t, said, "1 journey left")
				eventually(t, func() bool { return c.record(t, who.id).Journeys[0].Status == "exited" }, "the journey did not leave")
				require.Len(t, mailTo(c.out.mail, who.email), 1)
			}
			require.Contains(t, c.succeed(t, "customer", "why", who.id, name), "journey of")
			after := newPerson("after")
			c.send(t, after.identify(), track(after.id, name+"_wanted", nil))
			m := c.mailed(t, after, 2)
			require.Equal(t, "New", m.Subject(), "who comes later is in the new version")
		})
	}
}

func testStopped(t *testing.T, c *tenant) {
	c.publish(t, edited("halt", "4s", "Second"))
	who := newPerson("halted")
	c.send(t, who.identify(), track(who.id, "halt_wanted", nil))
	c.mailed(t, who, 1)
	refused := c.command(t, "campaign", "archive", "halt")
	require.Equal(t, 1, refused.code)
	require.Contains(t, refused.stderr, "stop it first")
	require.Equal(t, "campaign halt is stopped\n", c.succeed(t, "campaign", "stop", "halt"))
	c.settle(t)
	c.ended(t, who, "halt", rows[string](t, &c.site, `SELECT 'exited ' || exit_reason FROM journeys WHERE workspace_id = $1`, c.workspace)...)
	require.Contains(t, c.succeed(t, "customer", "why", who.id, "halt"), "stopped")
	require.Equal(t, "campaign halt is archived\n", c.succeed(t, "campaign", "archive", "halt"))
	require.NotContains(t, c.succeed(t, "campaign", "list"), "halt")
	late := newPerson("late")
	c.send(t, late.identify(), track(late.id, "halt_wanted", nil))
	c.settle(t)
	c.got(t, late)
	c.got(t, who, "one")
	require.Contains(t, c.succeed(t, "customer", "why", late.id, "halt"), "archived")
}

func testRollback(t *testing.T, c *tenant) {
	c.publish(t, edited("back", "1h", "Old"))
	c.publish(t, strings.ReplaceAll(edited("back", "1h", "New"), "subject: First", "subject: Changed"))
	require.Contains(t, c.succeed(t, "campaign", "diff", "back", "1", "2"), "First")
	require.Contains(t, c.succeed(t, "campaign", "rollback", "back", "1"), "version 3")
	require.Contains(t, c.succeed(t, "campaign", "history", "back"), "version 1 again")
	who := newPerson("back")
	c.send(t, who.identify(), track(who.id, "back_wanted", nil))
	m := c.mailed(t, who, 1)
	require.Equal(t, "First", m.Subject())
	require.Equal(t, 3, c.awaitTouch(t, who.id, "one", "accepted").Version)
}

// testDraftConflict has two people save over the same draft: who comes second is told so, and nothing of hers is kept.
func testDraftConflict(t *testing.T, c *tenant) {
	secret := strings.TrimSpace(c.succeed(t, "key", "create", "--scope", "manage"))
	call := func(method, path, revision, body string) answer {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, c.url+"/api/v1"+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+secret)
		req.Header.Set("Content-Type", "application/json")
		if revision != "" {
			req.Header.Set("If-Match", revision)
		}
		a, err := do(req)
		require.NoError(t, err)
		return a
	}
	text := func(subject string) string { return encode(t, object{"source": edited("draft", "1h", subject)}) }
	const draft = "/campaigns/draft/draft"
	read := call("PUT", draft, "", text("One")).header.Get("ETag")
	require.NotEmpty(t, read)
	first := call("PUT", draft, read, text("Two"))
	require.Equal(t, http.StatusOK, first.status, first.body)
	second := call("PUT", draft, read, text("Three"))
	require.Equal(t, http.StatusPreconditionFailed, second.status, second.body)
	require.Contains(t, second.header.Get("Content-Type"), "application/problem+json")
	require.Equal(t, http.StatusPreconditionFailed, call("PUT", draft, "", text("Four")).status, "as a new one")
	require.Equal(t, http.StatusPreconditionFailed, call("POST", "/campaigns/draft/publish", read, "{}").status, "a draft that has changed")
	published := call("POST", "/campaigns/draft/publish", first.header.Get("ETag"), "{}")
	require.Equal(t, http.StatusOK, published.status, published.body)
	var version struct{ Source string }
	require.NoError(t, json.Unmarshal([]byte(call("GET", "/campaigns/draft/versions/1", "", "").body), &version))
	require.Contains(t, version.Source, "subject: Two")
}

// testHardBounce has a mail refused for good between two others: the address is suppressed, and nothing more is sent to it.
func testHardBounce(t *testing.T, c *tenant) {
	c.publish(t, strings.ReplaceAll(edited("bouncing", "2s", "Second"), "transactional: true", "topic: news")+
		"  - wait: 2s\n  - email: {id: three, subject: Third, text: Hello once more.}\n")
	who := newPerson("bouncer")
	c.send(t, who.identify(), track(who.id, "bouncing_wanted", nil))
	c.mailed(t, who, 1)
	c.out.mail.SetFault(func(stage smtptest.Stage, arg string) *smtptest.Fault {
		if stage == smtptest.Rcpt && strings.Contains(arg, who.email) {
			return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	})
	c.settle(t)
	c.got(t, who, "one", "two failed", "three suppressed")
	require.Contains(t, c.succeed(t, "customer", "why", who.id, "bouncing"), "no such user")
}

// testWhy asks why somebody got something, or did not.
func testWhy(t *testing.T, c *tenant) {
	now := time.Now().UTC()
	policy := fmt.Sprintf("caps: [{channel: email, most: 1, within: 7d}]\nquiet: [{channel: sms, from: %q, to: %q}]\n",
		now.Add(-time.Hour).Format("15:04"), now.Add(2*time.Hour).Format("15:04"))
	c.succeed(t, "policy", "set", filepath.Join(files(t, map[string]string{"policy.yaml": policy}), "policy.yaml"))
	c.publish(t, `
campaign: offer
trigger: {event: offered, when: event.total > 100}
topic: offers
reenter: always
steps:
  - email: {id: mail, subject: Offer, text: "Look. {{ unsubscribe_url }}"}
`)
	c.publish(t, `
campaign: texts
trigger: {event: texted}
topic: offers
steps:
  - sms: {id: text, text: "Look. Reply STOP to end."}
`)
	c.publish(t, `
campaign: half
trigger: {event: halved}
topic: offers
holdout: 50%
steps:
  - update: {add_tags: [halved]}
`)
	why := func(who person, campaign string) string {
		t.Helper()
		said := c.succeed(t, "customer", "why", who.id, campaign)
		t.Logf("%s", said)
		return said
	}
	offered := func(who person, total int) object { return track(who.id, "offered", object{"total": total}) }
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	c.send(t, ann.identify(), bob.identify(), cid.identify(),
		identify(dee.id, object{"email": dee.email, "unsubscribed": true}))
	c.send(t, offered(ann, 200), offered(bob, 50), offered(dee, 300), track(cid.id, "texted", nil))
	c.mailed(t, ann, 1)
	c.awaitTouch(t, dee.id, "mail", "suppressed")
	require.Regexp(t, `entered on .* and walked to the end`, why(ann, "offer"))
	require.Regexp(t, `(?s)did not enter.*event\.total.*50`, why(bob, "offer"))
	require.Regexp(t, `did not enter: .*texted`, why(bob, "texts"))
	require.Regexp(t, `was not sent: unsubscribed`, why(dee, "offer"))
	c.send(t, offered(ann, 300))
	eventually(t, func() bool {
		return c.count(t, `SELECT count(*) FROM touches WHERE workspace_id = $1 AND status = 'suppressed'`, c.workspace) == 2
	}, "the second mail was not held back")
	require.Regexp(t, `mail was not sent: .*cap`, why(ann, "offer"))
	require.Regexp(t, `text is held back until .*quiet hours`, why(cid, "texts"))

	var everybody []object
	for range 12 {
		who := newPerson("half")
		everybody = append(everybody, who.identify(), track(who.id, "halved", nil))
	}
	c.send(t, everybody...)
	var out []string
	eventually(t, func() bool {
		out = rows[string](t, &c.site, `SELECT p.external_id FROM journeys j JOIN customers p ON p.id = j.customer_id
			WHERE j.workspace_id = $1 AND j.status = 'held_out'`, c.workspace)
		return len(out) > 0
	}, "nobody of twelve belongs to the half")
	require.Regexp(t, `held out on .*to compare with.*50%`, why(person{id: out[0]}, "half"))
}
