package manage_test

import (
	"context"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
	"dotyk/channels/voice"
	"dotyk/rules/audience"
	"dotyk/starter/manage"
)

// text writes a campaign, or any text, as a string of JSON.
func text(t *testing.T, source string) string {
	t.Helper()
	raw, err := json.Marshal(source)
	require.NoError(t, err)
	return string(raw)
}

const (
	nudge  = "campaign: nudge\ntrigger: {event: cart_left, when: 'event.total > 50'}\ntopic: news\nsteps:\n  - wait: {id: pause, for: 2d}\n  - sms: {id: hello, text: hi}\n"
	sooner = "campaign: nudge\ntrigger: {event: cart_left, when: 'event.total > 50'}\ntopic: news\nsteps:\n  - wait: {id: pause, for: 1h}\n  - sms: {id: hello, text: hi}\n"
	faulty = "campaign: nudge\ntrigger: {event: cart_left}\ntopic: news\nsteps:\n  - wait: soon\n"
)

func TestCampaigns(t *testing.T) {
	t.Parallel()

	t.Run("From a draft to its second version and back", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		one, two, bad := text(t, nudge), text(t, sooner), text(t, faulty)
		o.all([]exchange{
			{name: "none yet", path: "/campaigns", status: 200, want: []string{`{"campaigns":[]}`}},
			{name: "check", path: "/campaigns/check", body: `{"source":` + one + `}`, status: 200, want: []string{`"ok":true`, `"campaign":"nudge"`, `"messages":1`, `"violations":[]`, `"warnings":[`}},
			{
				name: "check what is wrong", path: "/campaigns/check", body: `{"source":` + bad + `}`, status: 200,
				want: []string{`"ok":false`, `"line":5`, `"code":"bad_duration"`, `"advice"`},
			},
			{name: "a faulty draft", method: "PUT", path: "/campaigns/nudge/draft", body: `{"source":` + bad + `}`, status: 200, want: []string{`"revision":1`, `Etag: "1"`}},
			{name: "is not published", method: "POST", path: "/campaigns/nudge/publish", body: `{}`, status: 422, want: []string{`"bad_campaign"`, `"violations":[{`, `"line":5`}},
			{name: "a draft not read", method: "PUT", path: "/campaigns/nudge/draft", body: `{"source":` + one + `}`, status: 412, want: []string{`"changed"`, "read it again"}},
			{name: "a draft read", method: "PUT", path: "/campaigns/nudge/draft", header: map[string]string{"If-Match": `"1"`}, body: `{"source":` + one + `}`, status: 200, want: []string{`Etag: "2"`}},
			{name: "a draft read too early", method: "PUT", path: "/campaigns/nudge/draft", header: map[string]string{"If-Match": `"1"`}, body: `{"source":` + two + `}`, status: 412, want: []string{`"changed"`}},
			{name: "no revision", method: "PUT", path: "/campaigns/nudge/draft", header: map[string]string{"If-Match": `*`}, body: `{"source":` + two + `}`, status: 422, want: []string{"header.If-Match"}},
			{name: "get draft", path: "/campaigns/nudge/draft", status: 200, want: []string{`"source":"campaign: nudge`, `Etag: "2"`}},
			{name: "list drafts", path: "/campaign-drafts", status: 200, want: []string{`"name":"nudge"`, `"revision":2`}, unwanted: []string{`"source"`}},
			{name: "plan", method: "POST", path: "/campaigns/nudge/plan", body: `{}`, status: 200, want: []string{`"from":0`, `"to":1`, `"changed":true`, `"waiting":[]`}},
			{name: "publish another revision", method: "POST", path: "/campaigns/nudge/publish", header: map[string]string{"If-Match": `"1"`}, body: `{}`, status: 412, want: []string{`"changed"`}},
			{name: "publish", method: "POST", path: "/campaigns/nudge/publish", header: map[string]string{"If-Match": `"2"`}, body: `{"note":"first"}`, status: 200, want: []string{`"version":1`, `"changed":true`}},
			{name: "get", path: "/campaigns/nudge", status: 200, want: []string{`"status":"live"`, `"definition":{`, `"source":"campaign: nudge`}},
			{name: "publish what is sent", method: "POST", path: "/campaigns/nudge/publish", body: `{"source":` + two + `,"moves":{"default":"move","steps":{"pause":"stay"}}}`, status: 200, want: []string{`"version":2`}},
			{name: "diff", path: "/campaigns/nudge/diff?from=1&to=2", status: 200, want: []string{`"before":"version 1"`, `"after":"version 2"`, `"before":"2d"`, `"after":"1h"`}},
			{name: "diff to the draft", path: "/campaigns/nudge/diff", status: 200, want: []string{`"before":"version 2"`, `"after":"the draft"`}},
			{name: "no such edition", path: "/campaigns/nudge/diff?from=one", status: 422, want: []string{`"invalid"`}},
			{name: "no such version to compare", path: "/campaigns/nudge/diff?from=9", status: 404, want: []string{"version 9"}},
			{name: "a version", path: "/campaigns/nudge/versions/1", status: 200, want: []string{`"version":1`, "2d"}},
			{name: "no such version", path: "/campaigns/nudge/versions/9", status: 404, want: []string{"version 9"}},
			{name: "rollback", path: "/campaigns/nudge/rollback", body: `{"version":1,"note":"too soon"}`, status: 200, want: []string{`"version":3`}},
			{name: "rollback to nothing", path: "/campaigns/nudge/rollback", body: `{"version":9}`, status: 404, want: []string{"version 9"}},
			{name: "history", path: "/campaigns/nudge/versions", status: 200, want: []string{`"of":1`, `"note":"too soon"`, `"note":"first"`, `"published_by":"key:`}},
			{name: "another name", method: "POST", path: "/campaigns/other/publish", body: `{"source":` + one + `}`, status: 422, want: []string{`"wrong_name"`, "other"}},
			{name: "delete draft", method: "DELETE", path: "/campaigns/nudge/draft", status: 204},
			{name: "no draft", path: "/campaigns/nudge/draft", status: 404, want: []string{"draft of campaign"}},
			{name: "nothing to publish", method: "POST", path: "/campaigns/nudge/publish", body: `{}`, status: 404, want: []string{"draft of campaign"}},
			{name: "of none", path: "/campaigns/none", status: 404, want: []string{`campaign \"none\"`}},
			{name: "versions of none", path: "/campaigns/none/versions", status: 404, want: []string{`campaign \"none\"`}},
			{name: "another's", path: "/campaigns/nudge", header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 404},
			{name: "schema", path: "/campaign-schema", status: 200, want: []string{"json-schema.org/draft/2020-12", `"trigger"`}},
		})
		require.NotContains(t, o.logs.String(), "ERROR")
	})

	t.Run("Pause, resume, stop and archive", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{name: "publish", method: "POST", path: "/campaigns/nudge/publish", body: `{"source":` + text(t, nudge) + `}`, status: 200},
			{name: "pause", method: "POST", path: "/campaigns/nudge/pause", status: 200, want: []string{`"status":"paused"`}},
			{name: "resume", method: "POST", path: "/campaigns/nudge/resume", status: 200, want: []string{`"status":"live"`}},
			{name: "stop", method: "POST", path: "/campaigns/nudge/stop", status: 200, want: []string{`"status":"stopped"`}},
			{name: "resume what is stopped", method: "POST", path: "/campaigns/nudge/resume", status: 422, want: []string{"publish it again"}},
			{name: "archive", method: "POST", path: "/campaigns/nudge/archive", status: 200, want: []string{`"status":"archived"`}},
			{name: "enter", path: "/campaigns/nudge/enter", body: `{"customer":"ann"}`, status: 422, want: []string{"archived"}},
			{name: "pause none", method: "POST", path: "/campaigns/none/pause", status: 404, want: []string{"none"}},
		})
	})

	t.Run("Enter, results and why", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{name: "publish", method: "POST", path: "/campaigns/nudge/publish", body: `{"source":` + text(t, nudge) + `}`, status: 200},
			{name: "why not", path: "/customers/ann@example.com/why/nudge", status: 200, want: []string{`"answer":"did not enter: cart_left never happened`, `"checks":[`, "ID(ann)", `"journeys":[]`, `"refusals":[]`}},
			{name: "enter", path: "/campaigns/nudge/enter", body: `{"customer":"ann","data":{"total":60},"key":"k"}`, status: 202, want: []string{"ID(ann)"}},
			{name: "enter nobody", path: "/campaigns/nudge/enter", body: `{"customer":"nobody"}`, status: 404, want: []string{`customer \"nobody\"`}},
			{name: "enter nothing", path: "/campaigns/none/enter", body: `{"customer":"ann"}`, status: 404, want: []string{`campaign \"none\"`}},
			{name: "results", path: "/campaigns/nudge/results", status: 200, want: []string{`"entered":0`, `"waiting":[]`, `"splits":[]`}},
			{name: "results of none", path: "/campaigns/none/results", status: 404, want: []string{"none"}},
			{name: "why nobody", path: "/customers/nobody/why/nudge", status: 404, want: []string{"nobody"}},
			{name: "why none", path: "/customers/ann/why/none", status: 404, want: []string{`campaign \"none\"`}},
			{name: "why another's", path: "/customers/ID(stranger)/why/nudge", status: 404},
		})
	})
}

