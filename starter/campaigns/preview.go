package campaigns

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"strings"

	"github.com/google/uuid"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/rules/campaign"
)

// PreviewRequest says what to fill in for whom. One of Template and Step is needed.
type PreviewRequest struct {
	Template string         // name; it may come along in Given
	Customer string         // our id, the site's id, e-mail or phone
	Campaign string         // the campaign whose templates and name are used, as it is published; empty for none
	Step     string         // of the campaign: its e-mail
	Locale   string         // empty: the customer's
	Entry    map[string]any // what would have started the journey
	Given    map[string]store.Template
}

// Preview is an e-mail as one customer would get it, but for its links and what steps before it would have left.
type Preview struct {
	content.RenderedEmail

	Warnings []content.Warning
}

// ErrPreview says that there is nothing to fill in.
var ErrPreview = errors.New("nothing to preview")

// previewUnsubscribe stands where a message has the address at which its customer leaves.
const (
	previewUnsubscribe = "https://unsubscribe.example/"
	previewPreferences = "https://preferences.example/"
)

// Preview fills an e-mail in for a customer. The error is a *content.Error for content that cannot be.
func (s *Service) Preview(ctx context.Context, ws int64, r PreviewRequest) (Preview, error) {
	step, templates, version, err := s.previewed(ctx, ws, r)
	if err != nil {
		return Preview{}, err
	}
	customer, err := s.Store.FindCustomer(ctx, ws, r.Customer)
	if err != nil {
		return Preview{}, notHere(err, "customer %q", r.Customer)
	}
	settings, err := s.Store.Delivery(ctx, ws)
	if err != nil {
		return Preview{}, err
	}
	variants, err := activities.CompileEmail(step, templates)
	if err != nil {
		return Preview{}, err
	}
	if r.Locale == "" {
		r.Locale = customer.Locale
	}
	b := activities.PreviewBindings(r.Campaign, version, customer, r.Entry)
	b["unsubscribe_url"], b["preferences_url"], b["postal_address"] = previewUnsubscribe, previewPreferences, settings.Email.Postal
	email := variants.For(r.Locale)
	p := Preview{}
	if p.RenderedEmail, err = email.Render(ctx, b); err != nil {
		return Preview{}, err
	}
	p.Warnings = email.Lint(p.RenderedEmail)
	return p, nil
}

// previewed finds the e-mail, and the templates that it may be made of.
func (s *Service) previewed(ctx context.Context, ws int64, r PreviewRequest) (*campaign.EmailStep, map[string]store.Template, int, error) {
	step, version := &campaign.EmailStep{Template: r.Template}, 0
	pinned := r.Given
	switch {
	case r.Campaign != "":
		v, err := s.Store.CampaignVersion(ctx, ws, r.Campaign, 0)
		if err != nil {
			return nil, nil, 0, notHere(err, "campaign %q", r.Campaign)
		}
		version = v.Number
		if r.Step == "" {
			break
		}
		if step, err = emailStep(v.Definition, r.Step); err != nil {
			return nil, nil, 0, err
		}
		if r.Given == nil {
			pinned = v.Templates
		}
	case r.Step != "":
		return nil, nil, 0, fmt.Errorf("%w: step %s needs the name of its campaign", ErrPreview, r.Step)
	}
	if step.Template == "" && step.Subject == "" {
		return nil, nil, 0, fmt.Errorf("%w: name a template, or a campaign and a step of it", ErrPreview)
	}
	names := []string{step.Template}
	if step.Template == "" {
		names = store.TemplateNames(&campaign.Definition{Steps: []campaign.Step{step}})
	}
	var all map[string]store.Template
	err := s.Store.In(ctx, ws, func(tx *store.Tx) error {
		var err error
		all, err = store.CollectTemplates(names, pinned, func(missing []string) (map[string]store.Template, error) {
			return tx.Templates(ctx, missing)
		})
		return err
	})
	if err != nil {
		return nil, nil, 0, err
	}
	if t, ok := all[step.Template]; step.Template != "" && (!ok || t.Kind != content.KindMessage) {
		return nil, nil, 0, notHere(store.ErrNotFound, "template %q of an e-mail", step.Template)
	}
	return step, all, version, nil
}

