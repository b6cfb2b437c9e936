package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
	"dotyk/starter/manage"
)

// manager is who uses the management API of a product.
type manager struct {
	*product
	mail   *smtptest.Server
	secret string // the key that may manage
}

// TestSegments runs segments as their users meet them: made by the management API, kept live by what a site sends and
// by the clock, heard by campaigns.
func TestSegments(t *testing.T) {
	t.Parallel()
	mail := smtptest.Start(t, smtptest.Config{})
	senders := []string{"SMTP_URL=" + mail.URL(), "DOTYK_EMAIL_FROM=Shop <hello@shop.example>"}
	p := startProduct(t, "segments", senders, "--examples=false")
	p.env = append(p.env, "DOTYK_WORKSPACE=main") // one part makes another
	m := newManager(t, p)
	m.mail = mail
	for name, test := range map[string]func(*testing.T, *manager){
		"From the rule to the mail":     testSegmentPath,
		"A list, and a rule over it":    testSegmentList,
		"An edit":                       testSegmentEdit,
		"Two records become one":        testSegmentMerge,
		"Rules that are wrong":          testBadRules,
		"A segment of another's":        testSegmentApart,
		"What a segment means to a key": testSegmentKeys,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, m)
		})
	}
}

// newManager makes a key that may manage the product's workspace.
func newManager(t *testing.T, p *product) *manager {
	t.Helper()
	return &manager{product: p, secret: strings.TrimSpace(p.succeed(t, "key", "create", "--scope", "manage"))}
}

// call asks the management API.
func (m *manager) call(t *testing.T, method, path, body string) answer {
	t.Helper()
	return m.callWith(t, m.secret, method, path, "application/json", body)
}

func (m *manager) callWith(t *testing.T, secret, method, path, contentType, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.url+"/api/v1"+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+secret)
	req.Header.Set("Content-Type", contentType)
	a, err := do(req)
	require.NoError(t, err)
	return a
}

