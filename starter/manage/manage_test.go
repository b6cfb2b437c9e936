package manage_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/starter/manage"
)

func TestSegments(t *testing.T) {
	t.Parallel()

	t.Run("Live from creation to deletion", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{name: "none yet", path: "/segments", status: 200, want: []string{`{"segments":[]}`}},
			{
				name: "create", path: "/segments", body: `{"name":"plan a","description":"of a","rule":"customer.plan == \"a\""}`, status: 201,
				want: []string{`"status":"building"`, `"version":1`, `"kind":"rule"`, `"mentions":["customer:plan"]`, `"warnings":[`, "Location: /api/v1/segments/plan%20a"},
				then: o.build,
			},
			{name: "get", path: "/segments/plan%20a", status: 200, want: []string{`"status":"live"`, `"members":1`, `"description":"of a"`}, unwanted: []string{`"progress"`, "0001-01-01"}},
			{name: "members", path: "/segments/plan%20a/members", status: 200, want: []string{`"count":1`, `ID(ann)`, `"cause":"build"`}, unwanted: []string{"ID(bob)", `"next"`}},
			{name: "before", path: "/segments/plan%20a/members?as_of=2020-01-01T00:00:00Z", status: 200, want: []string{`"count":0`, `"members":[]`}},
			{name: "before, by the date", path: "/segments/plan%20a/members?as_of=2020-01-01", status: 200, want: []string{`"count":0`}},
			{name: "history", path: "/segments/plan%20a/history", status: 200, want: []string{`"joined":true`, `"cause":"build"`, "ID(ann)"}},
			{name: "history of one", path: "/segments/plan%20a/history?customer=bob", status: 200, want: []string{`"changes":[]`}},
			{name: "of the customer", path: "/customers/ann/segments", status: 200, want: []string{`"segment":"plan a"`, `"cause":"build"`, `"joined_at"`}},
			{name: "of another", path: "/customers/bob@example.com/segments", status: 200, want: []string{`"segments":[]`, "ID(bob)"}},
			{
				name: "a description is no new version", method: "PATCH", path: "/segments/plan%20a", body: `{"description":"new"}`, status: 200,
				want: []string{`"description":"new"`, `"version":1`, `"status":"live"`},
			},
			{
				name: "a rule is", method: "PATCH", path: "/segments/plan%20a", body: `{"rule":"customer.plan == \"b\""}`, status: 200,
				want: []string{`"version":2`, `"status":"building"`, `"progress"`}, then: o.build,
			},
			{name: "members anew", path: "/segments/plan%20a/members", status: 200, want: []string{"ID(bob)", `"cause":"edit"`}, unwanted: []string{"ID(ann)"}},
			{name: "rename", method: "PATCH", path: "/segments/plan%20a", body: `{"name":"plan b"}`, status: 200, want: []string{`"name":"plan b"`}},
			{name: "the old name is gone", path: "/segments/plan%20a", status: 404, want: []string{`"not_found"`, "plan a"}},
			{name: "rebuild", method: "POST", path: "/segments/plan%20b/rebuild", status: 202, want: []string{`"status":"building"`}, then: o.build},
			{name: "delete", method: "DELETE", path: "/segments/plan%20b", status: 204},
			{name: "gone", path: "/segments/plan%20b", status: 404, want: []string{`"not_found"`}},
			{name: "no more in it", path: "/customers/bob/segments", status: 200, want: []string{`"segments":[]`}},
			{name: "delete again", method: "DELETE", path: "/segments/plan%20b", status: 404, want: []string{`"not_found"`}},
		})
	})

	t.Run("Explain a customer, in or out", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{name: "create", path: "/segments", body: `{"name":"a","rule":"customer.plan == \"a\" and count(events(\"registered\", \"30d\")) >= 1"}`, status: 201, then: o.build},
			{
				name: "in", path: "/segments/a/explain?customer=ann@example.com", status: 200,
				want: []string{`"member":true`, `"holds":true`, `customer.plan`, `"explanation":{`, `"cause":"build"`, `"next_check"`, "ID(ann)"},
			},
			{name: "out", path: "/segments/a/explain?customer=ID(bob)", status: 200, want: []string{`"member":false`, `"holds":false`, `"history":[]`}},
			{name: "in the past", path: "/segments/a/explain?customer=ann&at=2020-01-01T00:00:00Z", status: 200, want: []string{`"member":false`, `"holds":false`}},
			{name: "by the date", path: "/segments/a/explain?customer=ann&at=2020-01-01", status: 200, want: []string{`"at":"2020-01-01T00:00:00Z"`}},
			{name: "no date", path: "/segments/a/explain?customer=ann&at=2020-02-31", status: 422, want: []string{"query.at"}},
			{name: "a phone", path: "/segments/a/explain?customer=%2B380501112233", status: 404, want: []string{`customer \"+380501112233\"`}},
			{name: "a phone, unescaped", path: "/segments/a/explain?customer=+380501112233", status: 404, want: []string{`customer \"+380501112233\"`}},
			{name: "nobody", path: "/segments/a/explain?customer=nobody", status: 404, want: []string{"nobody", `"not_found"`}},
			{name: "no segment", path: "/segments/b/explain?customer=ann", status: 404, want: []string{`segment \"b\"`}},
			{name: "no customer named", path: "/segments/a/explain", status: 422, want: []string{"query.customer"}},
		})
	})

	t.Run("Say what is wrong, where, and how to mend it", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{name: "vip", path: "/segments", body: `{"name":"vip","rule":"customer.plan == \"a\""}`, status: 201},
			{name: "on vip", path: "/segments", body: `{"name":"best","rule":"segment(\"vip\") and customer.email != \"\""}`, status: 201},
			{name: "taken", path: "/segments", body: `{"name":"vip","rule":"true == true"}`, status: 409, want: []string{`"exists"`, "choose another"}},
			{name: "mentioned", method: "DELETE", path: "/segments/vip", status: 409, want: []string{`"in_use"`, `best`}},
			{name: "mentioned by name", method: "PATCH", path: "/segments/vip", body: `{"name":"gold"}`, status: 409, want: []string{`"in_use"`, "best"}},
			{name: "circle", method: "PATCH", path: "/segments/vip", body: `{"rule":"segment(\"best\")"}`, status: 422, want: []string{`"bad_rule"`, "circle"}},
			{
				name: "mistake", path: "/segments", body: `{"name":"x","rule":"customer.plan ==\n custmer.x"}`, status: 422,
				want: []string{`"bad_rule"`, `"line":2`, `"column":2`, `"snippet":" custmer.x\n ^`, `"suggestion":"customer"`, `"location":"body.rule"`},
			},
			{name: "no rule", path: "/segments", body: `{"name":"x"}`, status: 422, want: []string{`"bad_rule"`}},
			{name: "a list with a rule", path: "/segments", body: `{"name":"x","kind":"static","rule":"customer.x == 1"}`, status: 422, want: []string{`"wrong_kind"`}},
			{name: "no name", path: "/segments", body: `{"rule":"customer.x == 1"}`, status: 422, want: []string{`"invalid"`, "name"}},
			{name: "blank name", path: "/segments", body: `{"name":"  ","rule":"customer.x == 1"}`, status: 422, want: []string{`"bad_name"`, "empty"}},
			{name: "long name", path: "/segments", body: `{"name":"` + strings.Repeat("n", 101) + `","rule":"customer.x == 1"}`, status: 422, want: []string{`"bad_name"`}},
			{name: "unknown field", path: "/segments", body: `{"name":"x","rul":"true"}`, status: 422, want: []string{`"invalid"`, "body.rul"}},
			{name: "long unknown field", path: "/segments", body: `{"name":"x","` + strings.Repeat("long", 5000) + `":"true"}`, status: 422, want: []string{`…`}, unwanted: []string{strings.Repeat("long", 100)}},
			{name: "wrong type", path: "/segments", body: `{"name":5,"rule":"true"}`, status: 422, want: []string{"body.name", "string"}},
			{name: "not JSON", path: "/segments", body: `{"name":`, status: 400, want: []string{`"bad_request"`}},
			{name: "nothing", method: "POST", path: "/segments", status: 400, want: []string{`"bad_request"`, "required"}},
			{name: "a form", path: "/segments", header: map[string]string{"Content-Type": "text/plain"}, body: `{"name":"x"}`, status: 415, want: []string{`"unsupported_media_type"`}},
			{name: "packed", path: "/segments", header: map[string]string{"Content-Encoding": "gzip"}, body: `{}`, status: 415, want: []string{`"unsupported_encoding"`}},
			{name: "misspelt filter", path: "/segments/vip/members?asof=2026-01-01T00:00:00Z", status: 422, want: []string{"query.asof"}},
			{name: "no time", path: "/segments/vip/members?as_of=yesterday", status: 422, want: []string{"query.as_of", "write 2026-01-31 or 2026-01-31T09:00:00Z"}, unwanted: []string{"2006-01-02"}},
			{name: "too many", path: "/segments/vip/members?limit=1001", status: 422, want: []string{"query.limit"}},
			{name: "too few", path: "/segments?limit=0", status: 422, want: []string{"query.limit"}},
			{name: "no cursor", path: "/segments/vip/members?after=x", status: 422, want: []string{`"bad_cursor"`}},
			{name: "no cursor of segments", path: "/segments?after=%2A", status: 422, want: []string{`"bad_cursor"`}},
			{name: "nothing there", path: "/segmints", status: 404, want: []string{`"no_such_path"`, "/openapi.json"}},
			{name: "no such method", method: "PUT", path: "/segments/vip", status: 405, want: []string{`"method_not_allowed"`, "Allow: DELETE, GET, HEAD, PATCH"}},
			{name: "members of none", path: "/segments/none/members", status: 404, want: []string{"none"}},
			{name: "history of none", path: "/segments/none/history", status: 404, want: []string{"none"}},
			{name: "rebuild none", method: "POST", path: "/segments/none/rebuild", status: 404, want: []string{"none"}},
			{name: "edit none", method: "PATCH", path: "/segments/none", body: `{"description":"x"}`, status: 404, want: []string{"none"}},
		})
		require.NotContains(t, o.logs.String(), "ERROR", "mistakes of callers are none of ours")
	})

	t.Run("Come in pages that miss and repeat nothing", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		want := []string{}
		for i := range 7 {
			name := fmt.Sprintf("s%d", i)
			want = append(want, name)
			o.do(exchange{name: name, path: "/segments", body: fmt.Sprintf(`{"name":%q,"rule":"customer.email != \"\""}`, name), status: 201})
		}
		o.build()
		var got []string
		for after := ""; ; {
			var list struct {
				Segments []manage.Segment `json:"segments"`
				Next     string           `json:"next"`
			}
			require.NoError(t, json.Unmarshal([]byte(o.do(exchange{name: "page", path: "/segments?limit=3&after=" + url.QueryEscape(after), status: 200})), &list))
			for _, g := range list.Segments {
				got = append(got, g.Name)
			}
			if after = list.Next; after == "" {
				break
			}
			// What is removed before the cursor does not shift the page.
			o.do(exchange{name: "delete", method: "DELETE", path: "/segments/" + list.Segments[0].Name, status: 204})
		}
		require.Equal(t, want, got)

		seen := map[string]bool{}
		for after := ""; ; {
			var list struct {
				Count   int64           `json:"count"`
				Members []manage.Member `json:"members"`
				Next    string          `json:"next"`
			}
			require.NoError(t, json.Unmarshal([]byte(o.do(exchange{name: "members", path: "/segments/s1/members?limit=2&after=" + after, status: 200})), &list))
			require.EqualValues(t, 3, list.Count)
			for _, m := range list.Members {
				require.False(t, seen[m.CustomerID])
				seen[m.CustomerID] = true
			}
			if after = list.Next; after == "" {
				break
			}
		}
		require.Len(t, seen, 3)
	})
}

