package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
)

// tenant is a workspace of a product, so that campaigns that hear of the same events do not meet.
type tenant struct {
	site
	out       *sinks
	workspace int
}

func (p *product) tenant(t *testing.T, out *sinks, name string) *tenant {
	t.Helper()
	c := &tenant{site: p.site, out: out}
	c.env = append(slices.Clone(p.env), "DOTYK_WORKSPACE="+name)
	c.key = strings.TrimSpace(c.succeed(t, "key", "create"))
	c.workspace = c.count(t, `SELECT id::int FROM workspaces WHERE slug = $1`, name)
	return c
}

// fast publishes a campaign of the examples that does in seconds what takes days there: of each two strings, the first is
// replaced by the second.
func (c *tenant) fast(t *testing.T, name string, replace ...string) {
	t.Helper()
	dir := t.TempDir()
	examples := filepath.Join(root, "starter", "examples", "journeys")
	require.NoError(t, os.CopyFS(filepath.Join(dir, "templates"), os.DirFS(filepath.Join(examples, "templates"))))
	raw, err := os.ReadFile(filepath.Join(examples, name+".yaml"))
	require.NoError(t, err)
	for pair := range slices.Chunk(replace, 2) {
		require.Contains(t, string(raw), pair[0])
	}
	file := filepath.Join(dir, name+".yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer(replace...).Replace(string(raw))), 0o600))
	require.Contains(t, c.succeed(t, "campaign", "publish", file), "as version 1")
}

// settle waits until nothing is under way in the workspace, which nothing but a new event can change then.
func (c *tenant) settle(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		return c.count(t, `SELECT (SELECT count(*) FROM intake WHERE workspace_id = $1)
			+ (SELECT count(*) FROM cohorts WHERE workspace_id = $1 AND status = 'pending')
			+ (SELECT count(*) FROM journeys WHERE workspace_id = $1 AND status = 'active')
			+ (SELECT count(*) FROM touches WHERE workspace_id = $1 AND status IN ('planned', 'claimed'))`, c.workspace) == 0
	}, "not everything was done in workspace %d", c.workspace)
}

// got wants a customer to have been sent these steps, in this order, and nothing else: neither by the ledger, which writes
// "w2 suppressed" for what was held back, nor by the providers.
func (c *tenant) got(t *testing.T, who person, steps ...string) {
	t.Helper()
	var ledger []string
	mails, texts := 0, 0
	for _, line := range rows[string](t, &c.site, `SELECT channel || ' ' || step || CASE
			WHEN t.status IN ('accepted', 'delivered') THEN '' ELSE ' ' || t.status END
		FROM touches t JOIN customers k USING (workspace_id) WHERE workspace_id = $1 AND k.id = t.customer_id AND external_id = $2
			AND direction = 'out' AND channel IN ('email', 'sms') ORDER BY t.occurred_at, t.id`, c.workspace, who.id) {
		channel, step, _ := strings.Cut(line, " ")
		ledger = append(ledger, step)
		switch {
		case strings.Contains(step, " "):
		case channel == "sms":
			texts++
		default:
			mails++
		}
	}
	require.Equal(t, steps, ledger, "sent to %s", who.id)
	require.Len(t, mailTo(c.out.mail, who.email), mails, "mails to %s", who.id)
	require.Len(t, c.out.phone.Messages(who.phone), texts, "texts to %s", who.id)
}

// mailed waits for the n-th mail to somebody.
func (c *tenant) mailed(t *testing.T, who person, n int) smtptest.Message {
	t.Helper()
	return awaitMail(t, c.out.mail, who.email, n)
}

// reader identifies a customer who wants what is sent on a topic.
func (p person) reader(topic string) object {
	return identify(p.id, object{
		"email": p.email, "phone": p.phone, "name": p.id, "consents": object{"email": object{topic: true}},
	})
}

// ended wants a customer's journeys through a campaign to have ended in this way, oldest first.
func (c *tenant) ended(t *testing.T, who person, campaign string, endings ...string) {
	t.Helper()
	require.Equal(t, append([]string{}, endings...), rows[string](t, &c.site, `SELECT j.status || ' ' || exit_reason FROM journeys j
		JOIN campaigns k ON k.workspace_id = j.workspace_id AND k.id = j.campaign_id
		JOIN customers p ON p.workspace_id = j.workspace_id AND p.id = j.customer_id
		WHERE j.workspace_id = $1 AND p.external_id = $2 AND k.name = $3 ORDER BY entered_at`, c.workspace, who.id, campaign))
}