// got asks the management API, wants it to do what it was asked for, and reads the answer.
func got[T any](t *testing.T, m *manager, method, path, body string) T {
	t.Helper()
	a := m.call(t, method, path, body)
	require.Less(t, a.status, 300, "%s %s: %s", method, path, a.body)
	var v T
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// refused asks the management API, wants the status, and reads what it says about it.
func (m *manager) refused(t *testing.T, status int, method, path, body string) manage.Problem {
	t.Helper()
	a := m.call(t, method, path, body)
	require.Equal(t, status, a.status, a.body)
	require.Equal(t, "application/problem+json", a.header.Get("Content-Type"))
	var p manage.Problem
	require.NoError(t, json.Unmarshal([]byte(a.body), &p))
	require.Equal(t, status, p.Status)
	require.NotEmpty(t, p.Detail)
	return p
}

// segment makes a segment of a rule and waits until it is live.
func (m *manager) segment(t *testing.T, name, rule string) manage.Segment {
	t.Helper()
	m.make(t, name, rule)
	return m.live(t, name)
}

func (m *manager) make(t *testing.T, name, rule string) {
	t.Helper()
	made := got[struct{ Segment manage.Segment }](t, m, http.MethodPost, "/segments", encode(t, object{"name": name, "rule": rule}))
	require.Equal(t, "building", made.Segment.Status)
	require.Equal(t, 1, made.Segment.Version)
}

// live waits until a segment is.
func (m *manager) live(t *testing.T, name string) manage.Segment {
	t.Helper()
	var g manage.Segment
	eventually(t, func() bool {
		g = got[manage.Segment](t, m, http.MethodGet, "/segments/"+name, "")
		return g.Status != "building"
	}, "segment %s was not built", name)
	require.Equal(t, "live", g.Status, g.Problem)
	return g
}

// members lists the site's ids of a segment's members; the zero moment is now.
func (m *manager) members(t *testing.T, name string, asOf time.Time) []string {
	t.Helper()
	query := ""
	if !asOf.IsZero() {
		query = "&as_of=" + url.QueryEscape(asOf.Format(time.RFC3339Nano))
	}
	list := got[struct {
		Count   int
		Members []manage.Member
	}](t, m, http.MethodGet, "/segments/"+name+"/members?limit=1000"+query, "")
	if !asOf.IsZero() { // it cannot have changed in between
		require.Len(t, list.Members, list.Count)
	}
	ids := make([]string, 0, len(list.Members))
	for _, who := range list.Members {
		ids = append(ids, who.ExternalID)
	}
	return ids
}

// changes tells a customer's joinings and leavings of a segment, oldest first.
func (m *manager) changes(t *testing.T, segment, customer string) []manage.Change {
	t.Helper()
	list := got[struct{ Changes []manage.Change }](t, m, http.MethodGet, "/segments/"+segment+"/history?customer="+customer, "")
	slices.Reverse(list.Changes)
	return list.Changes
}

// told is a history in words.
func told(changes []manage.Change) []string {
	list := make([]string, 0, len(changes))
	for _, c := range changes {
		word := "left"
		if c.Joined {
			word = "joined"
		}
		list = append(list, strings.TrimSpace(word+" by "+c.Cause+" "+c.Event))
	}
	return list
}

// awaitChanges waits until a customer's history of a segment reads like this.
func (m *manager) awaitChanges(t *testing.T, segment, customer string, want ...string) []manage.Change {
	t.Helper()
	var list []manage.Change
	eventually(t, func() bool {
		list = m.changes(t, segment, customer)
		return len(list) >= len(want)
	}, "%s has not come to %v in segment %s", customer, want, segment)
	require.Equal(t, want, told(list))
	return list
}

// visited is an event of the past.
func visited(user, event string, ago time.Duration, properties object) object {
	e := track(user, event, properties)
	e["timestamp"] = time.Now().Add(-ago).UTC().Format(time.RFC3339Nano)
	return e
}

// testSegmentPath follows one customer from the rule to the mail, and out of the segment by the passing of time.
func testSegmentPath(t *testing.T, m *manager) {
	m.segment(t, "vip", `sum(events("order_completed", "90d"), .total) > 500`)
	m.segment(t, "fresh", `count(events("order_completed", "1h")) > 0`)
	m.segment(t, "fresh_vip", `segment("vip") and segment("fresh")`)
	m.publish(t, `
campaign: vip-welcome
trigger: {event: segment_entered, when: event.segment == "vip"}
transactional: true
steps:
  - email: {id: hello, subject: "Welcome to the club, {{ customer.name }}", text: "You are in: {{ entry.segment }}."}
  - branch:
      - when: segment("fresh")
        steps: [{email: {id: fresh, subject: Still fresh, text: "So soon!"}}]
`)
	ann, small := newPerson("ann"), newPerson("small")
	const left = 4 * time.Second // of the hour, when the order is sent
	m.send(t, small.identify(), track(small.id, "order_completed", object{"total": 499.99}),
		ann.identify(), visited(ann.id, "order_completed", time.Hour-left, object{"total": 600.5}))
	answered := time.Now()
	in := m.awaitChanges(t, "vip", ann.id, "joined by event order_completed")
	t.Logf("joined %s after the event was answered", in[0].At.Sub(answered).Round(time.Millisecond))
	require.Equal(t, []string{ann.id}, m.members(t, "vip", time.Time{}))
	awaitMail(t, m.mail, ann.email, 2)
	var subjects []string
	for _, mail := range mailTo(m.mail, ann.email) {
		subjects = append(subjects, subject(mail))
	}
	require.ElementsMatch(t, []string{"Welcome to the club, " + ann.id, "Still fresh"}, subjects)
	require.Empty(t, mailTo(m.mail, small.email))

	why := got[manage.Explained](t, m, http.MethodGet, "/segments/vip/explain?customer="+url.QueryEscape(ann.phone), "")
	require.True(t, why.Member)
	require.True(t, why.Holds)
	require.Equal(t, ann.id, why.Customer.ExternalID)
	require.Contains(t, why.Explanation.Changes[0], "is 600.5; it must be at most 500")
	require.False(t, why.NextCheck.IsZero())
	require.Regexp(t, `(?s)^`+small.id+` is not in segment vip .*✗ sum\(.* is 499\.99; it must be more than 500.*never joined\n$`,
		m.succeed(t, "segment", "explain", "vip", small.email))

	out := m.awaitChanges(t, "fresh", ann.id, "joined by event order_completed", "left by time")
	require.WithinDuration(t, answered.Add(left), out[1].At, 3*time.Second)
	m.awaitChanges(t, "fresh_vip", ann.id, "joined by event order_completed", "left by time")
	require.NotContains(t, m.members(t, "fresh", time.Time{}), ann.id)
	require.Contains(t, m.members(t, "fresh", out[1].At.Add(-time.Microsecond)), ann.id)
	require.Contains(t, m.members(t, "fresh", out[0].At), ann.id)
	require.Empty(t, m.members(t, "fresh", out[0].At.Add(-time.Minute)))
	require.Equal(t, []string{ann.id}, m.members(t, "vip", time.Time{}), "its window is longer")

	m.send(t, track(ann.id, "order_completed", object{"total": 1}))
	m.awaitChanges(t, "fresh", ann.id, "joined by event order_completed", "left by time", "joined by event order_completed")
	require.Equal(t, []string{"finished"}, journeys(m.record(t, ann.id)), "one who stays a member enters once")
	require.Len(t, mailTo(m.mail, ann.email), 2)
}

// testSegmentList imports a list and wants a rule over it to follow at once.
func testSegmentList(t *testing.T, m *manager) {
	bob, eve := newPerson("bob"), newPerson("eve")
	m.send(t, identify(bob.id, object{"email": bob.email, "role": "editor"}), identify(eve.id, object{"email": eve.email, "role": "reader"}))
	got[any](t, m, http.MethodPost, "/segments", `{"name":"press","kind":"static"}`)
	m.segment(t, "editors", `segment("press") and customer.role == "editor"`)

	csv := "E-mail;Comment\n" + strings.ToUpper(bob.email) + ";x\nnobody@nowhere.example;y\n" + eve.email + ";z\n"
	a := m.callWith(t, m.secret, http.MethodPost, "/segments/press/members", "text/csv", csv)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.JSONEq(t, `{"lines":3,"known":2,"joined":2,"left":0,"unknown_count":1,
		"unknown":[{"line":3,"text":"nobody@nowhere.example y"}]}`, a.body)
	m.awaitChanges(t, "press", bob.id, "joined by import")
	m.awaitChanges(t, "editors", bob.id, "joined by event segment_entered")

	got[any](t, m, http.MethodPost, "/segments/press/members?replace=true", encode(t, object{"ids": []string{eve.id}}))
	m.awaitChanges(t, "editors", bob.id, "joined by event segment_entered", "left by event segment_left")
	require.Equal(t, []string{eve.id}, m.members(t, "press", time.Time{}))
	require.Empty(t, m.changes(t, "editors", eve.id))
	require.Equal(t, "in_use", m.refused(t, http.StatusConflict, http.MethodDelete, "/segments/press", "").Code)
}

// testSegmentEdit wants an edit to change the members at once and as a whole, without a word to campaigns.
func testSegmentEdit(t *testing.T, m *manager) {
	low, high := newPerson("low"), newPerson("high")
	m.send(t, identify(low.id, object{"points": 10}), identify(high.id, object{"points": 20}))
	eventually(t, func() bool { return m.count(t, `SELECT count(*) FROM intake`) == 0 }, "not everything was picked")
	m.segment(t, "players", `customer.points >= 10`)
	m.awaitChanges(t, "players", low.id, "joined by build")
	before := time.Now()
	edited := got[struct{ Segment manage.Segment }](t, m, http.MethodPatch, "/segments/players", `{"rule":"customer.points >= 15"}`)
	require.Equal(t, 2, edited.Segment.Version)
	require.EqualValues(t, 1, m.live(t, "players").Members)
	m.awaitChanges(t, "players", low.id, "joined by build", "left by edit")
	m.awaitChanges(t, "players", high.id, "joined by build")
	require.ElementsMatch(t, []string{low.id, high.id}, m.members(t, "players", before))
	require.Zero(t, m.count(t, `SELECT count(*) FROM events WHERE call = 'system' AND properties->>'segment' = 'players'`))

	m.send(t, identify(low.id, object{"points": 30}))
	m.awaitChanges(t, "players", low.id, "joined by build", "left by edit", "joined by event identified")
	require.Regexp(t, `(?m)^players +rule +live +2 +2 `, m.succeed(t, "segment", "list"))
}

// testSegmentMerge wants one who turns out to be known to be judged by all that both did, and to be counted once.
func testSegmentMerge(t *testing.T, m *manager) {
	m.segment(t, "collectors", `count(events("stamp_bought")) >= 2`)
	m.segment(t, "stampers", `count(events("stamp_bought")) >= 1`)
	cat, anonymous := newPerson("cat"), object{"type": "track", "anonymousId": "anonymous-cat", "event": "stamp_bought"}
	m.send(t, cat.identify(), track(cat.id, "stamp_bought", nil), anonymous)
	eventually(t, func() bool { return len(m.members(t, "stampers", time.Time{})) == 2 }, "the two did not join")
	m.send(t, object{"type": "alias", "previousId": "anonymous-cat", "userId": cat.id})
	m.awaitChanges(t, "collectors", cat.id, "joined by event aliased")
	require.Equal(t, []string{cat.id}, m.members(t, "stampers", time.Time{}))
	require.Equal(t, []string{"merge"}, rows[string](t, &m.site, `SELECT c.cause FROM segment_changes c
		JOIN segments s ON s.id = c.segment_id WHERE s.name = 'stampers' AND NOT c.joined`))
}

// testBadRules wants mistakes to be shown where they are, the same by the API and the command line, and nothing to be kept.
func testBadRules(t *testing.T, m *manager) {
	who := newPerson("shopper")
	m.send(t, identify(who.id, object{"shoe_size": 42}), track(who.id, "basket_filled", object{"worth": 5}))
	m.send(t, identify(who.id, object{"shoe_size": 43}))
	eventually(t, func() bool {
		return m.count(t, `SELECT count(*) FROM catalogue_seen
			WHERE (kind, name) IN (('event', 'basket_filled'), ('property', 'worth'), ('attribute', 'shoe_size'))`) == 3
	}, "the catalogue did not learn")
	t.Run("All", func(t *testing.T) { // returns when every rule was tried
		for name, c := range map[string]struct {
			rule               string
			line, column       int
			message, suggested string
		}{
			"Event":    {`count(events("basket_fileld")) > 0`, 1, 14, `no event is called "basket_fileld"`, "basket_filled"},
			"Property": {"1 == 1 and\n  any(events(\"basket_filled\"), .wroth > 1)", 2, 33, `no property of basket_filled is called "wroth"`, "worth"},
			"Field":    {`customer.shoe_szie > 40`, 1, 10, `no attribute is called "shoe_szie"`, "shoe_size"},
			"Type":     {`customer.shoe_size > "40"`, 1, 20, `cannot compare a number with text`, ""},
			"Syntax":   {`customer.shoe_size > `, 1, 21, `the rule ends too early`, ""},
			"Segment":  {`segment("nobody_made_it")`, 1, 9, `there is no segment "nobody_made_it"`, ""},
			"Length":   {`"` + strings.Repeat("x", 5000) + `" == ""`, 1, 1, `the rule is too long`, ""},
			"Depth":    {strings.Repeat("not (", 50) + "true" + strings.Repeat(")", 50), 1, 1, `nested too deeply`, ""},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				for _, path := range []string{"/rules/check", "/segments/preview"} {
					p := m.refused(t, http.StatusUnprocessableEntity, http.MethodPost, path, encode(t, object{"rule": c.rule}))
					require.Equal(t, "bad_rule", p.Code)
					require.Len(t, p.Errors, 1)
					fault := p.Errors[0]
					require.Equal(t, []int{c.line, c.column}, []int{fault.Line, fault.Column}, fault.Message)
					require.Contains(t, fault.Message, c.message)
					require.Contains(t, fault.Suggestion, c.suggested)
					require.Contains(t, fault.Snippet, "\n"+strings.Repeat(" ", c.column-1)+"^")
				}
				m.refused(t, http.StatusUnprocessableEntity, http.MethodPost, "/segments", encode(t, object{"name": "wrong-" + name, "rule": c.rule}))
				r := m.command(t, "segment", "check", c.rule)
				require.Equal(t, 1, r.code)
				require.Contains(t, r.stderr, c.message)
				require.Contains(t, r.stderr, "^")
			})
		}
	})
	require.Zero(t, m.count(t, `SELECT count(*) FROM segments WHERE name LIKE 'wrong-%'`))
}

