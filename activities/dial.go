package activities

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/voice"
)

// Dialer connects a user with a customer by telephone.
type Dialer interface {
	Dial(ctx context.Context, c voice.Call) (channels.Receipt, error)
	// Take connects a user with the caller who waits longest.
	Take(ctx context.Context, t voice.Take) (channels.Receipt, error)
}

// Desk does what users ask for at once, without a workflow.
type Desk struct {
	Store  *store.Store
	Dialer Dialer // nil: calls cannot be dialled
	From   string // our number, E.164
	// PublicURL is where the provider tells what became of a call; "" for nowhere, and then the user says it.
	PublicURL string
}

// DialTask rings the user who has a call to make, and then the customer. It returns when the provider has taken the call:
// once the customer has answered and the call is over, the provider closes the task at /hooks/twilio/call; what else
// becomes of it is said by CompleteTask.
//
// store.ErrNotFound when there is no such task; store.ErrInvalid when it cannot be dialled, with the reason; else a
// *channels.SendError.
func (d Desk) DialTask(ctx context.Context, workspace int64, task string) (channels.Receipt, error) {
	t, err := d.Store.Task(ctx, workspace, task)
	if err != nil {
		return channels.Receipt{}, err
	}
	users, err := d.Store.Users(ctx, workspace)
	if err != nil {
		return channels.Receipt{}, err
	}
	call := voice.Call{TouchID: t.ID, From: d.From, To: t.CustomerPhone, StatusCallback: d.callback(workspace, t.ID)}
	for _, u := range users {
		if u.Email == t.Assignee && u.DisabledAt.IsZero() {
			call.Agent = u.Phone
		}
	}
	if reason := d.refusal(&t, call); reason != "" {
		return channels.Receipt{}, fmt.Errorf("dial task %s: %w: %s", task, store.ErrInvalid, reason)
	}
	settings, err := d.Store.Delivery(ctx, workspace)
	if err != nil {
		return channels.Receipt{}, err
	}
	if settings.Telephony.Voice.Record && call.StatusCallback != "" {
		call.RecordingCallback = d.hook("voice/recording", workspace, "task", t.ID)
	}
	receipt, err := d.Dialer.Dial(ctx, call)
	if err != nil {
		return channels.Receipt{}, fmt.Errorf("dial task %s: %w", task, err)
	}
	return receipt, nil
}

// TakeCall rings a user, and connects her with the customer who waits longest in the queue. store.ErrNotFound when there is
// no such user; store.ErrInvalid when it cannot be done, with the reason; else a *channels.SendError.
func (d Desk) TakeCall(ctx context.Context, workspace int64, user string) (channels.Receipt, error) {
	users, err := d.Store.Users(ctx, workspace)
	if err != nil {
		return channels.Receipt{}, err
	}
	at := slices.IndexFunc(users, func(u store.User) bool {
		return strings.EqualFold(u.Email, strings.TrimSpace(user)) && u.DisabledAt.IsZero()
	})
	if at < 0 {
		return channels.Receipt{}, fmt.Errorf("user %q: %w", user, store.ErrNotFound)
	}
	calls, err := d.Store.CurrentCalls(ctx, workspace, "")
	if err != nil {
		return channels.Receipt{}, err
	}
	waits := slices.ContainsFunc(calls, func(c store.CurrentCall) bool { return c.State == store.CallWaiting })
	refusal := d.noTelephone()
	switch {
	case refusal != "":
	case users[at].Phone == "":
		refusal = "no phone number of " + users[at].Email + " is known: save the user with one"
	case !waits:
		refusal = "nobody waits in the queue"
	}
	if refusal != "" {
		return channels.Receipt{}, fmt.Errorf("take call: %w: %s", store.ErrInvalid, refusal)
	}
	receipt, err := d.Dialer.Take(ctx, voice.Take{
		From: d.From, Agent: users[at].Phone, Workspace: workspace, Connected: d.hook("voice/connected", workspace, "user", users[at].Email),
	})
	if err != nil {
		return channels.Receipt{}, fmt.Errorf("take call: %w", err)
	}
	return receipt, nil
}

func (d Desk) callback(workspace int64, task string) string {
	return d.hook("call", workspace, "task", task)
}

// hook is the address that a provider tells about what is named by key and value; "" without a public URL.
func (d Desk) hook(path string, workspace int64, key, value string) string {
	if d.PublicURL == "" {
		return ""
	}
	named := url.Values{"w": {strconv.FormatInt(workspace, 10)}, key: {value}}
	return strings.TrimRight(d.PublicURL, "/") + "/hooks/twilio/" + path + "?" + named.Encode()
}

// noTelephone says why nobody can be dialled at all.
func (d Desk) noTelephone() string {
	switch {
	case d.Dialer == nil:
		return "no telephone provider is configured: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and DOTYK_SMS_FROM"
	case !strings.HasPrefix(d.From, "+"):
		return fmt.Sprintf("calls come from a number, and DOTYK_SMS_FROM is %q: set it to one such as +380441112233", d.From)
	default:
		return ""
	}
}

func (d Desk) refusal(t *store.Task, call voice.Call) string {
	if why := d.noTelephone(); why != "" {
		return why
	}
	switch {
	case t.Kind != store.TaskCall || !t.Dial:
		return "it is no call that can be dialled: its step does not say dial: true"
	case t.Status != store.TaskOpen:
		return "it is closed already: " + t.Outcome
	case t.Assignee == "":
		return "nobody has it: assign it to a user first"
	case call.Agent == "":
		return "no phone number of " + t.Assignee + " is known: save the user with one"
	case call.To == "":
		return "no phone number of the customer is known"
	default:
		return ""
	}
}