// entered waits until a customer is on her way through a campaign.
func (c *tenant) entered(t *testing.T, who person, campaign string) {
	t.Helper()
	eventually(t, func() bool {
		return c.count(t, `SELECT count(*) FROM journeys j JOIN campaigns k ON k.id = j.campaign_id JOIN customers p ON p.id = j.customer_id
			WHERE j.workspace_id = $1 AND p.external_id = $2 AND k.name = $3 AND j.status = 'active'`, c.workspace, who.id, campaign) > 0
	}, "%s did not enter %s", who.id, campaign)
}

// TestJourneys runs the ten campaigns of the examples on one product, each in a workspace of its own, in the shape of
// their scenarios.
func TestJourneys(t *testing.T) {
	t.Parallel()
	out := startSinks(t, 10)
	p := startProduct(t, "journeys", out.env, "--examples=false")
	for name, test := range map[string]func(*testing.T, *tenant){
		"j01": testWelcomeSeries,
		"j02": testAbandonedCart,
		"j03": testBrowseAbandonment,
		"j04": testPostPurchase,
		"j05": testWinBack,
		"j06": testBirthday,
		"j07": testLeadNurture,
		"j08": testEventReminders,
		"j09": testOnboarding,
		"j10": testNewsletter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, p.tenant(t, out, name))
		})
	}
}

func testWelcomeSeries(t *testing.T, c *tenant) {
	c.succeed(t, "topic", "set", "newsletter", "--policy", "opt-in")
	c.fast(t, "j01-welcome-series", "24h", "2s", "48h", "4s")
	ann, bob, cid, eve, fay := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("eve"), newPerson("fay")
	confirmed := func(who person) object { return track(who.id, "optin_confirmed", object{"list": "newsletter"}) }
	c.send(t, ann.reader("newsletter"), bob.reader("newsletter"), eve.reader("newsletter"), fay.reader("newsletter"), cid.identify())
	c.send(t, confirmed(ann), confirmed(bob), confirmed(eve), confirmed(fay),
		track(cid.id, "newsletter_subscribed", object{"list": "newsletter"}))
	// Between two steps, one unsubscribes with one click and another's mail bounces for good.
	m := c.mailed(t, eve, 1)
	link := strings.TrimPrefix(unsubscribeLink(t, &m), c.url)
	require.Equal(t, 200, c.request(t, "POST", link, "application/x-www-form-urlencoded", "List-Unsubscribe=One-Click").status)
	c.mailed(t, fay, 1)
	c.send(t, track(fay.id, "email_bounced", object{"hard": true}))
	c.mailed(t, bob, 2)
	c.send(t, track(bob.id, "order_completed", object{"order_id": "o1"}))
	c.mailed(t, ann, 3)
	c.settle(t)
	c.send(t, confirmed(ann)) // once is enough
	c.settle(t)
	c.got(t, ann, "w1", "w2", "w3")
	c.got(t, bob, "w1", "w2")
	c.got(t, cid)
	c.got(t, eve, "w1")
	c.got(t, fay, "w1")
	c.ended(t, ann, "welcome_series", "finished finished")
	c.ended(t, bob, "welcome_series", "exited order_completed")
	c.ended(t, eve, "welcome_series", "exited unsubscribed")
	c.ended(t, fay, "welcome_series", "exited email_bounced")
}

func testAbandonedCart(t *testing.T, c *tenant) {
	c.fast(t, "j02-abandoned-cart", "quiet: 1h", "quiet: 3s", "timeout: 3d", "timeout: 60s", "wait: 23h", "wait: 2s", "wait: 24h", "wait: 4s")
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	cart := func(who person, id, total, items int) object {
		return track(who.id, "cart_updated", object{"cart_id": id, "total": total, "items": items})
	}
	c.send(t, ann.identify(), bob.identify(), cid.identify(), dee.identify(), cart(bob, 2, 50, 1), cart(ann, 1, 80, 1),
		cart(cid, 3, 60, 1), cart(dee, 4, 200, 3))
	c.send(t, cart(ann, 1, 120, 2), track(bob.id, "order_completed", object{"cart_id": 2}))
	c.mailed(t, dee, 1)
	c.send(t, track(dee.id, "order_completed", object{"cart_id": 9}))
	require.Contains(t, c.mailed(t, ann, 1).HTML, "2 items for 120 wait")
	c.settle(t)
	c.got(t, ann, "c1", "c2", "c3")
	c.got(t, bob)
	c.got(t, cid, "c1", "c2")
	c.got(t, dee, "c1", "c2", "c3")
	c.ended(t, bob, "abandoned_cart", "exited order_completed")
	for _, who := range []person{ann, dee} {
		require.Contains(t, c.mailed(t, who, 3).HTML, "CART-")
	}
}

