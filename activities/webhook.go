package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
)

// WebhookSender sends a request to a server of the workspace's.
type WebhookSender interface {
	// Send sends a signed request once. An answer of any status is no error; an error says that there was none, as a
	// *channels.SendError of kind BadMessage or BadAddress where trying again is of no use.
	Send(ctx context.Context, r WebhookRequest) (WebhookAnswer, error)
}

// WebhookRequest is a request to a server.
type WebhookRequest struct {
	ID      string // the same for a request that is repeated
	URL     string
	Method  string
	Headers map[string]string
	Body    []byte // JSON
	Secret  []byte // signs it
	Timeout time.Duration
}

// WebhookAnswer is what the server answered.
type WebhookAnswer struct {
	Status   int
	Body     []byte
	Duration time.Duration
}

const (
	webhookConnections = 8                // requests under way at one time
	webhookTimeout     = 15 * time.Second // of one request
	webhookBody        = 64 << 10         // bytes of an answer that are kept
)

// request sends one claimed request and records the answer. What may be answered later is tried again with the same id
// until it is not wanted any more: the claim then says so.
func (s *sending) request(ctx context.Context, m *store.Outgoing) error {
	answer, err := s.post(ctx, m)
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err == nil && !passing(answer.Status) {
		return s.settleWebhook(settle, m, answerOf(answer))
	}
	failure := asSendError(err)
	if failure != nil && (failure.Kind == channels.BadMessage || failure.Kind == channels.BadAddress) {
		return s.settleWebhook(settle, m, store.Answer{Error: failure.Error()})
	}
	reason, delay := fmt.Sprintf("%s answered with status %d", m.Address, answer.Status), time.Duration(0)
	if err != nil {
		reason = err.Error()
	}
	if failure != nil {
		delay = failure.RetryAfter
	}
	s.postpone(reason, delay)
	return s.settle(settle, store.Settlement{TouchID: m.TouchID, Status: audience.Planned, Outcome: reason})
}

// post sends the request of a touch.
func (s *sending) post(ctx context.Context, m *store.Outgoing) (WebhookAnswer, error) {
	v, err := s.version(ctx, m)
	if err != nil {
		return WebhookAnswer{}, err
	}
	step, ok := v.webhooks[m.Step]
	if !ok {
		return WebhookAnswer{}, &channels.SendError{
			Kind: channels.BadMessage, Detail: fmt.Sprintf("version %d of campaign %s has no webhook step %q", m.Version, m.Campaign, m.Step),
		}
	}
	body, err := json.Marshal(m.Detail["body"])
	if err != nil {
		return WebhookAnswer{}, &channels.SendError{Kind: channels.BadMessage, Detail: "encode body", Err: err}
	}
	method := step.Method
	if method == "" {
		method = http.MethodPost
	}
	return s.Webhook.Send(ctx, WebhookRequest{
		ID: m.TouchID, URL: step.URL, Method: method, Headers: step.Headers, Body: body,
		Secret: store.DeriveWebhookSecret(m.Secret), Timeout: webhookTimeout,
	})
}

// passing says whether a server that answered so may answer otherwise later.
func passing(status int) bool {
	return status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooEarly ||
		status == http.StatusTooManyRequests
}

// answerOf gives an answer as rules see it: its body as JSON, or as text if it is none.
func answerOf(a WebhookAnswer) store.Answer {
	answer := store.Answer{OK: a.Status >= 200 && a.Status < 300, Status: a.Status}
	if !answer.OK {
		answer.Error = fmt.Sprintf("the server refused it with status %d", a.Status)
	}
	body := a.Body[:min(len(a.Body), webhookBody)]
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if err := decoder.Decode(&answer.Body); err != nil || decoder.More() {
		answer.Body = string(body)
	}
	return answer
}

// settleWebhook records an answer and tries again while the store is away.
func (s *sending) settleWebhook(ctx context.Context, m *store.Outgoing, a store.Answer) error {
	status := audience.Accepted
	if !a.OK {
		status = audience.Failed
	}
	s.count(store.Settlement{TouchID: m.TouchID, Status: status}, nil)
	return s.insist(ctx, func() error { return s.Store.SettleWebhook(ctx, s.in.Workspace, m, a) })
}