func TestTasksUsersCouponsPolicy(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.all([]exchange{
		{name: "no tasks", path: "/tasks", status: 200, want: []string{`{"tasks":[]}`}},
		{name: "no such status", path: "/tasks?status=late", status: 422, want: []string{"query.status"}},
		{name: "tasks of nobody", path: "/tasks?customer=nobody", status: 404},
		{name: "no task", path: "/tasks/7", status: 404, want: []string{`task \"7\"`}},
		{name: "complete none", path: "/tasks/7/complete", body: `{}`, status: 404, want: []string{`task \"7\"`}},
		{name: "assign none", path: "/tasks/7/assign", body: `{"to":"ann@example.com"}`, status: 404, want: []string{`task \"7\"`}},
		{name: "user", path: "/users", body: `{"email":"Ann@Shop.example","name":"Ann","role":"sales"}`, status: 204},
		{name: "no address", path: "/users", body: `{"email":"ann"}`, status: 422, want: []string{"e-mail"}},
		{name: "users", path: "/users", status: 200, want: []string{`"email":"ann@shop.example"`, `"role":"sales"`}},
		{name: "coupons", path: "/coupons/gift", body: `{"codes":["A1","A2","a1"]}`, status: 200, want: []string{`"added":2`, `"known":1`}},
		{name: "bad coupon", path: "/coupons/gift", body: `{"codes":["A 1"]}`, status: 422, want: []string{"code 1"}},
		{name: "pools", path: "/coupons", status: 200, want: []string{`"name":"gift"`, `"free":2`}},
		{name: "no policy", path: "/policy", status: 200},
		{name: "policy", method: "PUT", path: "/policy", body: `{"quiet":[{"from":"21:00","to":"09:00"}],"caps":[{"channel":"email","most":3,"within":"7d"}],"holdout":"2%"}`, status: 200, want: []string{`"holdout":"2%"`, `"most":3`}},
		{name: "is kept", path: "/policy", status: 200, want: []string{`"from":"21:00"`}},
		{name: "workspace", path: "/workspace", status: 200, want: []string{`"timezone":"UTC"`}},
		{name: "move it", method: "PATCH", path: "/workspace", body: `{"timezone":"Europe/Kyiv","country":"PL"}`, status: 200, want: []string{`"timezone":"Europe/Kyiv"`, `"country":"PL"`}},
		{name: "one of both", method: "PATCH", path: "/workspace", body: `{"country":"UA"}`, status: 200, want: []string{`"timezone":"Europe/Kyiv"`, `"country":"UA"`}},
		{name: "no zone", method: "PATCH", path: "/workspace", body: `{"timezone":"Kyiv","country":"PL"}`, status: 422, want: []string{"is no time zone", "Europe/Kyiv"}},
		{name: "no country", method: "PATCH", path: "/workspace", body: `{"country":"XX"}`, status: 422, want: []string{"is no country"}},
		{name: "moved", path: "/workspace", status: 200, want: []string{`"country":"UA"`}},
		{name: "bad policy", method: "PUT", path: "/policy", body: `{"caps":[{"most":0,"within":"7d"}]}`, status: 422, want: []string{`"bad_policy"`, `"violations":[`, "caps[0]"}},
	})
}

