package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

var received = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func params() Params { return Params{ReceivedAt: received, Country: "UA", Source: "shop"} }

func parse(t *testing.T, kind Kind, body string) Parsed {
	t.Helper()
	p, err := Parse(kind, []byte(body), params())
	require.NoError(t, err)
	return p
}

func one(t *testing.T, kind Kind, body string) store.Message {
	t.Helper()
	p := parse(t, kind, body)
	require.Len(t, p.Messages, 1, "%+v", p.DeadLetters)
	require.Empty(t, p.DeadLetters)
	return p.Messages[0]
}

func TestParse(t *testing.T) {
	t.Parallel()
	t.Run("Track", func(t *testing.T) {
		t.Parallel()
		m := one(t, store.CallTrack, `{"type":"track","writeKey":"k","messageId":"m1","userId":42,"anonymousId":"a","event":" Order Completed ",
			"properties":{"total":12.50,"big":12345678901234567890},"context":{"locale":"uk-UA"},"integrations":{"All":true},"version":"1.1"}`)
		require.Equal(t, store.CallTrack, m.Call)
		require.Equal(t, "Order Completed", m.Name)
		require.Equal(t, "42", m.UserID)
		require.Equal(t, "a", m.AnonymousID)
		require.Equal(t, "m1", m.MessageID)
		require.Equal(t, `{"total":12.50,"big":12345678901234567890}`, string(m.Properties))
		require.JSONEq(t, `{"locale":"uk-UA"}`, string(m.Context))
		require.JSONEq(t, `{"integrations":{"All":true},"version":"1.1"}`, string(m.Extra))
		require.Equal(t, received, m.OccurredAt)
		require.Equal(t, "uk-UA", *m.Profile.Locale)
	})
	t.Run("Batch", func(t *testing.T) {
		t.Parallel()
		p := parse(t, Batch, "\xEF\xBB\xBF"+`{"batch":[
			{"type":"track","userId":"u","event":"A","context":{"app":1}},
			{"type":"page","anonymousId":"v","context":{"library":"own"},"integrations":{"All":false}},
			{"type":"group","userId":"u","groupId":"g","traits":{"email":"office@example.com"}},
			{"type":"alias","userId":"u","previousId":"v"},{"action":"screen","anonymousId":"v"},{"type":"identify","userId":"u"}
		],"context":{"library":"theirs","timezone":"Europe/Kyiv"},"integrations":{"All":true,"X":1},"messageId":"b","writeKey":"key"}`)
		require.Empty(t, p.DeadLetters)
		require.Len(t, p.Messages, 6)
		require.Equal(t, "key", p.WriteKey)
		require.Equal(t, []int{0, 1, 2, 3, 4, 5}, p.MessageIndex)
		require.JSONEq(t, `{"library":"theirs","timezone":"Europe/Kyiv","app":1}`, string(p.Messages[0].Context))
		require.JSONEq(t, `{"library":"own","timezone":"Europe/Kyiv"}`, string(p.Messages[1].Context))
		require.JSONEq(t, `{"integrations":{"All":false,"X":1}}`, string(p.Messages[1].Extra))
		require.Equal(t, "Europe/Kyiv", *p.Messages[1].Profile.Timezone)
		require.Nil(t, p.Messages[2].Profile.Email, "the traits of a group are not the customer's")
		require.JSONEq(t, `{"groupId":"g","integrations":{"All":true,"X":1}}`, string(p.Messages[2].Extra))
		var names []string
		for _, m := range p.Messages {
			names = append(names, m.Name)
		}
		require.Equal(t, []string{"A", audience.EventPageViewed, audience.EventGrouped, audience.EventAliased, audience.EventScreenViewed, audience.EventIdentified}, names)
	})
	t.Run("EmptyBatch", func(t *testing.T) {
		t.Parallel()
		require.Empty(t, parse(t, Batch, `{"batch":[]}`).Messages)
		require.Empty(t, parse(t, Import, `{"batch" : [ ] , "sentAt":null}`).Messages)
	})
	t.Run("EmptyListsOfPHP", func(t *testing.T) {
		t.Parallel()
		m := one(t, store.CallTrack, `{"userId":"u","event":"A","properties":[],"context":[ ],"integrations":[]}`)
		require.Equal(t, "{}", string(m.Properties))
		require.Empty(t, m.Context)
	})
	t.Run("ThePathDecides", func(t *testing.T) {
		t.Parallel()
		m := one(t, store.CallIdentify, `{"type":"track","userId":"u"}`)
		require.Equal(t, store.CallIdentify, m.Call)
		require.JSONEq(t, `{"type":"track"}`, string(m.Extra))
	})
	t.Run("Historical", func(t *testing.T) {
		t.Parallel()
		require.True(t, one(t, store.CallTrack, `{"userId":"u","event":"A","historical":true}`).Historical)
		require.True(t, one(t, store.CallTrack, `{"userId":"u","event":"A","context":{"historical":true}}`).Historical)
		require.True(t, one(t, Import, `{"historical":true,"batch":[{"type":"track","userId":"u","event":"A"}]}`).Historical)
		require.False(t, one(t, store.CallTrack, `{"userId":"u","event":"A","historical":false}`).Historical)
	})
	t.Run("Direct", func(t *testing.T) {
		t.Parallel()
		p := params()
		p.RemoteIP, p.UserAgent = "203.0.113.7", "curl"
		got, err := Parse(store.CallTrack, []byte(`{"userId":"u","event":"A","context":{"direct":true}}`), p)
		require.NoError(t, err)
		require.JSONEq(t, `{"direct":true,"ip":"203.0.113.7","userAgent":"curl"}`, string(got.Messages[0].Context))
		got, err = Parse(store.CallTrack, []byte(`{"userId":"u","event":"A"}`), p)
		require.NoError(t, err)
		require.Empty(t, got.Messages[0].Context, "an address is not kept unless the sender asks")
	})
}