func testBrowseAbandonment(t *testing.T, c *tenant) {
	c.fast(t, "j03-browse-abandonment", "quiet: 4h", "quiet: 3s", "timeout: 3d", "timeout: 60s", "wait: 20h", "wait: 2s")
	ann, bob, cid := newPerson("ann"), newPerson("bob"), newPerson("cid")
	view := func(who person, product string) object {
		return track(who.id, "product_viewed", object{"product_id": product})
	}
	c.send(t, ann.identify(), bob.identify(), cid.identify(), view(ann, "p1"), view(bob, "p1"), view(bob, "p2"), view(cid, "p2"))
	c.send(t, view(ann, "p1"), view(cid, "p2"))
	c.entered(t, cid, "browse_abandonment")
	c.send(t, track(cid.id, "product_added", object{"product_id": "p2"}))
	require.Contains(t, c.mailed(t, ann, 1).HTML, "p1")
	c.mailed(t, ann, 2)
	c.settle(t)
	c.got(t, ann, "b1", "b2")
	c.got(t, bob)
	c.got(t, cid)
	c.ended(t, cid, "browse_abandonment", "exited product_added")
}

func testPostPurchase(t *testing.T, c *tenant) {
	c.succeed(t, "user", "add", "support@example.com")
	c.fast(t, "j04-post-purchase", "wait: 2d", "wait: 2s", "wait: 12d", "wait: 3s")
	c.fast(t, "j04-order-thanks", "timeout: 10d", "timeout: 8s")
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	c.send(t, ann.identify(), cid.identify(), dee.identify(),
		identify(bob.id, object{"email": bob.email, "phone": bob.phone, "unsubscribed": true}))
	rows[int](t, &c.site, `INSERT INTO scores (workspace_id, customer_id, name, value, computed_at)
		SELECT workspace_id, id, 'next_best.product', '"tea strainer"', now() FROM customers WHERE external_id = $1 RETURNING 1`, ann.id)
	order := func(who person, what, id string) object { return track(who.id, what, object{"order_id": id}) }
	c.send(t, order(ann, "order_completed", "o1"), order(bob, "order_completed", "o2"), order(cid, "order_completed", "o3"),
		order(dee, "order_completed", "o4"))
	require.Contains(t, c.mailed(t, ann, 1).HTML, "o1")
	c.mailed(t, bob, 1)
	c.mailed(t, dee, 1)
	c.send(t, order(ann, "order_delivered", "o1"), order(bob, "order_delivered", "o2"), order(dee, "order_refunded", "o4"))
	require.Contains(t, c.mailed(t, ann, 3).HTML, "tea strainer")
	c.settle(t)
	c.got(t, ann, "p1", "p2", "p3")
	c.got(t, bob, "p1")
	c.got(t, cid, "p1")
	c.got(t, dee, "p1")
	c.ended(t, dee, "order_thanks", "exited order_refunded")
	c.ended(t, bob, "post_purchase")
	require.Regexp(t, `task +open .*support@example\.com .*Order o3 of `+cid.email+` has not arrived`, c.succeed(t, "task", "list"))
	require.Equal(t, 1, c.count(t, `SELECT count(*) FROM tasks WHERE workspace_id = $1`, c.workspace))
}

// soon gives a minute of the clock that begins soon, but not before what is to happen before it can.
func soon() time.Time { return time.Now().Add(75 * time.Second).Truncate(time.Minute) }