func TestTask(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	id := o.task("ann", "Call Ann")
	o.all([]exchange{
		{name: "list", path: "/tasks?status=open&customer=ann", status: 200, want: []string{`"title":"Call Ann"`, id}},
		{name: "user", path: "/users", body: `{"email":"sam@shop.example"}`, status: 204},
		{name: "assign", path: "/tasks/" + id + "/assign", body: `{"to":"sam@shop.example"}`, status: 200, want: []string{`"assignee":"sam@shop.example"`}},
		{name: "to nobody there is", path: "/tasks/" + id + "/assign", body: `{"to":"who@shop.example"}`, status: 404, want: []string{"who@shop.example"}},
		{name: "theirs", path: "/tasks?assignee=" + url.QueryEscape("sam@shop.example"), status: 200, want: []string{id}},
		{name: "complete", path: "/tasks/" + id + "/complete", body: `{"outcome":"reached","note":"wants an offer"}`, status: 200, want: []string{`"status":"done"`, `"outcome":"reached"`, `"closed_by":"key:`}},
		{name: "again", path: "/tasks/" + id + "/complete", body: `{}`, status: 422, want: []string{"closed already"}},
		{name: "another's", path: "/tasks/" + id, header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 404},
	})
}

// provider takes calls, or says why not.
type provider struct{ err error }