func TestMessageID(t *testing.T) {
	t.Parallel()
	const track = `"type":"track","userId":"u","event":"A"`
	random := one(t, Batch, `{"batch":[{`+track+`}]}`)
	require.NoError(t, uuid.Validate(random.MessageID))
	require.NotEqual(t, random.MessageID, one(t, Batch, `{"batch":[{`+track+`,"messageId":""}]}`).MessageID)

	again := `{"messageId":"b","batch":[{` + track + `},{` + track + `}]}`
	first, second := parse(t, Batch, again), parse(t, Batch, again)
	require.Equal(t, first.Messages[0].MessageID, second.Messages[0].MessageID, "a repeated batch is recognised")
	require.NotEqual(t, first.Messages[0].MessageID, first.Messages[1].MessageID)

	long := strings.Repeat("x", 101)
	hashed := one(t, store.CallTrack, `{`+track+`,"messageId":"`+long+`"}`)
	require.NoError(t, uuid.Validate(hashed.MessageID))
	require.JSONEq(t, `{"messageId":"`+long+`"}`, string(hashed.Extra))
	require.NotEqual(t, hashed.MessageID, one(t, store.CallTrack, `{`+track+`,"messageId":"`+long+`y"}`).MessageID)
	require.Equal(t, "7", one(t, store.CallTrack, `{`+track+`,"messageId":7}`).MessageID)
}

