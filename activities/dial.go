package activities

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/voice"
)

// Dialer connects a user with a customer by telephone.
type Dialer interface {
	Dial(ctx context.Context, c voice.Call) (channels.Receipt, error)
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
	receipt, err := d.Dialer.Dial(ctx, call)
	if err != nil {
		return channels.Receipt{}, fmt.Errorf("dial task %s: %w", task, err)
	}
	return receipt, nil
}

func (d Desk) callback(workspace int64, task string) string {
	if d.PublicURL == "" {
		return ""
	}
	named := url.Values{"w": {strconv.FormatInt(workspace, 10)}, "task": {task}}
	return strings.TrimRight(d.PublicURL, "/") + "/hooks/twilio/call?" + named.Encode()
}

func (d Desk) refusal(t *store.Task, call voice.Call) string {
	switch {
	case d.Dialer == nil:
		return "no telephone provider is configured: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and DOTYK_SMS_FROM"
	case !strings.HasPrefix(d.From, "+"):
		return fmt.Sprintf("calls come from a number, and DOTYK_SMS_FROM is %q: set it to one such as +380441112233", d.From)
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