func (p provider) Dial(context.Context, voice.Call) (channels.Receipt, error) {
	return channels.Receipt{ProviderID: "CA1", Response: "queued"}, p.err
}

func (p provider) Take(context.Context, voice.Take) (channels.Receipt, error) {
	return channels.Receipt{ProviderID: "CA2", Response: "queued"}, p.err
}

func TestDialTask(t *testing.T) {
	t.Parallel()
	const user = "sam@shop.example"
	newCall := func(desk activities.Desk, phone string) (*office, string) {
		o := newOffice(t, func(c *manage.Config) { c.Desk = desk; c.Desk.Store = c.Store })
		require.NoError(t, o.store.AddUser(t.Context(), o.seed.Workspace, store.User{Email: user, Phone: phone}))
		require.NoError(t, o.store.Receive(t.Context(), o.seed.Workspace, store.Inbound{
			Channel: audience.SMS, From: "+380671234567", ProviderID: "SM1", Body: "Ring me", At: time.Now(),
		}))
		c, err := o.store.FindCustomer(t.Context(), o.seed.Workspace, "+380671234567")
		require.NoError(t, err)
		return o, "/tasks/" + storetest.Call(t, o.url, o.seed.Workspace, c.ID, user) + "/dial"
	}
	t.Run("Is refused with the reason", func(t *testing.T) {
		t.Parallel()
		o, path := newCall(activities.Desk{}, "+380501112233")
		o.all([]exchange{
			{name: "no provider", method: "POST", path: path, status: 422, want: []string{"TWILIO_ACCOUNT_SID"}},
			{name: "no task", method: "POST", path: "/tasks/7/dial", status: 404, want: []string{`task \"7\"`}},
			{name: "another's", method: "POST", path: path, header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 404},
		})
		o, path = newCall(activities.Desk{Dialer: provider{}, From: "+15005550006"}, "")
		o.do(exchange{name: "no phone", method: "POST", path: path, status: 422, want: []string{"no phone number of " + user}})
	})

	t.Run("Gives what the provider said", func(t *testing.T) {
		t.Parallel()
		for kind, advice := range map[channels.FailureKind]string{
			channels.Temporary: "again later", channels.Unreachable: "again later", channels.Unknown: "wait a while",
			channels.BadMessage: "correct the numbers", channels.SenderBlocked: "correct our account",
		} {
			failure := &channels.SendError{Kind: kind, Code: "10004", Detail: "too many calls", RetryAfter: 3 * time.Second}
			o, path := newCall(activities.Desk{Dialer: provider{failure}, From: "+15005550006"}, "+380501112233")
			o.do(exchange{name: kind.String(), method: "POST", path: path, status: 502, want: []string{
				`"code":"provider"`, kind.String(), "too many calls", advice, "Retry-After: 3",
			}})
		}
	})
}

func TestMoves(t *testing.T) {
	t.Parallel()
	m := manage.Moves{Default: "exit", Steps: map[string]string{"a": "move"}, Rename: map[string]string{"a": "b"}}
	require.Equal(t, store.Moves{
		Default: store.PolicyExit, Steps: map[string]store.MovePolicy{"a": store.PolicyMove}, Rename: map[string]string{"a": "b"},
	}, m.Stored())
}

// task gives somebody an open task about a customer, as a journey would.
func (o *office) task(customer, title string) string {
	o.t.Helper()
	c, err := o.store.FindCustomer(o.t.Context(), o.seed.Workspace, customer)
	require.NoError(o.t, err)
	conn, err := pgx.Connect(o.t.Context(), o.url)
	require.NoError(o.t, err)
	id := uuid.NewString()
	_, err = conn.Exec(o.t.Context(), `INSERT INTO tasks (workspace_id, id, customer_id, title) VALUES ($1, $2, $3, $4)`,
		o.seed.Workspace, id, c.ID, title)
	require.NoError(o.t, err)
	require.NoError(o.t, conn.Close(o.t.Context()))
	return id
}