func TestRejected(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ message, place, reason string }{
		{`{"type":"track","userId":"u"}`, "batch[0].event", "no name"},
		{`{"type":"track","userId":"u","event":""}`, "batch[0].event", "no name"},
		{`{"type":"track","userId":"u","event":7}`, "batch[0].event", "not a text"},
		{`{"type":"track","userId":"u","event":"` + strings.Repeat("x", 513) + `"}`, "batch[0].event", "longer than 512"},
		{`{"type":"track","event":"A"}`, "batch[0].userId", "neither userId nor anonymousId"},
		{`{"type":"track","event":"A","userId":""}`, "batch[0].userId", "neither userId nor anonymousId"},
		{`{"type":"track","event":"A","user_id":"u"}`, "batch[0].userId", "neither"},
		{`{"type":"track","event":"A","userId":true}`, "batch[0].userId", "neither a text nor a whole number"},
		{`{"type":"track","event":"A","userId":1.5}`, "batch[0].userId", "neither a text nor a whole number"},
		{`{"type":"track","event":"A","userId":"undefined"}`, "batch[0].userId", "would become one"},
		{`{"type":"track","event":"A","anonymousId":"[object Object]"}`, "batch[0].anonymousId", "would become one"},
		{`{"type":"track","event":"A","userId":"` + strings.Repeat("x", 513) + `"}`, "batch[0].userId", "longer than 512"},
		{`{"type":"track","event":"A","userId":"u","messageId":{}}`, "batch[0].messageId", "neither"},
		{`{"type":"track","event":"A","userId":"u","properties":"x"}`, "batch[0].properties", "not an object"},
		{`{"type":"identify","userId":"u","traits":[1]}`, "batch[0].traits", "not an object"},
		{`{"type":"track","event":"A","userId":"u","context":1}`, "batch[0].context", "not an object"},
		{`{"type":"track","event":"A","userId":"u","properties":{"a":{"b":"\u0000"}}}`, "batch[0].properties.a.b", "U+0000"},
		{`{"type":"track","event":"A","userId":"u","properties":{"a":"` + strings.Repeat("x", 33000) + `"}}`, "batch[0]", "more than 32768"},
		{`{"type":"group","userId":"u"}`, "batch[0].groupId", "no id"},
		{`{"type":"alias","userId":"u"}`, "batch[0].previousId", "no previousId"},
		{`{"type":"alias","previousId":"u"}`, "batch[0].userId", "no userId"},
		{`{"type":"merge","userId":"u","previousId":[]}`, "batch[0].previousId", "neither"},
		{`{"userId":"u"}`, "batch[0].type", "no type"},
		{`{"type":"form","userId":"u"}`, "batch[0].type", "not a type"},
		{`{"type":7,"userId":"u"}`, "batch[0].type", "no type"},
		{`7`, "batch[0]", "not an object"},
		{`null`, "batch[0]", "not an object"},
		{`[]`, "batch[0]", "not an object"},
	} {
		p := parse(t, Batch, `{"batch":[`+c.message+`,{"type":"track","userId":"u","event":"fine"}]}`)
		require.Len(t, p.Messages, 1, c.message)
		require.Equal(t, []int{1}, p.MessageIndex)
		require.Len(t, p.DeadLetters, 1, c.message)
		d := p.DeadLetters[0]
		require.Equal(t, store.Rejected, d.Severity)
		require.Equal(t, c.place, d.Place, c.message)
		require.Contains(t, d.Reason, c.reason)
		require.NotEmpty(t, d.Advice)
		require.True(t, strings.HasPrefix(c.message, string(d.Payload)))
		require.LessOrEqual(t, len(d.Payload), 32<<10)
		require.Equal(t, received, d.ReceivedAt)
		require.Equal(t, []int{0}, p.DeadLetterIndex)
	}
	t.Run("TheIdIsToldWherePossible", func(t *testing.T) {
		t.Parallel()
		p := parse(t, Batch, `{"batch":[{"messageId":"m","x":"\ud800"},{"messageId":"n","type":"x"}]}`)
		require.Equal(t, "m", p.DeadLetters[0].MessageID)
		require.Equal(t, "n", p.DeadLetters[1].MessageID)
	})
	t.Run("HazardOfTheBatchItself", func(t *testing.T) {
		t.Parallel()
		p := parse(t, Batch, `{"context":{"a":"\u0000"},"integrations":7,"batch":[{"type":"track","userId":"u","event":"A"}]}`)
		require.Len(t, p.Messages, 1)
		require.Empty(t, p.Messages[0].Context)
		require.Equal(t, "context.a", p.DeadLetters[0].Place)
		require.Equal(t, "integrations", p.DeadLetters[1].Place)
		require.Equal(t, store.FieldOnly, p.DeadLetters[0].Severity)
	})
}

