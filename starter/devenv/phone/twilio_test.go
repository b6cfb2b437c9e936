package phone

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/stretchr/testify/require"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
)

// specification checks what goes to the phone and what it answers against Twilio's OpenAPI document.
type specification struct {
	t      *testing.T
	router routers.Router
	seen   map[string]int // calls by operation
}

func newSpecification(t *testing.T) *specification {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(testData(t, "twilio/twilio_api_v2010.json.gz")))
	require.NoError(t, err)
	raw, err := io.ReadAll(packed)
	require.NoError(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	require.NoError(t, err)
	require.NoError(t, doc.Validate(t.Context(), openapi3.DisableExamplesValidation()))
	doc.Servers = nil
	for _, item := range doc.Paths.Map() {
		item.Servers = nil
	}
	router, err := gorillamux.NewRouter(doc)
	require.NoError(t, err)
	return &specification{t: t, router: router, seen: map[string]int{}}
}

// RoundTrip sends a call on, and checks both of its sides.
func (s *specification) RoundTrip(r *http.Request) (*http.Response, error) {
	route, params, err := s.router.FindRoute(r)
	require.NoError(s.t, err)
	s.seen[route.Operation.OperationID]++
	var sent []byte
	if r.Body != nil {
		sent, err = io.ReadAll(r.Body)
		require.NoError(s.t, err)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	request := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}
	require.NoError(s.t, openapi3filter.ValidateRequest(r.Context(), request))
	r.Body = io.NopCloser(bytes.NewReader(sent))
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	require.NoError(s.t, res.Body.Close())
	res.Body = io.NopCloser(bytes.NewReader(body))
	answer := (&openapi3filter.ResponseValidationInput{
		RequestValidationInput: request, Status: res.StatusCode, Header: res.Header,
	}).SetBodyBytes(body)
	require.NoError(s.t, openapi3filter.ValidateResponse(r.Context(), answer), string(body))
	return res, nil
}

