package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/channels"
	"dotyk/rules/audience"
)

// CallState says where a call from a customer stands.
type CallState string

// The states of a call.
const (
	CallRinging   CallState = "ringing"   // the owner of the customer, if she has one
	CallWaiting   CallState = "waiting"   // in the queue for operators
	CallTalking   CallState = "talking"   // with a user
	CallVoicemail CallState = "voicemail" // the customer may leave a message
	CallEnded     CallState = "ended"
)

// CallOutcome says what came of a call.
type CallOutcome string

// The outcomes of a call.
const (
	CallAnswered  CallOutcome = "answered"
	CallMissed    CallOutcome = "missed"    // nobody took it
	CallAbandoned CallOutcome = "abandoned" // the customer rang off before anybody could
	CallMessage   CallOutcome = "voicemail" // nobody took it, and the customer left a message
)

// rank orders outcomes: word of a better one that comes late counts, word of a worse one does not.
func (o CallOutcome) rank() int {
	return slices.Index([]CallOutcome{"", CallAbandoned, CallMissed, CallMessage, CallAnswered}, o)
}

// IncomingCall is a call that a customer makes.
type IncomingCall struct {
	SID  string // the provider's id: a repeated webhook is stored once
	From string // E.164; what is none is a caller who keeps her number secret
	To   string
	At   time.Time
}

// CallRoute says to whom a call may be put through.
type CallRoute struct {
	CustomerID string
	Owner      User // who is responsible for the customer, has a phone and does not talk; else zero
}

// CallCame stores a call: the customer is found by number, or made; the call becomes a touch and the event call_received.
func (s *Store) CallCame(ctx context.Context, workspace int64, in IncomingCall) (CallRoute, error) {
	route, err := s.knownCall(ctx, workspace, in)
	if err == nil && route.CustomerID == "" {
		route.CustomerID, err = s.caller(ctx, workspace, in)
	}
	if err != nil {
		return CallRoute{}, fmt.Errorf("find caller: %w", err)
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		if route.Owner, err = tx.reachableOwner(ctx, route.CustomerID, in); err != nil {
			return err
		}
		return tx.callCame(ctx, route, in)
	})
	return route, wrap("store incoming call", err)
}