func TestMembersOfStaticSegments(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *manage.Config) { c.MaxBody, c.MaxImport = 4096, 8192 })
	csv := map[string]string{"Content-Type": "text/csv; charset=utf-8"}
	o.all([]exchange{
		{name: "create", path: "/segments", body: `{"name":"list","kind":"static"}`, status: 201, want: []string{`"kind":"static"`, `"status":"live"`}},
		{name: "rule", path: "/segments", body: `{"name":"rule","rule":"customer.plan == \"a\""}`, status: 201},
		{
			name: "CSV", path: "/segments/list/members", header: csv, body: "email\nann@example.com\nnobody@example.com\n", status: 200,
			want: []string{`"lines":2`, `"known":1`, `"joined":1`, `"left":0`, `"unknown":[{"line":3,"text":"nobody@example.com"}]`},
		},
		{name: "JSON", path: "/segments/list/members", body: `{"ids":["email","bob","ID(cyd)"]}`, status: 200, want: []string{`"joined":2`, `"unknown":[{"line":1,"text":"email"}]`}},
		{name: "they are in", path: "/segments/list/members", status: 200, want: []string{`"count":3`, `"cause":"import"`}},
		{name: "replace", path: "/segments/list/members?replace=true", header: csv, body: "bob\n", status: 200, want: []string{`"joined":0`, `"left":2`}},
		{name: "only bob", path: "/segments/list/members", status: 200, want: []string{`"count":1`, "ID(bob)"}},
		{name: "nobody known", path: "/segments/list/members?replace=true", header: csv, body: "id\nzed\n", status: 422, want: []string{`"none_known"`, `line 2 is \"zed\"`, `"line":2`}},
		{name: "nobody known of JSON", path: "/segments/list/members?replace=true", body: `{"ids":["zed"]}`, status: 422, want: []string{`line 1 is \"zed\"`}},
		{name: "no ids", path: "/segments/list/members?replace=true", body: `{"ids":[""]}`, status: 422, want: []string{"ids[0] is empty"}},
		{name: "nothing to add", path: "/segments/list/members", body: `{"ids":[]}`, status: 422, want: []string{`"none_known"`}},
		{name: "empty it", path: "/segments/list/members?replace=true", body: `{"ids":[]}`, status: 200, want: []string{`"left":1`}},
		{name: "it is empty", path: "/segments/list/members", status: 200, want: []string{`"count":0`}},
		{name: "bob again", path: "/segments/list/members", body: `{"ids":["bob"]}`, status: 200, want: []string{`"joined":1`}},
		{name: "of another workspace", path: "/segments/list/members", body: `{"ids":["ID(stranger)","stranger@example.com"]}`, status: 422, want: []string{`"none_known"`}},
		{name: "not a list", path: "/segments/rule/members", header: csv, body: "ann\n", status: 422, want: []string{`"wrong_kind"`}},
		{name: "nothing to rebuild", method: "POST", path: "/segments/list/rebuild", status: 422, want: []string{"no rule"}},
		{name: "no such segment", path: "/segments/none/members", header: csv, body: "ann\n", status: 404, want: []string{"none"}},
		{name: "neither CSV nor JSON", path: "/segments/list/members", header: map[string]string{"Content-Type": "application/xml"}, body: "<x/>", status: 415, want: []string{"text/csv"}},
		{name: "no type", method: "POST", path: "/segments/list/members", status: 415},
		{name: "wrong JSON", path: "/segments/list/members", body: `{"ids":["a"]}{"ids":["b"]}`, status: 400, want: []string{`"bad_request"`}},
		{name: "other JSON", path: "/segments/list/members", body: `{"id":["a"]}`, status: 400},
		{name: "lines in an id", path: "/segments/list/members", body: `{"ids":["a\nID(cyd)"]}`, status: 422, want: []string{"ids[0]"}},
		{name: "quotes in an id", path: "/segments/list/members", body: `{"ids":["a\",ID(cyd)", "ann"]}`, status: 200, want: []string{`"joined":1`, `"unknown_count":1`}},
		{name: "large JSON", path: "/segments/list/members", body: `{"ids":["` + strings.Repeat("x", 5000) + `"]}`, status: 413, want: []string{"4096 bytes"}},
		{name: "large CSV", path: "/segments/list/members", header: csv, body: strings.Repeat("ann\n", 3000), status: 413, want: []string{"8192 bytes"}},
		{name: "large body elsewhere", path: "/segments", body: `{"name":"` + strings.Repeat("x", 5000) + `"}`, status: 413, want: []string{`"too_large"`}},
		{name: "unchanged", path: "/segments/list/members", status: 200, want: []string{`"count":2`, "ID(ann)", "ID(bob)"}, unwanted: []string{"ID(cyd)"}},
	})
}

