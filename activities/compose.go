package activities

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

// sent is what a provider took.
type sent struct {
	receipt channels.Receipt
	summary string // subject or text, for the record
}

// send makes the message's content and hands it to the provider. An error that is no *channels.SendError says that
// the content could not be made, and that nothing was sent.
func (s *sending) send(ctx context.Context, m *store.Outgoing) (sent, error) {
	if s.in.Channel == audience.SMS {
		message, err := s.sms(ctx, m)
		if err != nil {
			return sent{}, err
		}
		receipt, err := s.SMS.Send(ctx, message)
		return sent{receipt, message.Body}, err
	}
	message, err := s.email(ctx, m)
	if err != nil {
		return sent{}, err
	}
	receipt, err := s.Email.Send(ctx, message)
	return sent{receipt, message.Subject}, err
}

func (s *sending) version(ctx context.Context, m *store.Outgoing) (*version, error) {
	if v := s.versions.cached(versionKey{s.in.Workspace, m.CampaignID, m.Version}); v != nil {
		return v, nil
	}
	var v *version
	err := s.Store.In(ctx, s.in.Workspace, func(tx *store.Tx) error {
		var err error
		v, err = s.versions.get(ctx, tx, m.CampaignID, m.Version)
		return err
	})
	return v, err
}

func (s *sending) email(ctx context.Context, m *store.Outgoing) (*channels.EmailMessage, error) {
	v, err := s.version(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := v.broken[m.Step]; err != nil {
		return nil, err
	}
	compiled, ok := v.emails[m.Step]
	if !ok {
		return nil, fmt.Errorf("version %d of campaign %s has no e-mail step %q", m.Version, m.Campaign, m.Step)
	}
	message := &channels.EmailMessage{
		TouchID: m.TouchID, From: s.From.Email, FromName: s.From.Name, To: m.Address, ToName: m.Customer.Name,
		MessageID:  m.TouchID + "@" + domain(s.From.Email),
		FeedbackID: fmt.Sprintf("%s:%d:journey:dotyk", m.Campaign, s.in.Workspace),
	}
	if m.Topic != "" {
		if message.UnsubscribeURL, err = s.unsubscribeURL(m); err != nil {
			return nil, err
		}
	}
	b := bindings(m)
	b["unsubscribe_url"] = message.UnsubscribeURL
	rendered, err := compiled.Render(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("fill template of step %s: %w", m.Step, err)
	}
	message.Subject, message.HTML, message.Text = rendered.Subject, rendered.HTML, rendered.Text
	return message, nil
}

func (s *sending) unsubscribeURL(m *store.Outgoing) (string, error) {
	signer, err := links.NewSigner(m.Secret)
	if err != nil {
		return "", fmt.Errorf("sign unsubscribe link: %w", err)
	}
	token, err := signer.Unsubscribe(s.in.Workspace, m.TouchID)
	if err != nil {
		return "", fmt.Errorf("sign unsubscribe link: %w", err)
	}
	return s.PublicURL + "/u/" + token, nil
}

func (s *sending) sms(ctx context.Context, m *store.Outgoing) (*channels.SMSMessage, error) {
	v, err := s.version(ctx, m)
	if err != nil {
		return nil, err
	}
	if err := v.broken[m.Step]; err != nil {
		return nil, err
	}
	compiled, ok := v.sms[m.Step]
	if !ok {
		return nil, fmt.Errorf("version %d of campaign %s has no SMS step %q", m.Version, m.Campaign, m.Step)
	}
	body, err := compiled.Render(ctx, bindings(m))
	if err != nil {
		return nil, fmt.Errorf("fill text of step %s: %w", m.Step, err)
	}
	callback := url.Values{"w": {strconv.FormatInt(s.in.Workspace, 10)}, "touch": {m.TouchID}}
	return &channels.SMSMessage{
		TouchID: m.TouchID, From: s.SMSFrom, To: m.Address, Body: body,
		StatusCallback: s.PublicURL + "/hooks/twilio/status?" + callback.Encode(),
	}, nil
}

// bindings is what a template may mention: customer, entry (what started the journey), campaign, and the outcomes of
// earlier wait_for steps by their ids.
func bindings(m *store.Outgoing) content.Bindings {
	c := m.Customer
	customer := maps.Clone(c.Attributes)
	if customer == nil {
		customer = map[string]any{}
	}
	maps.Copy(customer, map[string]any{
		"id": c.ID, "kind": string(c.Kind), "external_id": c.ExternalID, "email": c.Email, "phone": c.Phone, "name": c.Name,
		"locale": c.Locale, "timezone": c.Timezone, "stage": c.Stage, "tags": c.Tags, "created_at": c.CreatedAt,
	})
	if first, ok := customer["first_name"]; !ok || first == "" {
		customer["first_name"] = firstName(c)
	}
	b := content.Bindings{}
	for step, result := range m.Position.Results {
		outcome := maps.Clone(result.Event)
		if outcome == nil {
			outcome = map[string]any{}
		}
		outcome["happened"], outcome["at"] = result.Happened, result.At
		b[step] = outcome
	}
	b["customer"], b["entry"] = customer, m.Entry
	b["campaign"] = map[string]any{"name": m.Campaign, "version": m.Version}
	return b
}

func firstName(c audience.Customer) string {
	if camel, ok := c.Attributes["firstName"].(string); ok && camel != "" {
		return camel
	}
	first, _, _ := strings.Cut(c.Name, " ")
	return first
}

func domain(address string) string {
	_, d, _ := strings.Cut(address, "@")
	return d
}
