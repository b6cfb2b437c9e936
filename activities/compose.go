package activities

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/channels/links"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// sent is what a provider took.
type sent struct {
	receipt channels.Receipt
	summary string // subject or text, for the record
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
	b, err := s.bindings(ctx, v, m)
	if err != nil {
		return nil, err
	}
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
	b, err := s.bindings(ctx, v, m)
	if err != nil {
		return nil, err
	}
	body, err := compiled.Render(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("fill text of step %s: %w", m.Step, err)
	}
	callback := url.Values{"w": {strconv.FormatInt(s.in.Workspace, 10)}, "touch": {m.TouchID}}
	return &channels.SMSMessage{
		TouchID: m.TouchID, Workspace: s.in.Workspace, From: s.SMSFrom, To: m.Address, Body: body,
		StatusCallback: s.PublicURL + "/hooks/twilio/status?" + callback.Encode(),
	}, nil
}

// about is what templates may mention.
type about struct {
	customer audience.Customer
	entry    map[string]any
	results  map[string]campaign.Result // by step
	coupons  map[string]campaign.Coupon // by step
	codeless map[string]string          // by coupon step that gave nothing: the pool that was empty
	campaign string
	version  int
}

// bindings gives customer, entry (what started the journey), campaign, and by their ids the outcomes of earlier steps and
// the codes that earlier steps gave, or should have given.
func (a *about) bindings() content.Bindings {
	c := a.customer
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
	for step, result := range a.results {
		outcome := maps.Clone(result.Event)
		if outcome == nil {
			outcome = map[string]any{}
		}
		outcome["happened"], outcome["at"] = result.Happened, result.At
		b[step] = outcome
	}
	for step, pool := range a.codeless {
		why := fmt.Sprintf("its coupon has no code: the pool %s is empty", pool)
		b[step] = map[string]any{"code": content.Missing{Why: why}, "redeemed": false, "happened": false}
	}
	for step, c := range a.coupons {
		code := map[string]any{"code": c.Code, "redeemed": !c.RedeemedAt.IsZero(), "happened": !c.RedeemedAt.IsZero()}
		if !c.ExpiresAt.IsZero() {
			code["expires_at"] = c.ExpiresAt
		}
		if !c.RedeemedAt.IsZero() {
			code["at"] = c.RedeemedAt
		}
		b[step] = code
	}
	b["customer"], b["entry"] = customer, a.entry
	b["campaign"] = map[string]any{"name": a.campaign, "version": a.version}
	return b
}

// bindings gives what the content of a message may mention.
func (s *sending) bindings(ctx context.Context, v *version, m *store.Outgoing) (content.Bindings, error) {
	a := about{
		customer: m.Customer, entry: m.Entry, results: m.Position.Results, campaign: m.Campaign, version: m.Version,
	}
	if v.coupons {
		err := s.Store.In(ctx, s.in.Workspace, func(tx *store.Tx) error {
			found, err := tx.Coupons(ctx, []string{m.JourneyID})
			if err != nil {
				return err
			}
			a.coupons = found[m.JourneyID]
			a.codeless, err = v.codeless(ctx, tx, m, a.coupons)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return a.bindings(), nil
}

// codeless gives the coupon steps that had no code for the journey of a message, with their pools.
func (v *version) codeless(
	ctx context.Context, tx *store.Tx, m *store.Outgoing, given map[string]campaign.Coupon,
) (map[string]string, error) {
	codeless := maps.Clone(v.pools)
	maps.DeleteFunc(codeless, func(step, _ string) bool {
		_, has := given[step]
		return has
	})
	if len(codeless) == 0 {
		return codeless, nil
	}
	steps, err := tx.CouponsNotGiven(ctx, m.Customer.ID, m.JourneyID)
	maps.DeleteFunc(codeless, func(step, _ string) bool { return !slices.Contains(steps, step) })
	return codeless, err
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