func TestBodyError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind Kind
		body string
		want BodyError
	}{
		{Batch, "{\"batch\":[\n{\"ж\":}]}", BodyError{Code: BadJSON, Offset: 17, Line: 2, Column: 6}},
		{Batch, `{"batch":[{}]}x`, BodyError{Code: BadJSON, Offset: 14, Line: 1, Column: 15}},
		{Batch, `{"batch":[{}`, BodyError{Code: BadJSON, Offset: 12, Line: 1, Column: 13}},
		{Batch, `{"batch":[{} {}]}`, BodyError{Code: BadJSON, Offset: 13, Line: 1, Column: 14}},
		{Batch, `{"batch":[] "x"}`, BodyError{Code: BadJSON, Offset: 12, Line: 1, Column: 13}},
		{Batch, ``, BodyError{Code: BadJSON, Line: 1, Column: 1}},
		{store.CallTrack, ``, BodyError{Code: BadJSON, Line: 1, Column: 1}},
		{store.CallTrack, `{} {}`, BodyError{Code: BadJSON, Offset: 3, Line: 1, Column: 4}},
		{store.CallTrack, `[]`, BodyError{Code: BadJSON, Offset: -1}},
		{Batch, `[]`, BodyError{Code: NoBatch, Offset: -1}},
		{Batch, `{"batch":{}}`, BodyError{Code: NoBatch, Offset: -1}},
		{Batch, `{"type":"track"}`, BodyError{Code: NoBatch, Offset: -1}},
		{Batch, `{"batch":[` + strings.Repeat("1,", 2500) + `1]}`, BodyError{Code: TooMany, Offset: -1}},
		{Batch, strings.Repeat(" ", 500<<10+1), BodyError{Code: TooLarge, Offset: -1}},
		{Import, strings.Repeat(" ", 4<<20+1), BodyError{Code: TooLarge, Offset: -1}},
		{Import, strings.Repeat(" ", 4<<20), BodyError{Code: BadJSON, Offset: 4 << 20, Line: 1, Column: 4<<20 + 1}},
	} {
		_, err := Parse(c.kind, []byte(c.body), params())
		var got *BodyError
		require.ErrorAs(t, err, &got, "%.80s", c.body)
		require.NotEmpty(t, got.Reason)
		require.NotEmpty(t, got.Advice)
		require.NotEmpty(t, got.Error())
		require.Equal(t, c.want, BodyError{Code: got.Code, Offset: got.Offset, Line: got.Line, Column: got.Column}, "%.80s", c.body)
	}
}

func TestWriteKey(t *testing.T) {
	t.Parallel()
	require.Equal(t, "k", WriteKey([]byte(`{"batch":[],"writeKey":"k"}`)))
	require.Empty(t, WriteKey([]byte(`{"writeKey":7}`)))
	require.Empty(t, WriteKey([]byte(`{`)))
}

