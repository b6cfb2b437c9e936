package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/webhook"
	"dotyk/rules/audience"
)

const (
	// webhookConnections is how many requests to servers are under way at one time.
	webhookConnections = 8
	// webhookRest is the longest that a server is left alone because it asks for it: others wait as well meanwhile.
	webhookRest = time.Minute
)

// request sends one claimed request and records the answer. What may be answered later is tried again with the same id
// until it is not wanted any more: the claim then says so.
func (s *sending) request(ctx context.Context, m *store.Outgoing) error {
	answer, err := s.post(ctx, m)
	settle, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)
	defer cancel()
	if failure := asSendError(err); err != nil && (failure == nil || failure.Kind != channels.BadMessage) {
		var rest time.Duration
		if failure != nil {
			rest = min(failure.RetryAfter, webhookRest)
		}
		s.postpone(err.Error(), rest)
		return insist(settle, func() error {
			return s.Store.Settle(settle, s.in.Workspace, store.Settlement{
				TouchID: m.TouchID, Status: audience.Planned, Outcome: err.Error(), Claim: m.Claim,
			})
		})
	}
	a := store.Answer{OK: err == nil, Status: answer.Status, Body: answer.Body}
	status := audience.Accepted
	if err != nil {
		a.Error, status = err.Error(), audience.Failed
	}
	s.count(store.Settlement{TouchID: m.TouchID, Status: status}, err)
	return insist(settle, func() error { return s.Store.SettleWebhook(settle, s.in.Workspace, m, a) })
}

// post sends the request of a touch.
func (s *sending) post(ctx context.Context, m *store.Outgoing) (webhook.Answer, error) {
	v, err := s.version(ctx, m)
	if err != nil {
		return webhook.Answer{}, err
	}
	step, ok := v.webhooks[m.Step]
	if !ok {
		return webhook.Answer{}, &channels.SendError{
			Kind: channels.BadMessage, Detail: fmt.Sprintf("version %d of campaign %s has no webhook step %q", m.Version, m.Campaign, m.Step),
		}
	}
	body, err := json.Marshal(m.Detail["body"])
	if err != nil {
		return webhook.Answer{}, &channels.SendError{Kind: channels.BadMessage, Detail: "encode body", Err: err}
	}
	return s.Webhook.Send(ctx, webhook.Request{
		ID: m.TouchID, URL: step.URL, Method: step.Method, Headers: step.Headers, Body: body,
		Secret: store.DeriveWebhookSecret(m.Secret),
	})
}