func testWinBack(t *testing.T, c *tenant) {
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	lives := func(who person, zone string, ago time.Duration) {
		c.send(t, identify(who.id, object{"email": who.email, "timezone": zone}), visited(who.id, "order_completed", ago, nil))
	}
	const day = 24 * time.Hour
	lives(ann, "Europe/Berlin", 62*day)
	lives(bob, "Europe/Stockholm", 62*day)
	lives(cid, "America/New_York", 62*day)
	lives(dee, "Europe/Berlin", 58*day)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := soon().In(berlin)
	c.fast(t, "j05-win-back", `cron: "0 9 * * *"`, fmt.Sprintf(`cron: "%d %d * * *"`, at.Minute(), at.Hour()), "wait: 7d", "wait: 3s", "wait: 8d", "wait: 3s")
	c.mailed(t, bob, 1)
	c.send(t, track(bob.id, "order_completed", object{"order_id": "o3"}))
	require.WithinRange(t, c.mailed(t, ann, 1).At, at, at.Add(30*time.Second))
	c.mailed(t, ann, 3)
	c.settle(t)
	c.got(t, ann, "v1", "v2", "v3")
	c.got(t, bob, "v1")
	c.got(t, cid) // whose clock shows something else
	c.got(t, dee)
}

func testBirthday(t *testing.T, c *tenant) {
	c.succeed(t, "topic", "set", "birthday", "--policy", "opt-in")
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	at := soon().In(berlin)
	midnight := time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, berlin)
	birthday := func(who person, days int, consents object) object {
		return identify(who.id, object{
			"email": who.email, "phone": who.phone, "timezone": "Europe/Berlin", "consents": consents,
			"birthday": midnight.AddDate(-30, 0, days).Format(time.DateOnly),
		})
	}
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	wants := object{"birthday": true}
	c.send(t, birthday(ann, 0, object{"email": wants, "sms": wants}), birthday(bob, 0, object{"email": wants}),
		birthday(cid, 0, object{"email": wants}), birthday(dee, 1, object{"email": wants}))
	c.fast(t, "j06-birthday", `offset: -3d, at: "09:00"`, fmt.Sprintf(`offset: 0d, at: "%s"`, at.Format("15:04")),
		`until: entry.date, at: "09:00"`, fmt.Sprintf(`until: entry.date, offset: %ds`, int(at.Sub(midnight).Seconds())+8))
	coupon := func(m smtptest.Message) string { return between(t, m.HTML, "BDAY-") }
	used := coupon(c.mailed(t, cid, 1))
	c.send(t, track(cid.id, "order_completed", object{"coupon": used}))
	code := coupon(c.mailed(t, ann, 1))
	require.NotEqual(t, used, code)
	require.Contains(t, c.mailed(t, bob, 2).HTML, coupon(c.out.first(t, bob)))
	c.settle(t)
	c.got(t, ann, "d1", "d2_sms")
	c.got(t, bob, "d1", "d2_sms suppressed", "d2_mail")
	c.got(t, cid, "d1")
	c.got(t, dee)
	require.Contains(t, c.out.phone.Messages(ann.phone)[0].Body, code)
	c.ended(t, cid, "birthday", "exited gift.redeemed")
}