// Twilio's own client drives the phone, and Twilio's own document judges both.
func TestAgainstSpecification(t *testing.T) {
	t.Parallel()
	spec := newSpecification(t)
	r := newRig(t, Config{})
	api := r.twilio(spec)

	m, err := api.CreateMessage(text(customer, "Привіт 👋").SetStatusCallback(r.hook.URL + "/status"))
	require.NoError(t, err)
	require.Equal(t, "queued", *m.Status)
	require.Equal(t, "1", *m.NumSegments)
	require.Equal(t, ours, *m.From)
	require.Nil(t, m.DateSent)
	r.next()
	r.next()
	got, err := api.FetchMessage(*m.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, "delivered", *got.Status)
	require.Equal(t, "Привіт 👋", *got.Body)
	require.NotNil(t, got.DateSent)

	byService := &openapi.CreateMessageParams{}
	byService.SetTo(customer).SetMessagingServiceSid(service).SetBody(strings.Repeat("x", 161)).SetStatusCallback(r.hook.URL + "/status")
	m, err = api.CreateMessage(byService)
	require.NoError(t, err)
	require.Equal(t, "accepted", *m.Status)
	require.Equal(t, "0", *m.NumSegments)
	require.Nil(t, m.From)
	require.Equal(t, service, r.next().form.Get("MessagingServiceSid"))
	r.next()
	got, err = api.FetchMessage(*m.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, ours, *got.From)
	require.Equal(t, "2", *got.NumSegments)

	scheduled, err := api.CreateMessage(byService.SetScheduleType("fixed").SetSendAt(time.Now().Add(time.Hour).UTC()))
	require.NoError(t, err)
	require.Equal(t, "scheduled", *scheduled.Status)
	canceled, err := api.UpdateMessage(*scheduled.Sid, (&openapi.UpdateMessageParams{}).SetStatus("canceled"))
	require.NoError(t, err)
	require.Equal(t, "canceled", *canceled.Status)
	redacted, err := api.UpdateMessage(*m.Sid, (&openapi.UpdateMessageParams{}).SetBody(""))
	require.NoError(t, err)
	require.Empty(t, *redacted.Body)

	all, err := api.ListMessage((&openapi.ListMessageParams{}).SetTo(customer).SetPageSize(2))
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, *scheduled.Sid, *all[0].Sid, "newest first")

	r.SetFault(func(Call) Fault {
		return Fault{Callbacks: []Callback{{Status: Sent}, {Status: Undelivered, ErrorCode: 30003}}}
	})
	m, err = api.CreateMessage(text(customer, "x").SetStatusCallback(r.hook.URL + "/status"))
	require.NoError(t, err)
	r.next()
	require.Equal(t, "30003", r.next().form.Get("ErrorCode"))
	got, err = api.FetchMessage(*m.Sid, nil)
	require.NoError(t, err)
	require.Equal(t, "undelivered", *got.Status)
	require.Equal(t, 30003, *got.ErrorCode)

	for _, operation := range []string{"CreateMessage", "FetchMessage", "ListMessage", "UpdateMessage"} {
		require.Positive(t, spec.seen[operation], operation)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	api := r.twilio(http.DefaultTransport)
	byService := func() *openapi.CreateMessageParams {
		return (&openapi.CreateMessageParams{}).SetTo(customer).SetMessagingServiceSid(service).SetBody("x")
	}
	for name, tc := range map[string]struct {
		params *openapi.CreateMessageParams
		code   int
	}{
		"NoTo":           {(&openapi.CreateMessageParams{}).SetFrom(ours).SetBody("x"), 21604},
		"NoFrom":         {(&openapi.CreateMessageParams{}).SetTo(customer).SetBody("x"), 21603},
		"NoBody":         {(&openapi.CreateMessageParams{}).SetTo(customer).SetFrom(ours), 21602},
		"TooLong":        {text(customer, strings.Repeat("ж", 1601)), 21617},
		"InvalidTo":      {text("0671234567", "x"), 21211},
		"InvalidFrom":    {text(customer, "x").SetFrom("a name that is too long"), 21212},
		"NoService":      {byService().SetMessagingServiceSid("MGnone"), 21701},
		"BadCallback":    {text(customer, "x").SetStatusCallback("shop.example/status"), 21609},
		"ScheduleNumber": {text(customer, "x").SetScheduleType("fixed"), 35118},
		"ScheduleNever":  {byService().SetScheduleType("fixed"), 35111},
		"ScheduleSoon":   {byService().SetScheduleType("fixed").SetSendAt(time.Now()), 35114},
	} {
		_, err := api.CreateMessage(tc.params)
		require.Equal(t, tc.code, code(err), name)
	}
	require.Empty(t, r.Messages(""))
	for name, params := range map[string]*openapi.CreateMessageParams{
		"LongestBody":      text(customer, strings.Repeat("ж", 1600)),
		"NamedSender":      text(customer, "x").SetFrom("SHOP"),
		"ShortCode":        text(customer, "x").SetFrom("12345"),
		"ServiceAsFrom":    text(customer, "x").SetFrom(service),
		"PictureWithoutIt": text(customer, "").SetMediaUrl([]string{"https://shop.example/a.png"}),
	} {
		_, err := api.CreateMessage(params)
		require.NoError(t, err, name)
	}

	_, err := newTwilio(r.url, "wrong", http.DefaultTransport).CreateMessage(text(customer, "x"))
	require.Equal(t, 20003, code(err))
	_, err = api.CreateMessage(text(customer, "x").SetPathAccountSid("AC00000000000000000000000000000000"))
	require.Equal(t, 20404, code(err))
	_, err = api.FetchMessage("SM00000000000000000000000000000000", nil)
	require.Equal(t, 20404, code(err))
	_, err = api.UpdateMessage("SM00000000000000000000000000000000", nil)
	require.Equal(t, 20404, code(err))

	sid := r.send(text(customer, "x"))
	_, err = api.UpdateMessage(sid, (&openapi.UpdateMessageParams{}).SetStatus("canceled"))
	require.Equal(t, 30409, code(err))
	_, err = api.UpdateMessage(sid, (&openapi.UpdateMessageParams{}).SetBody("another"))
	require.Equal(t, 20009, code(err))

	basic := []string{"Authorization", "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpmZWRjYmE5ODc2NTQzMjEwZmVkY2JhOTg3NjU0MzIxMA=="}
	base := "/2010-04-01/Accounts/" + account
	for path, want := range map[string]string{
		base + "/Conferences.json":               "20404",
		base + "/Messages.json?DateSent%3E=soon": "20001",
	} {
		_, body := r.request(http.MethodGet, path, "", basic...)
		require.Contains(t, body, `"code":`+want)
		require.Contains(t, body, `"more_info":"https://www.twilio.com/docs/errors/`+want)
	}
	status, body := r.request(http.MethodPost, base+"/Messages.json", strings.Repeat("x", maxForm+1),
		append(basic, "Content-Type", "application/x-www-form-urlencoded")...)
	require.Equal(t, 400, status, body)
}

