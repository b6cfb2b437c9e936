package manage

import (
	"context"
	"errors"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/starter/campaigns"
)

// templateRoutes are those of what messages say.
func (s *server) templateRoutes() {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	const tag, one = "templates", "/templates/{name}"
	add(s, operation(get, "/templates", "listTemplates", tag, "List the templates, layouts and snippets by name"), s.listTemplates)
	add(s, operation(get, one, "getTemplate", tag, "Show a template"), s.getTemplate)
	add(s, operation(put, one, "saveTemplate", tag, "Make a template, or change it; campaigns that are published keep what they have"), s.saveTemplate)
	add(s, operation(del, one, "deleteTemplate", tag, "Delete a template; campaigns that are published keep what they have"), s.deleteTemplate)
	add(s, operation(post, one+"/preview", "previewTemplate", tag, "Fill an e-mail in for a customer"), s.previewTemplate)
	add(s, operation(post, one+"/send", "sendTemplate", tag, "Send what a customer would get to yourself, marked as a test"), s.sendTemplate)
}

// TemplatePath is a template in a path.
type TemplatePath struct {
	Name string `path:"name" maxLength:"200" doc:"Name of the template."`
}

// SavedTemplate is a template of the workspace.
type SavedTemplate struct {
	Name string `json:"name"`
	store.Template

	UpdatedAt time.Time `json:"updated_at"`
}

// NewSavedTemplate shows a template of the store.
func NewSavedTemplate(t store.NamedTemplate) SavedTemplate {
	return SavedTemplate{Name: t.Name, Template: t.Template, UpdatedAt: utc(t.UpdatedAt)}
}

// TemplateLine is a line of the list of templates.
type TemplateLine struct {
	Name      string               `json:"name"`
	Kind      content.TemplateKind `json:"kind,omitempty"`
	Subject   string               `json:"subject,omitempty"`
	UpdatedAt time.Time            `json:"updated_at"`
}

type templateList struct {
	Templates []TemplateLine `json:"templates"`
	Next      string         `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listTemplates(ctx context.Context, ws int64, in *Paging) (*body[templateList], error) {
	all, err := s.Store.ListTemplates(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(t store.NamedTemplate) []string { return []string{t.Name} }, *in)
	if err != nil {
		return nil, err
	}
	list := templateList{Templates: make([]TemplateLine, 0, len(part)), Next: next}
	for _, t := range part {
		list.Templates = append(list.Templates, TemplateLine{Name: t.Name, Kind: t.Kind, Subject: t.Subject, UpdatedAt: utc(t.UpdatedAt)})
	}
	return answerWith(list), nil
}

func noTemplate(err error, name string) error {
	return missing(err, "GET "+Base+"/templates lists those there are", "template %q", name)
}

func (s *server) getTemplate(ctx context.Context, ws int64, in *TemplatePath) (*body[SavedTemplate], error) {
	t, err := s.Store.Template(ctx, ws, in.Name)
	if err != nil {
		return nil, noTemplate(err, in.Name)
	}
	return answerWith(NewSavedTemplate(t)), nil
}

type saveTemplateInput struct {
	TemplatePath
	Body store.Template
}

func (s *server) saveTemplate(ctx context.Context, ws int64, in *saveTemplateInput) (*body[SavedTemplate], error) {
	if err := s.campaigns.SaveTemplate(ctx, ws, in.Name, in.Body); err != nil {
		return nil, contentProblem(err)
	}
	return s.getTemplate(ctx, ws, &in.TemplatePath)
}

func (s *server) deleteTemplate(ctx context.Context, ws int64, in *TemplatePath) (*struct{}, error) {
	if err := s.Store.DeleteTemplate(ctx, ws, in.Name); err != nil {
		return nil, noTemplate(err, in.Name)
	}
	return &struct{}{}, nil
}

// PreviewBody says for whom an e-mail is filled in.
type PreviewBody struct {
	Customer string          `json:"customer" minLength:"1" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	Campaign string          `json:"campaign,omitempty" doc:"The campaign that it would belong to."`
	Locale   string          `json:"locale,omitempty" maxLength:"50" doc:"Another language than the customer's."`
	Data     map[string]any  `json:"data,omitempty" doc:"What the template sees as entry."`
	Template *store.Template `json:"template,omitempty" doc:"Content that is not saved yet."`
}

func (b *PreviewBody) request(name string) campaigns.PreviewRequest {
	r := campaigns.PreviewRequest{Template: name, Customer: b.Customer, Campaign: b.Campaign, Locale: b.Locale, Entry: b.Data}
	if b.Template != nil {
		r.Given = map[string]store.Template{name: *b.Template}
	}
	return r
}

type previewTemplateInput struct {
	TemplatePath
	Body PreviewBody
}

// EmailPreview is an e-mail as a customer would get it.
type EmailPreview struct {
	Subject  string            `json:"subject"`
	HTML     string            `json:"html,omitempty"`
	Text     string            `json:"text"`
	Warnings []content.Warning `json:"warnings"`
}

// NewEmailPreview shows a preview.
func NewEmailPreview(p campaigns.Preview) EmailPreview {
	return EmailPreview{Subject: p.Subject, HTML: p.HTML, Text: p.Text, Warnings: append([]content.Warning{}, p.Warnings...)}
}

func (s *server) previewTemplate(ctx context.Context, ws int64, in *previewTemplateInput) (*body[EmailPreview], error) {
	p, err := s.campaigns.Preview(ctx, ws, in.Body.request(in.Name))
	if err != nil {
		return nil, contentProblem(err)
	}
	return answerWith(NewEmailPreview(p)), nil
}

type sendTemplateInput struct {
	TemplatePath
	Body struct {
		PreviewBody

		To string `json:"to" minLength:"3" maxLength:"320" doc:"Address that gets it."`
	}
}

// SentTest is what became of a test.
type SentTest struct {
	To       string            `json:"to"`
	Subject  string            `json:"subject"`
	Response string            `json:"response" doc:"The mail server's words."`
	Warnings []content.Warning `json:"warnings"`
}

func (s *server) sendTemplate(ctx context.Context, ws int64, in *sendTemplateInput) (*body[SentTest], error) {
	p, receipt, err := s.campaigns.SendTest(ctx, ws, s.Mailer, in.Body.request(in.Name), in.Body.To)
	if err != nil {
		return nil, contentProblem(err)
	}
	return answerWith(SentTest{
		To: in.Body.To, Subject: "[Test] " + p.Subject, Response: receipt.Response, Warnings: NewEmailPreview(p).Warnings,
	}), nil
}

// contentProblem translates what is wrong with a message.
func contentProblem(err error) error {
	var fault *content.Error
	var refused *channels.SendError
	var what *campaigns.NotHereError
	switch {
	case errors.As(err, &fault):
		return problem(http.StatusUnprocessableEntity, "bad_content", "%s", fault)
	case errors.Is(err, campaigns.ErrPreview):
		return problem(http.StatusUnprocessableEntity, "invalid", "%s", err)
	case errors.Is(err, campaigns.ErrNoMailer):
		return problem(http.StatusServiceUnavailable, "no_mailer", "%s", err)
	case errors.As(err, &refused):
		return problem(http.StatusBadGateway, "mail_refused", "the mail server did not take it: %s", refused)
	case errors.As(err, &what):
		return &missingError{what: what.What, advice: "check the name"}
	default:
		return err
	}
}
