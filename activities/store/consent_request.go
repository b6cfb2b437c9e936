package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// ConfirmWithin is for how long a consent that was requested can be confirmed.
const ConfirmWithin = 30 * 24 * time.Hour

// ErrTooLate is returned for a confirmation that comes after ConfirmWithin.
var ErrTooLate = errors.New("the time to confirm is over")

// needConfirmation gives the topics that ask for a confirmation, and the name of the business that asks; AllTopics is
// among them as soon as there is any.
func (tx *Tx) needConfirmation(ctx context.Context) (topics []string, brand string, err error) {
	err = tx.conn.QueryRow(ctx, `SELECT w.name, ARRAY(SELECT t.name FROM topics t WHERE t.workspace_id = w.id AND t.policy = $2)
		FROM workspaces w WHERE w.id = $1`, tx.Workspace, audience.DoubleOptIn).Scan(&brand, &topics)
	if err != nil {
		return nil, "", fmt.Errorf("read topics to confirm: %w", err)
	}
	if len(topics) > 0 {
		topics = append(topics, audience.AllTopics)
	}
	return topics, brand, nil
}

// askToConfirm turns a yes that anybody could have sent in the customer's name into a request, where its topic asks for a
// confirmation, and gives the events by which the customer is asked: one a customer and channel, and of the same topics
// one a day, so that nobody can fill a stranger's mailbox by a form.
func (tx *Tx) askToConfirm(ctx context.Context, entries []ledgerEntry) ([]SystemEvent, error) {
	open := func(e *ledgerEntry) bool {
		return e.Action == audience.Granted && !e.past && (e.Method == MethodForm || e.Method == MethodAPI)
	}
	if !slices.ContainsFunc(entries, func(e ledgerEntry) bool { return open(&e) }) {
		return nil, nil
	}
	topics, brand, err := tx.needConfirmation(ctx)
	if err != nil || len(topics) == 0 {
		return nil, err
	}
	type asked struct {
		customer string
		channel  audience.Channel
	}
	type request struct {
		id     string
		at     time.Time
		topics []string
	}
	requests := map[asked]*request{}
	var order []asked
	for i := range entries {
		e := &entries[i]
		if !open(e) || !slices.Contains(topics, e.Topic) {
			continue
		}
		e.Action = audience.Requested
		of := asked{e.customer, e.Channel}
		r := requests[of]
		if r == nil {
			r = &request{id: newID(), at: e.OccurredAt}
			requests[of], order = r, append(order, of)
		}
		e.request = r.id
		r.topics = append(r.topics, e.Topic)
	}
	events := make([]SystemEvent, 0, len(order))
	for _, of := range order {
		r := requests[of]
		said := strings.Join(slices.Sorted(slices.Values(r.topics)), ",")
		events = append(events, SystemEvent{
			CustomerID: of.customer, Name: audience.EventConsentRequested, At: r.at,
			Key:        clean(fmt.Sprintf("consent:%s:%s:%s:%s", of.customer, of.channel, r.at.UTC().Format(time.DateOnly), said)),
			Properties: map[string]any{"channel": string(of.channel), "topics": r.topics, "request": r.id, "brand": brand},
		})
	}
	return events, nil
}

// said makes entries of what a message says about consent.
func said(customer, source string, m *Message) []ledgerEntry {
	if len(m.Profile.Consents) == 0 {
		return nil
	}
	evidence, locale, by := how(m, source)
	entries := make([]ledgerEntry, 0, len(m.Profile.Consents))
	for _, c := range m.Profile.Consents {
		entries = append(entries, ledgerEntry{
			customer: customer, Consent: c, locale: locale, evidence: evidence, actor: by, past: m.Historical,
		})
	}
	return entries
}

// how tells what a message knows of how a consent was said: for the ledger.
func how(m *Message, source string) (evidence map[string]any, locale, by string) {
	evidence = map[string]any{"message_id": m.MessageID}
	var context struct {
		IP        string `json:"ip"`
		UserAgent string `json:"userAgent"`
		Locale    string `json:"locale"`
		Page      struct {
			URL string `json:"url"`
		} `json:"page"`
	}
	if len(m.Context) > 0 && json.Unmarshal(m.Context, &context) == nil { // sites may write anything there
		for name, value := range map[string]string{"ip": context.IP, "user_agent": context.UserAgent, "page": context.Page.URL} {
			if value != "" {
				evidence[name] = clean(value)
			}
		}
	}
	locale = context.Locale
	if m.Profile.Locale != nil {
		locale = *m.Profile.Locale
	}
	if m.Call == CallForm {
		return evidence, locale, actorSelf
	}
	return evidence, locale, "source " + source
}

// ConsentRequest is what a link of a double opt-in asks to confirm.
type ConsentRequest struct {
	Workspace int64
	ID        string
	Customer  string
	Channel   audience.Channel
	Topics    []string // names; audience.AllTopics for all
	Titles    []string // what the customer reads instead, in the same order, in the language that was asked for
	Brand     string   // the workspace's name
	Text      string   // the words that were agreed to; "" where they are not known
	Locale    string   // of the customer; "" when unknown
	At        time.Time
	Confirmed bool // already
}