func TestList(t *testing.T) {
	t.Parallel()
	r := newRig(t, Config{})
	api := r.twilio(http.DefaultTransport)
	day := time.Date(2026, 11, 20, 23, 59, 59, 500e6, time.UTC)
	for i := range 5 {
		sent := day.AddDate(0, 0, i)
		m := stored{Message: Message{ID: newID("SM"), At: sent, Direction: outbound, From: ours, To: customer, Body: strconv.Itoa(i)}, SentAt: &sent}
		require.NoError(t, r.store.add(m))
	}
	require.NoError(t, r.store.add(stored{Message: Message{ID: newID("SM"), Direction: outbound, From: "SHOP", To: "+15551230000", Body: "unsent"}}))

	list := func(params *openapi.ListMessageParams) string {
		found, err := api.ListMessage(params)
		require.NoError(t, err)
		bodies := make([]string, len(found))
		for i, m := range found {
			bodies[i] = *m.Body
		}
		return strings.Join(bodies, " ")
	}
	params := func() *openapi.ListMessageParams { return &openapi.ListMessageParams{} }
	require.Equal(t, "unsent 4 3 2 1 0", list(params()))
	require.Equal(t, "4 3 2 1 0", list(params().SetTo(customer).SetPageSize(2)))
	require.Equal(t, "4 3 2", list(params().SetTo(customer).SetPageSize(2).SetLimit(3)))
	require.Equal(t, "unsent", list(params().SetFrom("SHOP")))
	require.Equal(t, "4 3", list(params().SetDateSentAfter(day.AddDate(0, 0, 3))), "a moment is included")
	require.Equal(t, "4", list(params().SetDateSentAfter(day.AddDate(0, 0, 3).Add(time.Second))))
	require.Equal(t, "1 0", list(params().SetDateSentBefore(day.AddDate(0, 0, 1))))
	require.Equal(t, "2", list(params().SetDateSent(day.AddDate(0, 0, 2))), "the day of it")
	require.Equal(t, "2 1", list(params().SetDateSentAfter(day.AddDate(0, 0, 1)).SetDateSentBefore(day.AddDate(0, 0, 2))))

	keep, err := filterOf(url.Values{"DateSent>": {"2026-11-22"}, "DateSent<": {"2026-11-23"}})
	require.NoError(t, err)
	require.Len(t, r.store.find(keep), 2, "days are included whole")

	// A message that comes in between two pages shifts nothing.
	first, err := api.PageMessage(params().SetTo(customer).SetPageSize(2), "", "")
	require.NoError(t, err)
	require.NoError(t, r.store.add(stored{Message: Message{ID: newID("SM"), Direction: outbound, To: customer, Body: "new"}}))
	next, err := url.Parse(*first.NextPageUri)
	require.NoError(t, err)
	second, err := api.PageMessage(params().SetTo(customer).SetPageSize(2), next.Query().Get("PageToken"), next.Query().Get("Page"))
	require.NoError(t, err)
	require.Equal(t, "2", *second.Messages[0].Body)
	require.Equal(t, 1, second.Page)
	require.Equal(t, 2, second.Start)
}