// testSegmentApart wants nobody to see, use or guess at what another workspace has.
func testSegmentApart(t *testing.T, m *manager) {
	m.segment(t, "ours", `customer.name == "somebody"`)
	stranger := strings.TrimSpace(m.succeed(t, "key", "create", "--scope", "manage", "--workspace", "elsewhere"))
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodGet, "/segments/ours", "", http.StatusNotFound},
		{http.MethodGet, "/segments/ours/members", "", http.StatusNotFound},
		{http.MethodDelete, "/segments/ours", "", http.StatusNotFound},
		{http.MethodPatch, "/segments/ours", `{"rule":"true"}`, http.StatusNotFound},
		{http.MethodPost, "/rules/check", `{"rule":"segment(\"ours\")"}`, http.StatusUnprocessableEntity},
	} {
		a := m.callWith(t, stranger, c.method, c.path, "application/json", c.body)
		require.Equal(t, c.status, a.status, "%s %s: %s", c.method, c.path, a.body)
	}
	a := m.callWith(t, stranger, http.MethodPost, "/segments/preview", "application/json", `{"rule":"true"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Contains(t, a.body, `"count":0`)
}

// testSegmentKeys wants a site's key, which stands in web pages, to be of no use here.
func testSegmentKeys(t *testing.T, m *manager) {
	require.Equal(t, http.StatusForbidden, m.callWith(t, m.key, http.MethodGet, "/segments", "application/json", "").status)
	require.Equal(t, http.StatusUnauthorized, m.callWith(t, "no-key", http.MethodGet, "/segments", "application/json", "").status)
	a := m.request(t, http.MethodGet, "/openapi.json", "", "")
	require.Equal(t, http.StatusOK, a.status)
	require.Contains(t, a.body, `"/api/v1/segments/{name}/explain"`)
}
