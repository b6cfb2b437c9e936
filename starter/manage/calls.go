package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
)

// CurrentCall is a call from a customer that is under way.
type CurrentCall struct {
	ID           string         `json:"id" doc:"The provider's id of the call."`
	State        string         `json:"state" enum:"ringing,waiting,talking,voicemail" doc:"waiting: in the queue for operators."`
	From         string         `json:"from" doc:"The number that calls."`
	StartedAt    time.Time      `json:"started_at"`
	WaitingSince time.Time      `json:"waiting_since,omitzero"`
	User         string         `json:"user,omitempty" doc:"E-mail of who is rung or talks."`
	CustomerID   string         `json:"customer_id"`
	Name         string         `json:"name,omitempty"`
	Email        string         `json:"email,omitempty"`
	Stage        string         `json:"stage,omitempty"`
	Tags         []string       `json:"tags"`
	Attributes   map[string]any `json:"attributes"`
	Touches      []CallTouch    `json:"touches" doc:"The last five before this call, the newest first."`
}

// CallTouch is a touch in short.
type CallTouch struct {
	At        time.Time `json:"at"`
	Channel   string    `json:"channel"`
	Direction string    `json:"direction"`
	Status    string    `json:"status"`
	Summary   string    `json:"summary"`
	Outcome   string    `json:"outcome,omitempty"`
}

// NewCurrentCalls shows calls of the store.
func NewCurrentCalls(list []store.CurrentCall) []CurrentCall {
	views := make([]CurrentCall, 0, len(list))
	for _, l := range list {
		c := l.Customer
		view := CurrentCall{
			ID: l.SID, State: string(l.State), From: l.From, StartedAt: l.StartedAt.UTC(), WaitingSince: utc(l.WaitingSince), User: l.User,
			CustomerID: c.ID, Name: c.Name, Email: c.Email, Stage: c.Stage, Tags: append([]string{}, c.Tags...), Attributes: c.Attributes,
			Touches: make([]CallTouch, 0, len(l.Touches)),
		}
		for _, t := range l.Touches {
			view.Touches = append(view.Touches, CallTouch{
				At: t.At.UTC(), Channel: string(t.Channel), Direction: t.Direction, Status: string(t.Status), Summary: t.Summary, Outcome: t.Outcome,
			})
		}
		views = append(views, view)
	}
	return views
}

type callsInput struct {
	User string `query:"user" maxLength:"320" doc:"Only calls that this user is rung for or talks in, by e-mail."`
}

type callList struct {
	Calls []CurrentCall `json:"calls" doc:"The oldest first."`
}

func (s *server) currentCalls(ctx context.Context, ws int64, in *callsInput) (*body[callList], error) {
	list, err := s.Store.CurrentCalls(ctx, ws, in.User)
	if err != nil {
		return nil, err
	}
	return answerWith(callList{Calls: NewCurrentCalls(list)}), nil
}

type takeInput struct {
	Body struct {
		User string `json:"user" minLength:"3" maxLength:"320" doc:"E-mail of the user whose phone rings."`
	}
}

func (s *server) takeCall(ctx context.Context, ws int64, in *takeInput) (*body[Dialled], error) {
	receipt, err := s.Desk.TakeCall(ctx, ws, in.Body.User)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/users lists those there are", "user %q", in.Body.User)
	}
	return answerWith(NewDialled(receipt)), nil
}

// telephonyBody is channels.TelephonySettings as JSON.
type telephonyBody = map[string]any

func (s *server) getTelephony(ctx context.Context, ws int64, _ *struct{}) (*body[telephonyBody], error) {
	settings, err := s.Store.Delivery(ctx, ws)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(settings.Telephony)
	if err != nil {
		return nil, err
	}
	view := telephonyBody{}
	if err := json.Unmarshal(raw, &view); err != nil {
		return nil, err
	}
	return answerWith(view), nil
}

type telephonyInput struct {
	Body telephonyBody
}

func (s *server) setTelephony(ctx context.Context, ws int64, in *telephonyInput) (*body[telephonyBody], error) {
	raw, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	t, err := ReadTelephony(raw)
	if err != nil {
		return nil, problem(http.StatusUnprocessableEntity, "bad_telephony", "%s", err)
	}
	err = s.Store.SetDelivery(ctx, ws, func(settings *channels.Settings) error {
		settings.Telephony = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.getTelephony(ctx, ws, nil)
}

// ReadTelephony reads the settings of SMS and calls, of which every field must be known.
func ReadTelephony(raw []byte) (channels.TelephonySettings, error) {
	var t channels.TelephonySettings
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, fmt.Errorf("read settings of SMS and calls: %w", err)
	}
	return t, nil
}

// callRoutes are those of calls, and of the settings of SMS and calls.
func (s *server) callRoutes() {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	add(s, operation(get, "/calls/current", "currentCalls", "calls", "List the calls of customers under way, with who they are"), s.currentCalls)
	take := operation(post, "/calls/take", "takeCall", "calls", "Ring a user, and connect her with the customer who waits longest")
	take.DefaultStatus = http.StatusAccepted
	add(s, take, s.takeCall)
	add(s, operation(get, "/telephony", "getTelephony", "workspace", "Show the settings of SMS and calls"), s.getTelephony)
	add(s, operation(put, "/telephony", "setTelephony", "workspace", "Set senders, prices, countries, working hours and voicemail"), s.setTelephony)
}
