package manage_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/starter/manage"
)

func TestCalls(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *manage.Config) {
		c.Desk = activities.Desk{Store: c.Store, Dialer: provider{}, From: "+15005550006"}
	})
	ws := o.seed.Workspace
	const take = `{"user":"sam@shop.example"}`
	require.NoError(t, o.store.AddUser(t.Context(), ws, store.User{Email: "sam@shop.example"}))
	o.all([]exchange{
		{name: "nobody calls", path: "/calls/current", status: 200, want: []string{`"calls":[]`}},
		{name: "no such user", path: "/calls/take", body: `{"user":"bob@shop.example"}`, status: 404, want: []string{"bob@shop.example"}},
		{name: "no phone", path: "/calls/take", body: take, status: 422, want: []string{"no phone number of sam@shop.example"}},
	})
	require.NoError(t, o.store.AddUser(t.Context(), ws, store.User{Email: "sam@shop.example", Phone: "+380501112233"}))
	_, err := o.store.CallCame(t.Context(), ws, store.IncomingCall{SID: "CA1", From: "+380671234567", To: "+15005550006", At: time.Now()})
	require.NoError(t, err)
	o.do(exchange{name: "nobody waits", path: "/calls/take", body: take, status: 422, want: []string{"nobody waits in the queue"}})
	_, err = o.store.CallChanged(t.Context(), ws, store.CallChange{SID: "CA1", State: store.CallWaiting, At: time.Now()})
	require.NoError(t, err)
	o.all([]exchange{
		{name: "she waits", path: "/calls/current", status: 200, want: []string{`"state":"waiting"`, `"from":"+380671234567"`, `"customer_id"`, `"touches":[]`}},
		{name: "not for sam", path: "/calls/current?user=sam@shop.example", status: 200, want: []string{`"calls":[]`}},
		{name: "taken", path: "/calls/take", body: take, status: 202, want: []string{`"call_id":"CA2"`}},
		{name: "another's", path: "/calls/current", header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 200, want: []string{`"calls":[]`}},
	})
}

func TestTelephony(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.all([]exchange{
		{name: "set", method: "PUT", path: "/telephony", body: `{"senders":[{"from":"Shop"}],"prices":{"UA":0.1}}`, status: 200, want: []string{`"from":"Shop"`, `"UA":"0.1"`}},
		{name: "shown", path: "/telephony", status: 200, want: []string{`"from":"Shop"`}},
		{name: "contradiction", method: "PUT", path: "/telephony", body: `{"max_segments":99}`, status: 422, want: []string{"telephony.max_segments is 99"}},
		{name: "unknown field", method: "PUT", path: "/telephony", body: `{"surprise":1}`, status: 422, want: []string{"bad_telephony", "surprise"}},
		{name: "as before", path: "/telephony", status: 200, want: []string{`"from":"Shop"`}},
	})
}