func testLeadNurture(t *testing.T, c *tenant) {
	c.succeed(t, "user", "add", "olha@example.com")
	c.succeed(t, "user", "add", "petro@example.com")
	c.fast(t, "j07-score-pricing")
	c.fast(t, "j07-score-demo")
	c.fast(t, "j07-lead-nurture", "timeout: 5d", "timeout: 8s")
	ann, bob, cid, dee := newPerson("ann"), newPerson("bob"), newPerson("cid"), newPerson("dee")
	lead := func(who person, size, score int) []object {
		return []object{
			identify(who.id, object{"email": who.email, "name": who.id, "lifecycle": "lead", "company_size": size, "score": score}),
			track(who.id, "form_submitted", object{"form": "whitepaper"}),
		}
	}
	c.send(t, slices.Concat(lead(ann, 50, 0), lead(bob, 8, 0), lead(cid, 200, 0), lead(dee, 50, 49))...)
	c.mailed(t, ann, 1)
	c.mailed(t, dee, 1)
	c.send(t, track(ann.id, "page_viewed", object{"page": "pricing"}), track(ann.id, "demo_video", nil), track(dee.id, "demo_video", nil))
	c.mailed(t, cid, 1)
	c.send(t, track(cid.id, "deal_created", nil))
	tasks := func(who person) []string {
		return rows[string](t, &c.site, `SELECT t.id || ' ' || u.email || ' ' || title FROM tasks t JOIN customers p ON p.id = t.customer_id
			JOIN users u ON u.id = t.assignee WHERE t.workspace_id = $1 AND p.external_id = $2`, c.workspace, who.id)
	}
	var handoff []string
	eventually(t, func() bool { handoff = tasks(dee); return len(handoff) > 0 && len(tasks(ann)) > 0 }, "no task was made")
	require.Regexp(t, `(olha|petro)@example\.com Call `+dee.id+`: the score is 74`, handoff[0])
	require.Contains(t, tasks(ann)[0], "the score is 55")
	require.NotEqual(t, strings.Fields(handoff[0])[1], strings.Fields(tasks(ann)[0])[1], "they take turns")
	c.succeed(t, "task", "done", strings.Fields(handoff[0])[0], "--outcome", "rejected", "--by", "olha@example.com")
	c.succeed(t, "task", "done", strings.Fields(tasks(ann)[0])[0], "--outcome", "reached", "--by", "petro@example.com")
	c.mailed(t, bob, 3)
	c.settle(t)
	c.send(t, track(dee.id, "form_submitted", object{"form": "whitepaper"})) // within 30 days
	c.settle(t)
	c.got(t, ann, "l1")
	c.got(t, bob, "l1", "l2", "l3")
	c.got(t, cid, "l1")
	c.got(t, dee, "l1")
	c.ended(t, ann, "lead_nurture", "finished finished")
	c.ended(t, bob, "lead_nurture", "exited recycled")
	c.ended(t, cid, "lead_nurture", "exited deal_created")
	c.ended(t, dee, "lead_nurture", "exited rejected")
	require.Equal(t, "MQL", c.record(t, ann.id).Customer.Attributes["lifecycle"])
	require.Equal(t, "lead", c.record(t, dee.id).Customer.Attributes["lifecycle"])
	require.Equal(t, "0", fmt.Sprint(c.record(t, dee.id).Customer.Attributes["score"]))
	require.Equal(t, "recycle", c.record(t, bob.id).Customer.Stage)
}

func testEventReminders(t *testing.T, c *tenant) {
	c.fast(t, "j08-event-reminders", `offset: -7d, at: "09:00", zone: workspace`, "offset: -22s",
		`offset: -1d, at: "09:00", zone: workspace`, "offset: -12s", "offset: -1h", "offset: -6s", "offset: 2h", "offset: 2s")
	starts := time.Now().Add(30 * time.Second)
	ann, bob, cid := newPerson("ann"), newPerson("bob"), newPerson("cid")
	registers := func(who person) []object {
		return []object{who.identify(), track(who.id, "webinar_registered", object{
			"webinar_id": "w1", "starts_at": starts.UTC().Format(time.RFC3339), "ends_at": starts.Add(time.Second).UTC().Format(time.RFC3339),
		})}
	}
	c.send(t, append(registers(ann), registers(cid)...)...)
	c.mailed(t, ann, 2)
	c.mailed(t, cid, 2)
	c.send(t, append(registers(bob), track(cid.id, "registration_cancelled", object{"webinar_id": "w1"}))...)
	eventually(t, func() bool { return len(c.out.phone.Messages(bob.phone)) == 1 }, "no text to bob")
	c.send(t, track(bob.id, "webinar_attended", object{"webinar_id": "w1"}))
	c.settle(t)
	c.got(t, ann, "e0", "e1", "e2", "e3", "e4_missed")
	c.got(t, bob, "e0", "e2", "e3", "e4_thanks")
	c.got(t, cid, "e0", "e1")
}

func testOnboarding(t *testing.T, c *tenant) {
	c.fast(t, "j09-onboarding", "wait: 1d", "wait: 4s", "wait: 3d", "wait: 2s")
	ann, bob, cid := newPerson("ann"), newPerson("bob"), newPerson("cid")
	for _, who := range []person{ann, bob, cid} {
		c.send(t, who.identify(), track(who.id, "signed_up", nil))
	}
	c.mailed(t, ann, 1)
	c.send(t, track(ann.id, "email_verified", nil))
	c.mailed(t, cid, 2)
	c.send(t, track(cid.id, "email_verified", nil))
	c.settle(t)
	c.got(t, ann, "o1", "o3")
	c.got(t, bob, "o1", "o2")
	c.got(t, cid, "o1", "o2", "o3")
	c.ended(t, bob, "onboarding", "exited not_verified")
}

