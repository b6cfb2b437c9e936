package manage

import (
	"context"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// consentRoutes are those of consent, suppression, and what people may ask of their data.
func (s *server) consentRoutes() {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	add(s, operation(get, "/customers/{id}/consents", "listConsents", "consent", "List all that a customer said about being contacted, with the proof"), s.consents)
	say := operation(post, "/customers/{id}/consents", "addConsent", "consent", "Record what a customer said about being contacted")
	say.DefaultStatus = http.StatusCreated
	add(s, say, s.addConsent)
	add(s, operation(get, "/customers/{id}/export", "exportCustomer", "consent", "Give everything that is kept of a customer (GDPR articles 15 and 20)"), s.exportCustomer)
	add(s, operation(del, "/customers/{id}", "eraseCustomer", "consent", "Erase a customer (GDPR article 17); the addresses are suppressed"), s.eraseCustomer)
	add(s, operation(get, "/suppressions", "listSuppressions", "consent", "List addresses that must not be contacted, or look one up"), s.suppressions)
	add(s, operation(post, "/suppressions", "addSuppressions", "consent", "Suppress addresses, all or none"), s.suppress)
	add(s, operation(post, "/suppressions/lift", "liftSuppression", "consent", "Let an address be contacted again"), s.unsuppress)
	add(s, operation(get, "/topics", "listTopics", "consent", "List the topics by name"), s.topics)
	add(s, operation(put, "/topics/{name}", "editTopic", "consent", "Make a topic, or change it"), s.editTopic)
}

// CustomerPath is a customer in a path.
type CustomerPath struct {
	ID string `path:"id" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
}

// ConsentEntry is one entry of the ledger of consents.
type ConsentEntry struct {
	Channel      string         `json:"channel"`
	Topic        string         `json:"topic" doc:"* for all."`
	Action       string         `json:"action" enum:"requested,granted,confirmed,withdrawn,objected,expired,refreshed,imported"`
	OccurredAt   time.Time      `json:"occurred_at"`
	RecordedAt   time.Time      `json:"recorded_at"`
	ExpiresAt    time.Time      `json:"expires_at,omitzero"`
	Method       string         `json:"method"`
	Source       string         `json:"source,omitempty"`
	Text         string         `json:"text,omitempty" doc:"The exact words that were shown."`
	Locale       string         `json:"locale,omitempty"`
	Controller   string         `json:"controller,omitempty"`
	Evidence     map[string]any `json:"evidence,omitempty"`
	Actor        string         `json:"actor,omitempty" doc:"self, or who recorded it."`
	Jurisdiction string         `json:"jurisdiction,omitempty"`
	Hash         string         `json:"hash,omitempty" doc:"SHA-256 of the entry and the hash of the one before."`
}

type consentList struct {
	CustomerID string         `json:"customer_id"`
	Consents   []ConsentEntry `json:"consents" doc:"Oldest first."`
}

func (s *server) consents(ctx context.Context, ws int64, in *CustomerPath) (*body[consentList], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	ledger, err := s.Store.Ledger(ctx, ws, c.ID)
	if err != nil {
		return nil, err
	}
	list := consentList{CustomerID: c.ID, Consents: make([]ConsentEntry, 0, len(ledger))}
	for i := range ledger {
		e := &ledger[i]
		list.Consents = append(list.Consents, ConsentEntry{
			Channel: string(e.Channel), Topic: e.Topic, Action: string(e.Action), OccurredAt: e.OccurredAt.UTC(), RecordedAt: e.RecordedAt.UTC(),
			ExpiresAt: utc(e.ExpiresAt), Method: e.Method, Source: e.Source, Text: e.TextShown, Locale: e.Locale, Controller: e.Controller,
			Evidence: e.Evidence, Actor: e.Actor, Jurisdiction: e.Jurisdiction, Hash: e.Hash,
		})
	}
	return answerWith(list), nil
}

type addConsentInput struct {
	CustomerPath
	Body struct {
		Channel      string         `json:"channel" enum:"email,sms,call"`
		Topic        string         `json:"topic" minLength:"1" maxLength:"100" doc:"* for all."`
		Action       string         `json:"action" enum:"granted,confirmed,refreshed,imported,withdrawn,objected"`
		Text         string         `json:"text,omitempty" maxLength:"10000" doc:"The exact words that were shown or said."`
		Locale       string         `json:"locale,omitempty" maxLength:"35"`
		Source       string         `json:"source,omitempty" maxLength:"2000"`
		Evidence     map[string]any `json:"evidence,omitempty"`
		Jurisdiction string         `json:"jurisdiction,omitempty" maxLength:"2"`
		At           time.Time      `json:"at,omitzero" doc:"When it was said; now when left out."`
		ExpiresAt    time.Time      `json:"expires_at,omitzero"`
	}
}

func (s *server) addConsent(ctx context.Context, ws int64, in *addConsentInput) (*body[consentList], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	err = s.Store.Say(store.WithActor(ctx, actor(ctx)), ws, store.ConsentWord{
		Customer: c.ID, Channel: audience.Channel(b.Channel), Topic: b.Topic, Action: audience.ConsentAction(b.Action), Text: b.Text,
		Locale: b.Locale, Source: b.Source, Evidence: b.Evidence, Jurisdiction: b.Jurisdiction, At: b.At, ExpiresAt: b.ExpiresAt,
	})
	if err != nil {
		return nil, err
	}
	return s.consents(ctx, ws, &in.CustomerPath)
}

type exportAnswer = map[string][]map[string]any

func (s *server) exportCustomer(ctx context.Context, ws int64, in *CustomerPath) (*body[exportAnswer], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.Export(ctx, ws, c.ID)
	if err != nil {
		return nil, err
	}
	return answerWith(exportAnswer(out)), nil
}

type eraseInput struct {
	CustomerPath
	Reason string `query:"reason" required:"true" minLength:"1" maxLength:"500" doc:"Why. It is kept, and so it must not name the person."`
}

type erased struct {
	CustomerID string         `json:"customer_id"`
	Suppressed int            `json:"suppressed" doc:"Addresses that were suppressed."`
	Cleared    map[string]int `json:"cleared" doc:"Rows that lost what is personal, by table."`
}

func (s *server) eraseCustomer(ctx context.Context, ws int64, in *eraseInput) (*body[erased], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	out, err := s.Store.Erase(store.WithActor(ctx, actor(ctx)), ws, c.ID, in.Reason)
	if err != nil {
		return nil, err
	}
	return answerWith(erased{CustomerID: c.ID, Suppressed: out.Suppressed, Cleared: out.Cleared}), nil
}

// SuppressionView is an address that must not be contacted.
type SuppressionView struct {
	Channel   string    `json:"channel"`
	Hash      string    `json:"hash" doc:"Of the address, which itself is not kept."`
	Reason    string    `json:"reason"`
	Scope     string    `json:"scope" enum:"all,marketing"`
	Detail    string    `json:"detail,omitempty"`
	Actor     string    `json:"actor,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ClearedAt time.Time `json:"cleared_at,omitzero"`
}

type suppressionsInput struct {
	Channel string `query:"channel" enum:"email,sms" doc:"Only of this channel."`
	Reason  string `query:"reason" maxLength:"50" doc:"Only of this reason."`
	Address string `query:"address" maxLength:"320" doc:"Only this address; name its channel."`
	Cleared bool   `query:"cleared" doc:"Those that were lifted, too."`
	After   string `query:"after" maxLength:"64" doc:"Hash of the last one of the page before."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at the most."`
}

type suppressionsList struct {
	Suppressions []SuppressionView `json:"suppressions"`
	Next         string            `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) suppressions(ctx context.Context, ws int64, in *suppressionsInput) (*body[suppressionsList], error) {
	found, err := s.Store.Suppressions(ctx, ws, store.SuppressionFilter{
		Channel: audience.Channel(in.Channel), Reason: store.Reason(in.Reason), Address: in.Address, Cleared: in.Cleared,
		After: in.After, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	list := suppressionsList{Suppressions: make([]SuppressionView, 0, len(found))}
	for _, x := range found {
		list.Suppressions = append(list.Suppressions, SuppressionView{
			Channel: string(x.Channel), Hash: x.Hash, Reason: string(x.Reason), Scope: string(x.Scope), Detail: x.Detail, Actor: x.Actor,
			CreatedAt: x.CreatedAt.UTC(), ClearedAt: utc(x.ClearedAt),
		})
	}
	if len(found) == in.Limit {
		list.Next = found[len(found)-1].Hash
	}
	return answerWith(list), nil
}

// NewSuppression is an address to be suppressed.
type NewSuppression struct {
	Channel string `json:"channel" enum:"email,sms"`
	Address string `json:"address,omitempty" maxLength:"320"`
	Hash    string `json:"hash,omitempty" maxLength:"64" doc:"Instead of the address, as the list has it."`
	Reason  string `json:"reason,omitempty" maxLength:"50" doc:"manual when left out."`
	Scope   string `json:"scope,omitempty" enum:"all,marketing"`
	Detail  string `json:"detail,omitempty" maxLength:"1000"`
}

type suppressInput struct {
	Body struct {
		Addresses []NewSuppression `json:"addresses" minItems:"1" maxItems:"10000"`
	}
}

type suppressed struct {
	Added int `json:"added" doc:"Those that were not on the list."`
}

func (s *server) suppress(ctx context.Context, ws int64, in *suppressInput) (*body[suppressed], error) {
	list := make([]store.NewSuppression, 0, len(in.Body.Addresses))
	for _, a := range in.Body.Addresses {
		list = append(list, store.NewSuppression{
			Channel: audience.Channel(a.Channel), Address: a.Address, Hash: a.Hash, Reason: store.Reason(a.Reason),
			Scope: store.Scope(a.Scope), Detail: a.Detail,
		})
	}
	n, err := s.Store.Suppress(store.WithActor(ctx, actor(ctx)), ws, list)
	if err != nil {
		return nil, err
	}
	return answerWith(suppressed{Added: n}), nil
}

type unsuppressInput struct {
	Body struct {
		Channel string `json:"channel" enum:"email,sms"`
		Address string `json:"address" minLength:"1" maxLength:"320" doc:"The address, or its hash."`
	}
}

func (s *server) unsuppress(ctx context.Context, ws int64, in *unsuppressInput) (*struct{}, error) {
	err := s.Store.Unsuppress(store.WithActor(ctx, actor(ctx)), ws, audience.Channel(in.Body.Channel), in.Body.Address)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/suppressions lists those there are", "suppression of that address on %s", in.Body.Channel)
	}
	return &struct{}{}, nil
}

// TopicView is what customers consent to.
type TopicView struct {
	Name   string            `json:"name"`
	Policy string            `json:"policy" enum:"opt_in,opt_out,double_opt_in"`
	Title  map[string]string `json:"title,omitempty" doc:"What customers read, by language: en, uk."`
	Hidden bool              `json:"hidden" doc:"It is not shown on the preference page."`
}

type topicList struct {
	Topics []TopicView `json:"topics"`
}

func (s *server) topics(ctx context.Context, ws int64, _ *struct{}) (*body[topicList], error) {
	found, err := s.Store.Topics(ctx, ws)
	if err != nil {
		return nil, err
	}
	list := topicList{Topics: make([]TopicView, 0, len(found))}
	for _, t := range found {
		list.Topics = append(list.Topics, TopicView{Name: t.Name, Policy: string(t.Policy), Title: t.Title, Hidden: t.Hidden})
	}
	return answerWith(list), nil
}

type editTopicInput struct {
	Name string `path:"name" maxLength:"100" doc:"The topic, as campaigns name it."`
	Body struct {
		Policy *string           `json:"policy,omitempty" enum:"opt_in,opt_out,double_opt_in"`
		Title  map[string]string `json:"title,omitempty"`
		Hidden *bool             `json:"hidden,omitempty"`
	}
}

func (s *server) editTopic(ctx context.Context, ws int64, in *editTopicInput) (*body[topicList], error) {
	edit := store.TopicEdit{Title: in.Body.Title, Hidden: in.Body.Hidden}
	if in.Body.Policy != nil {
		policy := audience.TopicPolicy(*in.Body.Policy)
		edit.Policy = &policy
	}
	if err := s.Store.EditTopic(store.WithActor(ctx, actor(ctx)), ws, in.Name, edit); err != nil {
		return nil, err
	}
	return s.topics(ctx, ws, &struct{}{})
}