// knownCall finds whose call it is where its webhook was repeated.
func (s *Store) knownCall(ctx context.Context, workspace int64, in IncomingCall) (CallRoute, error) {
	var route CallRoute
	err := s.In(ctx, workspace, func(tx *Tx) error {
		err := tx.conn.QueryRow(ctx, `SELECT t.customer_id FROM calls l JOIN touches t ON t.workspace_id = l.workspace_id AND t.id = l.touch_id
			WHERE l.workspace_id = $1 AND l.sid = $2`, workspace, in.SID).Scan(&route.CustomerID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return route, err
}

// caller is the customer who calls. A number that nobody has makes a record, and so does each secret number: nobody can say
// that two of them are one person.
func (s *Store) caller(ctx context.Context, workspace int64, in IncomingCall) (string, error) {
	from := Inbound{Channel: audience.Call, From: in.From}
	if !channels.IsTelephoneNumber(in.From) {
		from.From = ""
		return s.newContact(ctx, workspace, from)
	}
	customer, found, err := s.sender(ctx, workspace, from)
	if err != nil || found {
		return customer, err
	}
	return s.newContact(ctx, workspace, from)
}

// reachableOwner is the user whom the customer's record names as owner, where she can be rung.
func (tx *Tx) reachableOwner(ctx context.Context, customer string, in IncomingCall) (User, error) {
	var u User
	err := tx.conn.QueryRow(ctx, `SELECT u.id, u.email, u.name, u.role, u.phone FROM customers c
		JOIN users u ON u.workspace_id = c.workspace_id AND lower(u.email) = lower(btrim(c.attributes->>'owner'))
		WHERE c.workspace_id = $1 AND c.id = $2 AND u.disabled_at IS NULL AND u.phone <> '' AND u.phone <> $4
			AND NOT EXISTS (SELECT FROM calls l WHERE l.workspace_id = $1 AND l.user_id = u.id AND l.sid <> $3
				AND l.state IN ('ringing', 'talking') AND l.started_at > $5)`,
		tx.Workspace, customer, in.SID, in.From, in.At.Add(-callAtMost)).Scan(&u.ID, &u.Email, &u.Name, &u.Role, &u.Phone)
	if errors.Is(err, pgx.ErrNoRows) {
		return User{}, nil
	}
	return u, wrap("find owner", err)
}

// callAtMost is how long a call lasts at the most, by the provider's rules: one that seems to last longer has ended, and
// nobody told us.
const callAtMost = 4 * time.Hour

func (tx *Tx) callCame(ctx context.Context, route CallRoute, in IncomingCall) error {
	detail, err := jsonText(map[string]any{"to": in.To})
	if err != nil {
		return err
	}
	touch := newID()
	b := &pgx.Batch{}
	b.Queue(`WITH fresh AS (
			INSERT INTO calls (workspace_id, sid, touch_id, state, user_id, started_at) VALUES ($1, $2, $3, 'ringing', $4, $5)
			ON CONFLICT DO NOTHING RETURNING touch_id)
		INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, address, summary, provider_id, occurred_at, detail)
		SELECT $1, touch_id, $6, 'call', 'in', 'recorded', $7, 'Call from the customer', $2, $5, $8 FROM fresh
		ON CONFLICT (workspace_id, provider_id) WHERE direction = 'in' AND provider_id <> '' DO NOTHING`,
		tx.Workspace, in.SID, touch, orNull(route.Owner.ID), in.At, route.CustomerID, in.From, detail)
	received := SystemEvent{
		CustomerID: route.CustomerID, Name: audience.EventCallReceived, At: in.At, Key: "call:" + in.SID,
		Properties: map[string]any{"from": in.From, "to": in.To, "owner": route.Owner.Email},
	}
	if err := queueSystemEvents(b, tx.Workspace, []SystemEvent{received}); err != nil {
		return err
	}
	return tx.batch(ctx, b)
}

// CallChange is the provider's word on a call. What is empty does not change.
type CallChange struct {
	SID       string
	State     CallState
	Outcome   CallOutcome
	User      string        // e-mail address of who talks
	Duration  time.Duration // for which it was talked, or of the message
	Recording string        // URL at the provider
	At        time.Time
}

// CallRecord is what is known of a call besides its touch.
type CallRecord struct {
	State     CallState
	Outcome   CallOutcome
	Duration  time.Duration
	Recording string
}

type callRow struct {
	CallRecord
	touch, customer, address string
	user                     *string
	waiting, answered, ended *time.Time
}

// CallChanged records the provider's word on a call. Words come late, twice and out of order: an outcome only ever gets
// better, and what has ended stays so. A call that nobody took makes a task to call back, once, for the customer's owner;
// the end of a call is the event call_ended. ErrNotFound when there is no such call.
func (s *Store) CallChanged(ctx context.Context, workspace int64, c CallChange) (CallRecord, error) {
	var row callRow
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		if row, err = tx.lockCall(ctx, c.SID); err != nil {
			return err
		}
		over := row.ended != nil
		row.take(c)
		b := &pgx.Batch{}
		if err := tx.queueCall(ctx, b, c, &row); err != nil {
			return err
		}
		if row.ended != nil && !over {
			if err := queueSystemEvents(b, workspace, []SystemEvent{row.event(c)}); err != nil {
				return err
			}
		}
		return tx.batch(ctx, b)
	})
	return row.CallRecord, wrap("record call", err)
}

func (tx *Tx) lockCall(ctx context.Context, sid string) (callRow, error) {
	var row callRow
	var seconds int64
	err := tx.conn.QueryRow(ctx, `SELECT l.state, l.outcome, l.duration, l.recording, l.touch_id, t.customer_id, t.address, l.user_id,
			l.waiting_since, l.answered_at, l.ended_at
		FROM calls l JOIN touches t ON t.workspace_id = l.workspace_id AND t.id = l.touch_id
		WHERE l.workspace_id = $1 AND l.sid = $2 FOR UPDATE OF l`, tx.Workspace, sid).
		Scan(&row.State, &row.Outcome, &seconds, &row.Recording, &row.touch, &row.customer, &row.address, &row.user,
			&row.waiting, &row.answered, &row.ended)
	if errors.Is(err, pgx.ErrNoRows) {
		return callRow{}, fmt.Errorf("call %q: %w", sid, ErrNotFound)
	}
	row.Duration = time.Duration(seconds) * time.Second
	return row, err
}

// take applies a change.
func (r *callRow) take(c CallChange) {
	if c.Outcome.rank() > r.Outcome.rank() {
		r.Outcome = c.Outcome
	}
	if c.Recording != "" {
		r.Recording = c.Recording
	}
	r.Duration = max(r.Duration, c.Duration)
	if r.ended != nil || c.State == "" {
		return
	}
	r.State = c.State
	switch c.State {
	case CallWaiting:
		r.user = nil
		if r.waiting == nil {
			r.waiting = &c.At
		}
	case CallVoicemail:
		r.user = nil
	case CallTalking:
		r.answered = &c.At
	case CallEnded:
		r.ended = &c.At
		if r.answered != nil && r.Duration == 0 && r.Outcome == CallAnswered {
			r.Duration = c.At.Sub(*r.answered).Round(time.Second)
		}
		if r.Outcome == "" {
			r.Outcome = CallAbandoned
		}
	case CallRinging:
	}
}

func (tx *Tx) queueCall(ctx context.Context, b *pgx.Batch, c CallChange, r *callRow) error {
	if c.User != "" {
		users, err := tx.UserIDs(ctx)
		if err != nil {
			return err
		}
		r.user = orNull(users[userEmail(c.User)])
	}
	seconds := int64(r.Duration / time.Second)
	b.Queue(`UPDATE calls SET state = $3, outcome = $4, duration = $5, recording = $6, user_id = $7, waiting_since = $8,
		answered_at = $9, ended_at = $10 WHERE workspace_id = $1 AND sid = $2`,
		tx.Workspace, c.SID, r.State, r.Outcome, seconds, clean(r.Recording), r.user, r.waiting, r.answered, r.ended)
	detail := map[string]any{"state": r.State}
	if seconds > 0 {
		detail["duration"] = seconds
	}
	if r.Recording != "" {
		detail["recording"] = clean(r.Recording)
	}
	text, err := jsonText(detail)
	if err != nil {
		return err
	}
	b.Queue(`UPDATE touches SET outcome = $3, detail = detail || $4::jsonb, updated_at = clock_timestamp()
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, r.touch, r.Outcome, text)
	if r.Outcome != "" && r.Outcome != CallAnswered {
		queueCallBack(b, tx.Workspace, r, c.At)
	}
	return nil
}

// queueCallBack makes the task to call a customer back whom nobody answered. Its id follows from the call's, so there is
// one; a customer who tries again while it is open needs no second.
func queueCallBack(b *pgx.Batch, ws int64, r *callRow, at time.Time) {
	text := "The customer called at " + at.UTC().Format("15:04 on 2 January (UTC)") + " from " + cmp.Or(r.address, "a secret number") +
		", and nobody answered."
	b.Queue(`INSERT INTO tasks (workspace_id, id, customer_id, kind, title, text, assignee, due_at, dial, wanted)
		SELECT $1, $2, c.id, 'call', 'Call back', $4, u.id, $5, c.phone <> '',
			CASE WHEN u.id IS NULL THEN coalesce(btrim(c.attributes->>'owner'), '') ELSE '' END
		FROM customers c LEFT JOIN users u ON u.workspace_id = c.workspace_id AND u.disabled_at IS NULL
			AND lower(u.email) = lower(btrim(c.attributes->>'owner'))
		WHERE c.workspace_id = $1 AND c.id = $3 AND NOT EXISTS (SELECT FROM tasks o WHERE o.workspace_id = $1
			AND o.customer_id = $3 AND o.kind = 'call' AND o.title = 'Call back' AND o.status = 'open')
		ON CONFLICT DO NOTHING`, ws, derivedID(r.touch, "call back"), r.customer, text, at)
}

// derivedID is a UUID that follows from another and a purpose.
func derivedID(of, purpose string) string {
	return uuid.NewSHA1(uuid.MustParse(of), []byte(purpose)).String()
}

// event is how journeys hear of the end of a call.
func (r *callRow) event(c CallChange) SystemEvent {
	e := SystemEvent{
		CustomerID: r.customer, Name: audience.EventCallEnded, At: c.At, Key: "call ended:" + c.SID,
		Properties: map[string]any{"from": r.address, "outcome": string(r.Outcome), "duration": r.Duration.Seconds()},
	}
	if r.Recording != "" {
		e.Properties["recording"] = clean(r.Recording)
	}
	return e
}

// CallMade is a call to a customer for a task.
type CallMade struct {
	Task      string
	SID       string // of the user's end, which is the same for all words on it
	Reached   bool   // the customer answered
	Outcome   string // "" where only the recording is told
	Duration  time.Duration
	Recording string
	At        time.Time
}

// RecordCall puts a call to a customer on her record. Words on one call come in any order, and twice. ErrNotFound when
// there is no such task.
func (s *Store) RecordCall(ctx context.Context, workspace int64, c CallMade) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		t, err := tx.task(ctx, c.Task, false)
		if err != nil {
			return err
		}
		detail := map[string]any{"task": t.ID}
		if c.Duration > 0 {
			detail["duration"] = int64(c.Duration / time.Second)
		}
		if c.Recording != "" {
			detail["recording"] = clean(c.Recording)
		}
		text, err := jsonText(detail)
		if err != nil {
			return err
		}
		status := audience.Failed
		switch {
		case c.Reached:
			status = audience.Delivered
		case c.Outcome == "":
			status = audience.Accepted
		}
		_, err = tx.conn.Exec(ctx, `INSERT INTO touches AS t (workspace_id, id, customer_id, channel, direction, status, address, summary,
				outcome, provider_id, transactional, occurred_at, detail)
			VALUES ($1, $2, $3, 'call', 'out', $4, $5, $6, $7, $8, true, $9, $10)
			ON CONFLICT (workspace_id, id) DO UPDATE SET detail = t.detail || excluded.detail,
				status = CASE WHEN excluded.outcome = '' OR t.status = 'delivered' THEN t.status ELSE excluded.status END,
				outcome = CASE WHEN excluded.outcome = '' OR t.status = 'delivered' THEN t.outcome ELSE excluded.outcome END`,
			workspace, derivedID(t.ID, "call "+c.SID), t.CustomerID, status, t.CustomerPhone, clean(t.Title), clean(c.Outcome),
			c.SID, c.At, text)
		return err
	})
	return wrap("record call", err)
}

// CurrentCall is a call under way, with what whoever answers it wants to know.
type CurrentCall struct {
	SID          string
	State        CallState
	From         string
	StartedAt    time.Time
	WaitingSince time.Time // zero: not in the queue
	User         string    // e-mail address of who is rung or talks; "" for nobody
	Customer     audience.Customer
	Touches      []CallTouch // the newest first, this call not among them
}

// CallTouch is a touch in short.
type CallTouch struct {
	At        time.Time            `json:"at"`
	Channel   audience.Channel     `json:"channel"`
	Direction string               `json:"direction"`
	Status    audience.TouchStatus `json:"status"`
	Summary   string               `json:"summary"`
	Outcome   string               `json:"outcome"`
}

// CurrentCalls lists the calls under way, the oldest first: all of them, or those of a user by e-mail address.
func (s *Store) CurrentCalls(ctx context.Context, workspace int64, user string) ([]CurrentCall, error) {
	var list []CurrentCall
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT l.sid, l.state, t.address, l.started_at, l.waiting_since, coalesce(u.email, ''),
				(SELECT coalesce(jsonb_agg(n), '[]') FROM (SELECT o.occurred_at AS at, o.channel, o.direction, o.status, o.summary, o.outcome
					FROM touches o WHERE o.workspace_id = $1 AND o.customer_id = t.customer_id AND o.id <> t.id
					ORDER BY o.occurred_at DESC, o.id DESC LIMIT 5) n),
				`+prefixed("c")+`
			FROM calls l
			JOIN touches t ON t.workspace_id = l.workspace_id AND t.id = l.touch_id
			JOIN customers c ON c.workspace_id = l.workspace_id AND c.id = t.customer_id
			LEFT JOIN users u ON u.workspace_id = l.workspace_id AND u.id = l.user_id
			WHERE l.workspace_id = $1 AND l.state <> 'ended' AND l.started_at > clock_timestamp() - $3::interval
				AND ($2 = '' OR u.email = $2)
			ORDER BY l.started_at, l.sid LIMIT 200`, workspace, userEmail(user), callAtMost)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (CurrentCall, error) {
			var l CurrentCall
			var waiting *time.Time
			var touches []byte
			c := &l.Customer
			err := row.Scan(&l.SID, &l.State, &l.From, &l.StartedAt, &waiting, &l.User, &touches,
				&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage, &c.Tags,
				&c.Attributes, &c.CreatedAt, &c.UpdatedAt)
			l.WaitingSince = orZero(waiting)
			return l, errors.Join(err, json.Unmarshal(touches, &l.Touches))
		})
		return err
	})
	return list, wrap("list calls", err)
}