func TestTimes(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		parsed, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return parsed
	}
	for _, c := range []struct{ fields, want, warning string }{
		{``, "2026-03-01T12:00:00Z", ""},
		{`"timestamp":"2026-03-01T10:00:00.5+02:00"`, "2026-03-01T08:00:00.5Z", ""},
		{`"timestamp":"2026-03-01T11:00:00Z","sentAt":"2026-03-01T11:00:10Z"`, "2026-03-01T11:59:50Z", ""},
		{`"timestamp":"2026-03-01T11:00:20Z","sentAt":"2026-03-01T11:00:10Z"`, "2026-03-01T12:00:00Z", ""},
		{`"timestamp":"1970-01-01T00:01:00Z","sentAt":"1970-01-01T00:01:30Z"`, "2026-03-01T11:59:30Z", ""}, // a device that lost its clock
		{`"originalTimestamp":"2026-03-01T09:00:00Z","timestamp":"2026-03-01T10:00:00Z"`, "2026-03-01T09:00:00Z", ""},
		{`"timestamp":"2026-03-01T12:00:05Z"`, "2026-03-01T12:00:00Z", ""},
		{`"timestamp":"2027-03-01T12:00:05Z"`, "2026-03-01T12:00:00Z", "lies in the future"},
		{`"timestamp":"0001-01-01T00:00:00Z","sentAt":"0001-01-01T00:00:00Z"`, "2026-03-01T12:00:00Z", ""},
		{`"timestamp":"2026-03-01T11:00:00Z","sentAt":"0001-01-01T00:00:00Z"`, "2026-03-01T11:00:00Z", ""},
		{`"timestamp":"2026-03-01T11:00:00Z","sentAt":"9999-12-31T23:59:59Z"`, "2026-03-01T11:00:00Z", ""},
		{`"timestamp":"9999-12-31T23:59:59Z"`, "2026-03-01T12:00:00Z", "not a believable moment"},
		{`"timestamp":"1066-10-14T09:00:00Z"`, "2026-03-01T12:00:00Z", "not a believable moment"},
		{`"timestamp":"0002-01-01T00:00:00Z","sentAt":"2026-03-01T11:00:00Z"`, "2026-03-01T12:00:00Z", "not a believable moment"},
		{`"timestamp":1772360000`, "2026-03-01T10:13:20Z", ""},
		{`"timestamp":1772360000123`, "2026-03-01T10:13:20.123Z", ""},
		{`"timestamp":"1772360000123"`, "2026-03-01T10:13:20.123Z", ""},
		{`"timestamp":"2026-03-01"`, "2026-03-01T00:00:00Z", ""},
		{`"timestamp":"2026-03-01 09:30:00"`, "2026-03-01T09:30:00Z", ""},
		{`"timestamp":"2026-03-01T09:30:00+0100"`, "2026-03-01T08:30:00Z", ""},
		{`"timestamp":"yesterday"`, "2026-03-01T12:00:00Z", "not a moment"},
		{`"timestamp":1e300`, "2026-03-01T12:00:00Z", "not a moment"},
		{`"timestamp":{}`, "2026-03-01T12:00:00Z", "not a moment"},
		{`"sentAt":"x"`, "2026-03-01T12:00:00Z", "not a moment"},
	} {
		comma := ""
		if c.fields != "" {
			comma = ","
		}
		p := parse(t, store.CallTrack, `{"userId":"u","event":"A"`+comma+c.fields+`}`)
		require.Len(t, p.Messages, 1, c.fields)
		require.Equal(t, at(c.want), p.Messages[0].OccurredAt, c.fields)
		if c.warning == "" {
			require.Empty(t, p.DeadLetters, c.fields)
			continue
		}
		require.Len(t, p.DeadLetters, 1, c.fields)
		require.Equal(t, store.FieldOnly, p.DeadLetters[0].Severity)
		require.Contains(t, p.DeadLetters[0].Reason, c.warning)
	}
	m := one(t, Batch, `{"sentAt":"2026-03-01T11:00:10Z","batch":[{"type":"track","userId":"u","event":"A","timestamp":"2026-03-01T11:00:00Z"}]}`)
	require.Equal(t, at("2026-03-01T11:59:50Z"), m.OccurredAt)
	require.Equal(t, at("2026-03-01T11:00:10Z"), *m.SentAt)
	require.Equal(t, at("2026-03-01T11:00:00Z"), *m.OriginalTimestamp)
	both := one(t, store.CallTrack, `{"userId":"u","event":"A","originalTimestamp":"2026-03-01T09:00:00Z","timestamp":"2026-03-01T10:00:00Z"}`)
	require.JSONEq(t, `{"timestamp":"2026-03-01T10:00:00Z"}`, string(both.Extra))
}

// TestSegmentExamples reads every payload of Segment's public specification.
func TestSegmentExamples(t *testing.T) {
	t.Parallel()
	var examples []struct {
		File    string          `json:"file"`
		Line    int             `json:"line"`
		Call    string          `json:"call"`
		Payload json.RawMessage `json:"payload"`
	}
	require.NoError(t, json.Unmarshal(dataFile(t, "segment/segment_spec_examples.json"), &examples))
	require.Len(t, examples, 132)
	stored := 0
	for _, e := range examples {
		place := fmt.Sprintf("%s:%d", e.File, e.Line)
		p, err := Parse(Batch, []byte(`{"batch":[`+string(e.Payload)+`]}`), params())
		require.NoError(t, err, place)
		if len(p.Messages) == 0 {
			require.NotEmpty(t, p.DeadLetters[0].Reason, place)
			require.NotEmpty(t, p.DeadLetters[0].Advice, place)
			continue
		}
		stored++
		requireUnchanged(t, e.Payload, p.Messages[0])
	}
	t.Logf("%d accepted, %d refused with a reason", stored, len(examples)-stored)
	require.GreaterOrEqual(t, stored, 69)
}

// requireUnchanged checks that each field of a payload is somewhere in the message with the same value.
func requireUnchanged(t *testing.T, payload json.RawMessage, m store.Message) {
	t.Helper()
	var came, extra fields
	require.NoError(t, json.Unmarshal(payload, &came))
	if m.Extra != nil {
		require.NoError(t, json.Unmarshal(m.Extra, &extra))
	}
	held := map[string]string{
		"type": string(m.Call), "action": string(m.Call), "event": m.Name, "userId": m.UserID, "anonymousId": m.AnonymousID,
		"previousId": m.PreviousID, "messageId": m.MessageID,
	}
	for field, raw := range came {
		switch want, isHeld := held[field]; {
		case extra[field] != nil:
			require.JSONEq(t, string(raw), string(extra[field]), field)
		case isHeld:
			got, _ := text(raw)
			require.Equal(t, want, got, field)
		case field == "timestamp" || field == "originalTimestamp":
			want, ok := moment(raw)
			require.True(t, ok)
			require.Equal(t, want, *m.OriginalTimestamp)
		case field == "sentAt":
			want, ok := moment(raw)
			require.True(t, ok)
			require.Equal(t, want, *m.SentAt)
		case field == "context":
			require.Equal(t, string(raw), string(m.Context))
		case field == "properties" || field == "traits":
			require.Equal(t, string(raw), string(m.Properties))
		default:
			t.Errorf("field %s is lost", field)
		}
	}
}