func emailStep(d *campaign.Definition, id string) (*campaign.EmailStep, error) {
	for _, m := range d.Messages() {
		if e, ok := m.(*campaign.EmailStep); ok && e.ID == id {
			return e, nil
		}
	}
	return nil, notHere(store.ErrNotFound, "e-mail step %q of campaign %s", id, d.Name)
}

// NotHereError names what was asked for and is not in the workspace. It is a store.ErrNotFound.
type NotHereError struct{ What string }

// Error says what is missing.
func (e *NotHereError) Error() string { return "there is no " + e.What }

// Unwrap is what the store says.
func (*NotHereError) Unwrap() error { return store.ErrNotFound }

func notHere(err error, what string, args ...any) error {
	if errors.Is(err, store.ErrNotFound) {
		return &NotHereError{What: fmt.Sprintf(what, args...)}
	}
	return err
}

// SaveTemplate checks a template with all that it uses, and makes it, or changes the one of that name. The error is a
// *content.Error for one that cannot be compiled.
func (s *Service) SaveTemplate(ctx context.Context, ws int64, name string, t store.Template) error {
	var all map[string]store.Template
	err := s.Store.In(ctx, ws, func(tx *store.Tx) error {
		var err error
		all, err = store.CollectTemplates([]string{name}, map[string]store.Template{name: t},
			func(missing []string) (map[string]store.Template, error) { return tx.Templates(ctx, missing) })
		return err
	})
	if err != nil {
		return err
	}
	if err := content.Library(all).Check(name); err != nil {
		return fmt.Errorf("template %s: %w", name, err)
	}
	return s.Store.SaveTemplate(ctx, ws, name, t)
}

// Mailer sends tests.
type Mailer struct {
	Sender channels.EmailSender // nil: none is configured
	From   activities.Address
}

// ErrNoMailer says that tests cannot be sent here.
var ErrNoMailer = errors.New("no mail server is configured: set SMTP_URL and DOTYK_EMAIL_FROM")

// SendTest sends what a customer would get to somebody else. It is marked as a test, nothing of it is tracked, and it
// does not stand in the ledger. The error is a *channels.SendError when the mail server does not take it.
func (s *Service) SendTest(ctx context.Context, ws int64, m Mailer, r PreviewRequest, to string) (Preview, channels.Receipt, error) {
	var none channels.Receipt
	if m.Sender == nil {
		return Preview{}, none, ErrNoMailer
	}
	recipient, err := mail.ParseAddress(to)
	if err != nil {
		return Preview{}, none, fmt.Errorf("%w: %q is no address of an e-mail", ErrPreview, to)
	}
	settings, err := s.Store.Delivery(ctx, ws)
	if err != nil {
		return Preview{}, none, err
	}
	from := &mail.Address{Name: m.From.Name, Address: m.From.Email}
	if settings.Email.From != "" {
		if from, err = mail.ParseAddress(settings.Email.From); err != nil {
			return Preview{}, none, fmt.Errorf("%w: the workspace's sender %q is no address", ErrPreview, settings.Email.From)
		}
	}
	p, err := s.Preview(ctx, ws, r)
	if err != nil {
		return Preview{}, none, err
	}
	id := uuid.NewString()
	_, domain, _ := strings.Cut(from.Address, "@")
	receipt, err := m.Sender.Send(ctx, &channels.EmailMessage{
		TouchID: id, From: from.Address, FromName: from.Name, ReplyTo: settings.Email.ReplyTo, To: recipient.Address,
		ToName: recipient.Name, Subject: "[Test] " + p.Subject, HTML: p.HTML, Text: p.Text, MessageID: id + "@" + domain,
	})
	return p, receipt, err
}
