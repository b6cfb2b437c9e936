package boot

import (
	"context"
	"encoding/json"
	"fmt"

	"dotyk/activities"
	"dotyk/channels/webhook"
)

// webhooks sends the requests of webhook steps.
type webhooks struct{ sender *webhook.Sender }

// Send implements activities.WebhookSender: an answer of any status is no error there.
func (w webhooks) Send(ctx context.Context, r activities.WebhookRequest) (activities.WebhookAnswer, error) {
	a, err := w.sender.Send(ctx, webhook.Request{
		ID: r.ID, URL: r.URL, Method: r.Method, Headers: r.Headers, Body: r.Body, Secret: r.Secret, Timeout: r.Timeout,
	})
	if a.Status == 0 {
		return activities.WebhookAnswer{}, err //nolint:wrapcheck // its kind tells whether to try again
	}
	out := activities.WebhookAnswer{Status: a.Status, Duration: a.Duration}
	if a.Body == nil {
		return out, nil
	}
	if out.Body, err = json.Marshal(a.Body); err != nil {
		return out, fmt.Errorf("encode answer: %w", err)
	}
	return out, nil
}