// FuzzParse checks what holds for whatever bytes: no panic, and every message of a readable batch is either stored or
// refused, once.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"batch":[{"type":"identify","userId":"u","traits":{"email":"A@B.com","phone":"+380671234567","address":{"country":"UA"},"topics":{"news":true}}},7]}`))
	f.Add([]byte(`{"batch":[{"type":"track","event":"A","anonymousId":1,"timestamp":"2026-01-01","sentAt":5,"context":{"traits":{"tags":["a"]},"direct":true}}],"context":{}}`))
	f.Add([]byte(`{"userId":"u","event":"e","traits":{"createdAt":1e9,"unsubscribed":true,"consents":{"sms":false}},"previousId":"p","groupId":"g"}`))
	f.Add([]byte(`{"batch":[{"a":"\u0000"},{"b":1e999}],"batch":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []Kind{Batch, store.CallTrack, store.CallIdentify, store.CallGroup, store.CallAlias} {
			p, err := Parse(kind, body, params())
			if err != nil {
				var bad *BodyError
				require.ErrorAs(t, err, &bad)
				continue
			}
			want := 1
			if kind == Batch {
				var doc struct {
					Batch []json.RawMessage `json:"batch"`
				}
				if json.Unmarshal(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")), &doc) != nil || bytes.Count(bytes.ToLower(body), []byte(`batch`)) != 1 || bytes.Contains(body, []byte(`\`)) {
					want = -1 // encoding/json ignores case and takes the last of several lists
				} else {
					want = len(doc.Batch)
				}
			}
			requireWhole(t, p, want)
		}
	})
}

func requireWhole(t require.TestingT, p Parsed, messages int) {
	seen := map[int]bool{}
	for i, m := range p.Messages {
		require.NotEmpty(t, m.MessageID)
		require.NotEmpty(t, m.Name)
		require.False(t, m.OccurredAt.After(m.ReceivedAt))
		require.True(t, json.Valid(m.Properties))
		require.False(t, seen[p.MessageIndex[i]])
		seen[p.MessageIndex[i]] = true
		_, err := json.Marshal(m.Profile.Attributes)
		require.NoError(t, err)
	}
	for i, d := range p.DeadLetters {
		require.NotEmpty(t, d.Reason)
		require.NotEmpty(t, d.Advice)
		if d.Severity == store.Rejected {
			require.False(t, seen[p.DeadLetterIndex[i]])
			seen[p.DeadLetterIndex[i]] = true
		}
	}
	if messages >= 0 {
		require.Len(t, seen, messages)
	}
}

// TestCountsAddUp draws batches of good, bad and poisonous messages.
func TestCountsAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		kinds := []string{
			`{"type":"track","userId":"u","event":"A"}`, `{"type":"track"}`, `{"x":"\u0000"}`, `7`, `{"type":"identify","userId":"u","traits":{"email":"no"}}`,
			strings.Repeat("[", 11000) + strings.Repeat("]", 11000), `{"type":"track","userId":"u","event":"A","properties":{"n":1e999}}`, "\"\xff\"",
		}
		good := map[int]bool{0: true, 4: true}
		drawn := rapid.SliceOfN(rapid.IntRange(0, len(kinds)-1), 0, 12).Draw(t, "messages")
		var items []string
		wanted := 0
		for _, k := range drawn {
			items = append(items, kinds[k])
			if good[k] {
				wanted++
			}
		}
		p, err := Parse(Batch, []byte(`{"batch":[`+strings.Join(items, ",")+`]}`), params())
		require.NoError(t, err)
		require.Len(t, p.Messages, wanted)
		requireWhole(t, p, len(drawn))
	})
}