// testNewsletter has a thousand readers, of whom twenty have had as many mails as they may get, and thirty are suppressed.
func testNewsletter(t *testing.T, c *tenant) {
	const readers, capped, suppressed = 950, 20, 30
	c.succeed(t, "topic", "set", "newsletter", "--policy", "opt-in")
	policy := filepath.Join(files(t, map[string]string{"policy.yaml": "caps: [{channel: email, most: 3, within: 7d}]\n"}), "policy.yaml")
	c.succeed(t, "policy", "set", policy)
	c.publish(t, "campaign: before\ntrigger: {event: written_to}\nreenter: always\ntopic: newsletter\n"+
		"steps: [{email: {id: before, subject: Before, text: \"Hello. {{ unsubscribe_url }}\"}}]\n")
	c.out.mail.SetFault(func(stage smtptest.Stage, arg string) *smtptest.Fault {
		if stage == smtptest.Rcpt && strings.Contains(arg, "gone-") {
			return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
		}
		return nil
	})
	made := func(name string, n int) (all []person) {
		var events []object
		for range n {
			who := newPerson(name)
			all, events = append(all, who), append(events, who.reader("newsletter"))
		}
		c.send(t, events...)
		return all
	}
	full, gone := made("full", capped), made("gone", suppressed)
	for range 3 {
		var events []object
		for _, who := range full {
			events = append(events, track(who.id, "written_to", nil))
		}
		c.send(t, events...)
		c.settle(t)
	}
	var events []object
	for _, who := range gone {
		events = append(events, track(who.id, "written_to", nil))
	}
	c.send(t, events...)
	c.settle(t)
	everybody := made("reader", readers)
	c.settle(t)
	c.fast(t, "j10-newsletter-test", "2026-01-05T10:00:00Z", time.Now().Add(4*time.Second).UTC().Format(time.RFC3339), "after: 4h", "after: 6s")
	eventually(t, func() bool {
		return c.count(t, `SELECT count(*) FROM journeys j JOIN campaigns k ON k.id = j.campaign_id
		WHERE j.workspace_id = $1 AND k.name = 'newsletter_test'`, c.workspace) >= readers
	}, "they did not enter")
	c.settle(t)
	sent := func(where string) int {
		return c.count(t, `SELECT count(*) FROM touches t JOIN campaigns k ON k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND k.name = 'newsletter_test' AND t.status = 'accepted' AND `+where, c.workspace)
	}
	held := c.count(t, `SELECT count(*) FROM journeys WHERE workspace_id = $1 AND status = 'held_out'`, c.workspace)
	first := `occurred_at < (SELECT min(occurred_at) FROM touches WHERE workspace_id = t.workspace_id AND campaign_id = t.campaign_id) + interval '5 seconds'`
	a, b, rest := sent(`step = 'letter_a' AND `+first), sent(`step = 'letter_b'`), sent(`step = 'letter_a' AND NOT `+first)
	t.Logf("%d held out, %d got A, %d got B, %d the winner", held, a, b, rest)
	require.Equal(t, readers, held+a+b+rest)
	require.InDelta(t, 0.05*readers, held, 4*7)
	require.InDelta(t, 0.1*readers, a, 4*10)
	require.InDelta(t, 0.1*readers, b, 4*10)
	once := map[string]int{}
	for _, m := range c.out.mail.Messages() {
		once[m.To[0]]++
	}
	mails := 0
	for _, who := range everybody {
		require.LessOrEqual(t, once[who.email], 1)
		mails += once[who.email]
	}
	require.Equal(t, readers-held, mails)
	for _, who := range gone {
		require.Zero(t, once[who.email])
	}
	for _, who := range full {
		require.Equal(t, 3, once[who.email])
	}
}

// first gives the first mail to somebody.
func (s *sinks) first(t *testing.T, who person) smtptest.Message {
	t.Helper()
	return mailTo(s.mail, who.email)[0]
}

// between gives the word of a text that begins so.
func between(t *testing.T, text, prefix string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, prefix)
	require.True(t, found, "no %s in %s", prefix, text)
	end := strings.IndexFunc(rest, func(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' })
	require.Positive(t, end)
	return prefix + rest[:end]
}