func TestRules(t *testing.T) {
	t.Parallel()

	t.Run("Are checked against what is known", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		require.NoError(t, o.store.LearnStored(t.Context(), o.seed.Workspace))
		o.all([]exchange{
			{
				name: "fine", path: "/rules/check", body: `{"rule":"customer.plan == \"a\" and count(events(\"registered\", \"90d\")) > 0"}`, status: 200,
				want: []string{`"ok":true`, `"warnings":[]`, `"needs":["customer:plan","event:registered"]`, `"clock":true`},
			},
			{name: "near", path: "/rules/check", body: `{"rule":"customer.plam == \"a\""}`, status: 422, want: []string{`"suggestion":"plan"`, `"line":1`, "did you mean"}},
			{name: "an event's rule without one", path: "/rules/check", body: `{"rule":"event.via == \"site\""}`, status: 422, want: []string{`"bad_rule"`}},
			{name: "with one", path: "/rules/check", body: `{"rule":"event.via == \"site\"","event":"registered"}`, status: 200, want: []string{`"ok":true`}},
			{name: "with a mistake", path: "/rules/check", body: `{"rule":"event.vja == \"site\"","event":"registered"}`, status: 422, want: []string{`"suggestion":"via"`}},
			{name: "empty", path: "/rules/check", body: `{"rule":""}`, status: 422, want: []string{"body.rule"}},
			{name: "very long", path: "/rules/check", body: `{"rule":"` + strings.Repeat("1 + ", 100_000) + `1 == 2"}`, status: 422, want: []string{`"bad_rule"`}},
			{name: "very deep", path: "/rules/check", body: `{"rule":"` + strings.Repeat("(", 5000) + "true" + strings.Repeat(")", 5000) + `"}`, status: 422, want: []string{`"bad_rule"`}},
		})
	})

	t.Run("Are previewed", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.all([]exchange{
			{
				name: "count", path: "/segments/preview", body: `{"rule":"customer.plan in [\"a\", \"b\"]"}`, status: 200,
				want: []string{`"count":2`, "ID(ann)", "ID(bob)", `"plan":{`, `"exact":`, `"parts":[`, `"sql":"`, `"took_ms":`}, unwanted: []string{"ID(cyd)", "ID(stranger)"},
			},
			{name: "at a moment", path: "/segments/preview", body: `{"rule":"count(events(\"registered\")) > 0","at":"2020-01-01T00:00:00Z"}`, status: 200, want: []string{`"count":0`, `"note":"events`}},
			{name: "at a date", path: "/segments/preview", body: `{"rule":"count(events(\"registered\")) > 0","at":"2020-01-01"}`, status: 200, want: []string{`"count":0`}},
			{name: "in the future", path: "/segments/preview", body: `{"rule":"customer.plan == \"a\"","at":"2999-01-01"}`, status: 422, want: []string{"in the future"}},
			{name: "mistake", path: "/segments/preview", body: `{"rule":"customer.plan = 1"}`, status: 422, want: []string{`"bad_rule"`}},
			{name: "no moment", path: "/segments/preview", body: `{"rule":"customer.plan == 1","at":"soon"}`, status: 422, want: []string{"body.at"}},
		})
		slow := newOffice(t, func(c *manage.Config) { c.PreviewTimeout = time.Nanosecond })
		slow.do(exchange{name: "given up", path: "/segments/preview", body: `{"rule":"customer.plan == \"a\""}`, status: 504, want: []string{`"too_slow"`, "narrow the rule"}})
	})
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	require.NoError(t, o.store.LearnStored(t.Context(), o.seed.Workspace))
	o.all([]exchange{
		{name: "learnt", path: "/catalogue", status: 200, want: []string{`"name":"plan"`, `"type":"text"`, `"name":"registered"`, `"event":"registered","name":"via"`, `"count":3`}, unwanted: []string{`"next"`}},
		{name: "attributes", path: "/catalogue?kind=attribute", status: 200, want: []string{`"plan"`}, unwanted: []string{"registered"}},
		{name: "first page", path: "/catalogue?limit=1", status: 200, want: []string{`"plan"`, `"next":"`}},
		{
			name: "declare", method: "PUT", path: "/catalogue", status: 200, want: []string{`"declared":3`},
			body: `{"entries":[{"kind":"attribute","name":"age","type":"number","description":"in years"},{"kind":"event","name":"paid"},{"kind":"property","event":"paid","name":"total","type":"number"}]}`,
		},
		{name: "declared", path: "/catalogue", status: 200, want: []string{`"name":"age","type":"number","declared":true,"description":"in years"`, `"name":"paid"`, `"name":"total"`}},
		{name: "a rule against it", path: "/rules/check", body: `{"rule":"customer.agr > 3"}`, status: 422, want: []string{`"suggestion":"age"`}},
		{name: "forget", method: "DELETE", path: "/catalogue/attributes/age", status: 204},
		{name: "forget a property", method: "DELETE", path: "/catalogue/events/paid/properties/total", status: 204},
		{name: "forget an event", method: "DELETE", path: "/catalogue/events/paid", status: 204},
		{name: "forgotten", path: "/catalogue", status: 200, unwanted: []string{`"age"`, `"paid"`, `"total"`}},
		{name: "forget again", method: "DELETE", path: "/catalogue/attributes/age", status: 404, want: []string{"age"}},
		{name: "property without event", method: "PUT", path: "/catalogue", body: `{"entries":[{"kind":"property","name":"total","type":"number"}]}`, status: 422, want: []string{"body.entries[0]"}},
		{name: "event with type", method: "PUT", path: "/catalogue", body: `{"entries":[{"kind":"event","name":"x","type":"number"}]}`, status: 422, want: []string{"body.entries[0]"}},
		{name: "attribute of an event", method: "PUT", path: "/catalogue", body: `{"entries":[{"kind":"attribute","event":"x","name":"x","type":"number"}]}`, status: 422, want: []string{"leave event out"}},
		{name: "no type", method: "PUT", path: "/catalogue", body: `{"entries":[{"kind":"attribute","name":"x","type":"integer"}]}`, status: 422, want: []string{"body.entries[0].type"}},
		{name: "nothing", method: "PUT", path: "/catalogue", body: `{"entries":[]}`, status: 422, want: []string{"body.entries"}},
		{name: "of another workspace", path: "/catalogue", header: map[string]string{"Authorization": "Bearer OTHERKEY"}, status: 200, want: []string{`"entries":[]`}},
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()

	t.Run("Is by bearer key with the scope manage alone", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		auth := func(value string) map[string]string { return map[string]string{"Authorization": value} }
		challenge := []string{`"unauthorized"`, `Www-Authenticate: Bearer realm="dotyk"`}
		o.all([]exchange{
			{name: "none", path: "/segments", header: auth(""), status: 401, want: challenge},
			{name: "unknown", path: "/segments", header: auth("Bearer dk_0123456789"), status: 401, want: challenge},
			{name: "endless", path: "/segments", header: auth("Bearer " + strings.Repeat("x", 9000)), status: 401, want: challenge},
			{name: "basic", path: "/segments", header: auth("Basic S0VZOg=="), status: 401, want: challenge},
			{name: "in the address", path: "/segments?key=KEY", header: auth(""), status: 401, want: challenge},
			{name: "in a cookie", path: "/segments", header: map[string]string{"Authorization": "", "Cookie": "key=KEY"}, status: 401, want: challenge},
			{name: "a write key", path: "/segments", header: auth("Bearer WRITEKEY"), status: 403, want: []string{`"forbidden"`, `error="insufficient_scope"`, "--scope manage"}},
			{name: "a write key writes nothing", path: "/segments", header: auth("Bearer WRITEKEY"), body: `{"name":"x","rule":"customer.x == 1"}`, status: 403},
			{name: "paths are told to nobody", path: "/nowhere", header: auth(""), status: 401},
			{name: "any case", path: "/segments", header: auth("bearer KEY"), status: 200},
			{name: "a page of another site asks first, in vain", method: "OPTIONS", path: "/segments", header: map[string]string{"Authorization": "", "Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}, status: 401, unwanted: []string{"Access-Control"}},
			{name: "a name for the request", path: "/segments", header: map[string]string{"X-Request-Id": "abc-123"}, status: 200, want: []string{"X-Request-Id: abc-123"}},
			{name: "no text for the log", path: "/segments", header: map[string]string{"X-Request-Id": "a b<script>"}, status: 200, unwanted: []string{"script"}},
		})
	})

	t.Run("Ends at the workspace of the key", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		other := map[string]string{"Authorization": "Bearer OTHERKEY"}
		o.do(exchange{name: "create", path: "/segments", body: `{"name":"ours","rule":"customer.plan != \"\""}`, status: 201})
		o.build()
		o.all([]exchange{
			{name: "list", path: "/segments", header: other, status: 200, want: []string{`"segments":[]`}},
			{name: "get", path: "/segments/ours", header: other, status: 404},
			{name: "edit", method: "PATCH", path: "/segments/ours", header: other, body: `{"description":"x"}`, status: 404},
			{name: "delete", method: "DELETE", path: "/segments/ours", header: other, status: 404},
			{name: "members", path: "/segments/ours/members", header: other, status: 404},
			{name: "history", path: "/segments/ours/history", header: other, status: 404},
			{name: "rebuild", method: "POST", path: "/segments/ours/rebuild", header: other, status: 404},
			{name: "explain", path: "/segments/ours/explain?customer=ID(ann)", header: other, status: 404},
			{name: "customer by id", path: "/customers/ID(ann)/segments", header: other, status: 404, unwanted: []string{"ann@example.com"}},
			{name: "customer by e-mail", path: "/customers/ann@example.com/segments", header: other, status: 404},
			{name: "their customer", path: "/segments/ours/explain?customer=ID(stranger)", status: 404},
			{name: "a rule that needs ours", path: "/segments/preview", header: other, body: `{"rule":"customer.plan != \"\""}`, status: 200, want: []string{`"count":1`}, unwanted: []string{"ID(ann)"}},
			{name: "the same name", path: "/segments", header: other, body: `{"name":"ours","rule":"customer.plan == \"z\""}`, status: 201},
			{name: "ours is as it was", path: "/segments/ours", status: 200, want: []string{`"members":3`, `"version":1`}},
		})
	})

	t.Run("Lets nothing through to SQL", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		for i, text := range []string{
			`'; DROP TABLE customers; --`, `' OR '1'='1`, `\'; SELECT pg_sleep(60); --`, `$1`, `%s%n`, `{{.}}`, "\u0000", "a\u0000b", `\`, "☃\u202e", `x'||(SELECT current_user)||'`,
		} {
			in := func(format string, args ...any) string { // as JSON strings in JSON
				for i := range args {
					raw, err := json.Marshal(args[i])
					require.NoError(t, err)
					args[i] = string(raw)
				}
				return fmt.Sprintf(format, args...)
			}
			rule := in(`customer.plan == %s`, text)
			o.try(fmt.Sprintf("value %d", i), "POST", "/segments/preview", in(`{"rule":%s}`, rule))
			o.try(fmt.Sprintf("event %d", i), "POST", "/segments/preview", in(`{"rule":%s}`, in(`count(events(%s)) > 0`, text)))
			o.try(fmt.Sprintf("property %d", i), "POST", "/segments/preview", in(`{"rule":%s}`, in(`sum(events("registered"), #[%s]) > 0`, text)))
			o.try(fmt.Sprintf("attribute %d", i), "POST", "/segments/preview", in(`{"rule":%s}`, in(`customer[%s] == "x"`, text)))
			o.try(fmt.Sprintf("segment %d", i), "POST", "/segments/preview", in(`{"rule":%s}`, in(`segment(%s)`, text)))
			o.try(fmt.Sprintf("name %d", i), "POST", "/segments", in(`{"name":%s,"rule":"customer.plan == \"a\""}`, text))
			o.try(fmt.Sprintf("description %d", i), "POST", "/segments", in(`{"name":"d`+fmt.Sprint(i)+`","description":%s,"rule":"customer.plan == \"a\""}`, text))
			o.try(fmt.Sprintf("declare %d", i), "PUT", "/catalogue", in(`{"entries":[{"kind":"property","event":%s,"name":%s,"type":"text"}]}`, text, text))
			o.try(fmt.Sprintf("path %d", i), "GET", "/segments/"+url.PathEscape(text), "")
			o.try(fmt.Sprintf("customer %d", i), "GET", "/customers/"+url.PathEscape(text)+"/segments", "")
			o.try(fmt.Sprintf("forget %d", i), "DELETE", "/catalogue/events/"+url.PathEscape(text)+"/properties/"+url.PathEscape(text), "")
			o.try(fmt.Sprintf("cursor %d", i), "GET", "/segments?after="+url.QueryEscape(text), "")
			o.try(fmt.Sprintf("moment %d", i), "GET", "/segments/none/members?as_of="+url.QueryEscape(text), "")
			o.try(fmt.Sprintf("ids %d", i), "POST", "/segments/none/members", in(`{"ids":[%s]}`, text))
		}
		for _, moment := range []string{"0000-01-01T00:00:00Z", "0001-01-01T00:00:01Z", "9999-12-31T23:59:59.999999999Z", "2026-11-23T00:00:00+23:59"} {
			o.try(moment, "POST", "/segments/preview", `{"rule":"count(events(\"registered\", \"90d\")) > 0","at":"`+moment+`"}`)
			o.try(moment, "GET", "/segments/d0/members?as_of="+url.QueryEscape(moment), "")
			o.try(moment, "GET", "/segments/d0/explain?customer=ann&at="+url.QueryEscape(moment), "")
		}
		o.build()
		o.do(exchange{name: "all are there", path: "/segments/preview", body: `{"rule":"customer.email != \"\""}`, status: 200, want: []string{`"count":3`}})
		require.NotContains(t, o.logs.String(), "ERROR")
	})
}

// try sends what an attacker might, which must be answered by anything but a failure of ours.
func (o *office) try(name, method, path, body string) {
	o.t.Helper()
	r, err := http.NewRequestWithContext(o.t.Context(), method, o.base+manage.Base+path, strings.NewReader(body))
	require.NoError(o.t, err, name)
	r.Header.Set("Authorization", o.fill.Replace("Bearer KEY"))
	r.Header.Set("Content-Type", "application/json")
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	w, err := client.Do(r)
	require.NoError(o.t, err, name)
	require.NoError(o.t, w.Body.Close())
	require.Less(o.t, w.StatusCode, http.StatusInternalServerError, "%s: %s", name, o.logs)
}

func TestDescription(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	text := o.do(exchange{name: "no key needed", path: "!/openapi.json", header: map[string]string{"Authorization": ""}, status: 200, want: []string{"Content-Type: application/json"}})
	var d struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Security  []map[string][]string `json:"security"`
			Responses map[string]struct {
				Content map[string]any `json:"content"`
			} `json:"responses"`
			RequestBody struct {
				Content map[string]any `json:"content"`
			} `json:"requestBody"`
		} `json:"paths"`
		Components struct {
			Schemas         map[string]any `json:"schemas"`
			SecuritySchemes map[string]any `json:"securitySchemes"`
		} `json:"components"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &d))
	require.True(t, strings.HasPrefix(d.OpenAPI, "3.1"), d.OpenAPI)
	require.Contains(t, d.Components.Schemas, "Problem")
	require.NotContains(t, d.Components.Schemas, "ErrorModel")
	require.Contains(t, d.Components.SecuritySchemes, "key")
	require.Len(t, d.Paths, 70)
	for path, operations := range d.Paths {
		for method, operation := range operations {
			require.NotEmpty(t, operation.Security, "%s %s", method, path)
			require.Contains(t, operation.Responses["default"].Content, "application/problem+json", "%s %s", method, path)
		}
	}
	upload := d.Paths["/api/v1/segments/{name}/members"]["post"].RequestBody.Content
	require.Contains(t, upload, "text/csv")
	require.Contains(t, upload, "application/json")
	require.NotContains(t, text, "unpkg.com")
	o.do(exchange{name: "no viewer", path: "!/docs", status: 404})
}

func TestOutages(t *testing.T) {
	t.Parallel()

	t.Run("A database that is away is worth another try", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		admin, err := pgx.Connect(t.Context(), strings.Replace(o.url, "/"+storetest.Database(o.url), "/postgres", 1))
		require.NoError(t, err)
		name := storetest.Database(o.url)
		_, err = admin.Exec(t.Context(), "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
		require.NoError(t, err)
		_, err = admin.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
		require.NoError(t, err)
		require.NoError(t, admin.Close(t.Context()))
		o.do(exchange{name: "away", path: "/segments", status: 503, want: []string{`"unavailable"`, "Retry-After: 5"}, unwanted: []string{name}})
	})

	t.Run("A fault of ours is told to the log, not to the caller", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		o.store.Close()
		o.do(exchange{name: "closed", path: "/segments", status: 500, want: []string{`"internal"`}, unwanted: []string{"closed pool"}})
		require.Contains(t, o.logs.String(), "closed pool")
	})

	t.Run("A panic ends one request", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		server := httptest.NewServer(manage.New(manage.Config{Store: &store.Store{}, Logger: slog.New(slog.NewTextHandler(o.logs, nil))}))
		t.Cleanup(server.Close)
		o.base = server.URL
		for range 2 {
			o.do(exchange{name: "panics", path: "/segments", status: 500, want: []string{`"internal"`}, unwanted: []string{"nil pointer"}})
		}
		require.Contains(t, o.logs.String(), "guard.go", "the log has the stack")
	})

	t.Run("A body that does not come in time, or never could, is told so", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, func(c *manage.Config) { c.Timeout = 2 * time.Second })
		for sent, answer := range map[string]string{
			"Content-Length: 100\r\n\r\n{":               "slow_request",
			"Transfer-Encoding: chunked\r\n\r\nnone\r\n": "incomplete",
		} {
			var d net.Dialer
			conn, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(o.base, "http://"))
			require.NoError(t, err)
			_, err = io.WriteString(conn, o.fill.Replace("POST /api/v1/segments HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer KEY\r\nConnection: close\r\n"+sent))
			require.NoError(t, err)
			said, err := io.ReadAll(conn)
			require.NoError(t, err)
			require.Contains(t, string(said), answer)
			require.NoError(t, conn.Close())
		}
	})
}
