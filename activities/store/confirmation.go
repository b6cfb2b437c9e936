package store

import (
	"context"
	"embed"
	"fmt"
	"time"

	"dotyk/rules/campaign"
)

// ConfirmCampaign is the campaign that asks for confirmations (double opt-in). It is published with the first topic that
// needs it; from then on it and its template, of the same name, are the workspace's to change like any other.
const ConfirmCampaign = "confirm-consent"

//go:embed confirmation
var confirmation embed.FS

// confirmSubject is in both languages what the template says.
const confirmSubject = `{% assign language = customer.locale | slice: 0, 2 %}{% if language == "uk" %}` +
	`Підтвердьте підписку: {{ entry.brand }}{% else %}Please confirm your subscription: {{ entry.brand }}{% endif %}`

func (tx *Tx) publishConfirmation(ctx context.Context) error {
	read := func(extension string) (string, error) {
		raw, err := confirmation.ReadFile("confirmation/" + ConfirmCampaign + extension)
		return string(raw), wrap("read campaign "+ConfirmCampaign, err)
	}
	source, err := read(".yaml")
	if err != nil {
		return err
	}
	html, err := read(".html")
	if err != nil {
		return err
	}
	text, err := read(".txt")
	if err != nil {
		return err
	}
	d, err := campaign.Parse([]byte(source))
	if err != nil {
		return fmt.Errorf("parse campaign %s: %w", ConfirmCampaign, err)
	}
	_, err = tx.publish(ctx, Publication{
		Definition: d, Source: source, Note: "published with the first topic that asks for a confirmation",
		Templates: map[string]Template{ConfirmCampaign: {Subject: confirmSubject, HTML: html, Text: text}},
	}, time.Now())
	return wrap("publish campaign "+ConfirmCampaign, err)
}