// ConsentRequest reads what a request was about; titles of topics are in the language of the locale. ErrNotFound when
// there is no such request, or its customer was erased.
func (s *Store) ConsentRequest(ctx context.Context, workspace int64, id, locale string) (ConsentRequest, error) {
	r := ConsentRequest{Workspace: workspace, ID: id}
	if _, err := uuid.Parse(id); err != nil {
		return r, fmt.Errorf("consent request %q: %w", id, ErrNotFound)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		r, err = tx.consentRequest(ctx, id, locale)
		return err
	})
	return r, wrap("read consent request", err)
}

func (tx *Tx) consentRequest(ctx context.Context, id, locale string) (ConsentRequest, error) {
	r := ConsentRequest{Workspace: tx.Workspace, ID: id}
	err := tx.conn.QueryRow(ctx, `SELECT k.id, r.channel, array_agg(r.topic ORDER BY r.topic),
		array_agg(coalesce(nullif(t.title ->> $3, ''), nullif(t.title ->> 'en', ''), r.topic) ORDER BY r.topic),
		w.name, coalesce(max(x.text), ''), k.locale, min(r.occurred_at),
		bool_and(EXISTS (SELECT FROM consents y WHERE y.workspace_id = $1 AND y.request_id = $2 AND y.topic = r.topic
			AND y.action = 'confirmed'))
		FROM consents r JOIN workspaces w ON w.id = $1
		JOIN customers c ON c.workspace_id = $1 AND c.id = r.customer_id
		JOIN customers k ON k.workspace_id = $1 AND k.id = coalesce(c.merged_into, c.id) AND k.erased_at IS NULL
		LEFT JOIN topics t ON t.workspace_id = $1 AND t.name = r.topic
		LEFT JOIN consent_texts x ON x.workspace_id = $1 AND x.sha256 = r.text_sha256
		WHERE r.workspace_id = $1 AND r.request_id = $2 AND r.action = 'requested' GROUP BY k.id, k.locale, r.channel, w.name`,
		tx.Workspace, id, locale).
		Scan(&r.Customer, &r.Channel, &r.Topics, &r.Titles, &r.Brand, &r.Text, &r.Locale, &r.At, &r.Confirmed)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, fmt.Errorf("consent request %s: %w", id, ErrNotFound)
	}
	return r, err
}

// Confirm records that the owner of an address confirms a consent that was requested, and tells the campaigns. Saying it
// twice changes nothing. ErrNotFound when there is no such request, ErrTooLate when it is too old.
func (s *Store) Confirm(ctx context.Context, workspace int64, id string, evidence map[string]any, at time.Time) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		r, err := tx.consentRequest(ctx, id, "")
		if err != nil {
			return err
		}
		if err := tx.lockCustomer(ctx, r.Customer); err != nil {
			return err
		}
		if r, err = tx.consentRequest(ctx, id, ""); err != nil || r.Confirmed { // as it is now that nobody else writes
			return err
		}
		if at.After(r.At.Add(ConfirmWithin)) {
			return fmt.Errorf("%w: it was asked for on %s", ErrTooLate, r.At.UTC().Format(time.DateOnly))
		}
		return tx.confirm(ctx, r, evidence, at)
	})
	return wrap("confirm consent", err)
}

func (tx *Tx) confirm(ctx context.Context, r ConsentRequest, evidence map[string]any, at time.Time) error {
	proof := map[string]any{"confirmed_at": at.UTC(), "requested_at": r.At.UTC()}
	maps.Copy(proof, evidence)
	entries := make([]ledgerEntry, 0, len(r.Topics))
	for _, topic := range r.Topics {
		entries = append(entries, ledgerEntry{
			customer: r.Customer, evidence: proof, actor: actorSelf, request: r.ID, locale: r.Locale,
			Consent: audience.Consent{
				Channel: r.Channel, Topic: topic, Action: audience.Confirmed, OccurredAt: at, Method: MethodConfirmation,
				Source: "link in a message", TextShown: r.Text,
			},
		})
	}
	if err := tx.say(ctx, entries); err != nil {
		return err
	}
	if err := tx.liftUnsubscribed(ctx, r.Customer, r.Channel, at); err != nil {
		return err
	}
	b := &pgx.Batch{}
	err := queueSystemEvents(b, tx.Workspace, []SystemEvent{{
		CustomerID: r.Customer, Name: audience.EventConsentConfirmed, At: at, Key: "confirmed:" + r.ID + ":" + string(r.Channel),
		Properties: map[string]any{"channel": string(r.Channel), "topics": r.Topics, "request": r.ID},
	}})
	if err != nil {
		return err
	}
	return tx.batch(ctx, b)
}
