package voice

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"time"

	openapi "github.com/twilio/twilio-go/rest/api/v2010"

	"dotyk/channels"
	"dotyk/channels/sms"
)

const (
	// clockSlack is how far Twilio's clock, which tells whole seconds, may be behind ours.
	clockSlack = 2 * time.Second
	// pageSize is the most calls that Twilio lists at once.
	pageSize = 1000
)

// Call is one call between a user and a customer.
type Call struct {
	TouchID string // UUID of the ledger's row
	From    string // our number, which both see as the caller; E.164
	Agent   string // the user's number, which rings first; E.164
	To      string // the customer's number; E.164
	// StatusCallback is a public URL that hears once how the customer's end of the call went; empty for none. It hears
	// nothing where the user did not answer, because then the customer was not rung.
	StatusCallback string
	// RecordingCallback hears the address of a recording of the call, which is made where this is not empty.
	RecordingCallback string
}

// Sender dials for one account. It is safe for concurrent use.
type Sender struct{ account *sms.Sender }

// New makes a sender over an account, and over the connections of its text messages.
func New(account *sms.Sender) *Sender { return &Sender{account: account} }

// Dial asks Twilio to ring the user and then to connect her with the customer, and returns when Twilio has taken it: what
// becomes of the call is told to StatusCallback, with the receipt's ProviderID as ParentCallSid.
//
// The error is always a *channels.SendError; only of kind Unknown may it ring. It never blames an address, because the
// one that Twilio judges here is the user's: a wrong one is BadMessage.
func (s *Sender) Dial(ctx context.Context, c Call) (channels.Receipt, error) {
	script, err := twiml(c)
	if err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	return s.ring(ctx, c.Agent, c.From, script)
}

// ring calls a user, and does as the script says when she answers.
func (s *Sender) ring(ctx context.Context, agent, from, script string) (channels.Receipt, error) {
	p := &openapi.CreateCallParams{}
	p.SetTo(agent)
	p.SetFrom(from)
	p.SetTwiml(script)
	var answer *openapi.ApiV2010Call
	err := s.account.Call(ctx, func(api *openapi.ApiService) (err error) {
		if answer, err = api.CreateCall(p); err == nil && text(answer.Sid) == "" {
			err = errors.New("answer without a sid")
		}
		return err
	})
	if err != nil {
		return channels.Receipt{}, judge(err)
	}
	return receipt(answer), nil
}

// kinds judges error codes that only calls have (https://www.twilio.com/docs/api/errors).
var kinds = map[string]channels.FailureKind{
	"10004": channels.Temporary,     // as many calls at one time as the account may have
	"21210": channels.SenderBlocked, // From is not verified
	"21212": channels.SenderBlocked, // From is no number
	"21213": channels.SenderBlocked, // no From
	"21215": channels.SenderBlocked, // country not enabled
	"21216": channels.SenderBlocked, // account not allowed to call this number
}

// judge corrects what a failure means for what is special in calls.
func judge(err error) error {
	e, ok := errors.AsType[*channels.SendError](err)
	if !ok {
		return err
	}
	if kind, ok := kinds[e.Code]; ok {
		e.Kind = kind
	}
	if e.Kind == channels.BadAddress || e.Kind == channels.OptedOut {
		e.Kind = channels.BadMessage
	}
	return e
}

var number = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func twiml(c Call) (string, error) {
	for _, checked := range []struct{ what, value string }{
		{"our number", c.From}, {"the user's number", c.Agent}, {"the customer's number", c.To},
	} {
		if !number.MatchString(checked.value) {
			return "", fmt.Errorf("%s is %q: want one like +380671234567", checked.what, checked.value)
		}
	}
	dial := Dial{CallerID: c.From, Number: &Number{Number: c.To}}
	if c.StatusCallback != "" { // a call that failed or was not answered is completed as well
		dial.Number.StatusCallback, dial.Number.Events = c.StatusCallback, "completed"
	}
	if c.RecordingCallback != "" {
		dial.Recorded(c.RecordingCallback)
	}
	return Script{Verbs: []any{dial}}.Marshal()
}

// Take is how an operator takes the caller who waits longest.
type Take struct {
	From      string // our number, which she sees as the caller; E.164
	Agent     string // her number; E.164
	Workspace int64
	Connected string // public URL that hears with whom she is connected; empty for none
}

// Take rings an operator, and when she answers, connects her with the first caller of the queue. Errors are as those of
// Dial.
func (s *Sender) Take(ctx context.Context, t Take) (channels.Receipt, error) {
	for what, value := range map[string]string{"our number": t.From, "the user's number": t.Agent} {
		if !number.MatchString(value) {
			err := fmt.Errorf("%s is %q: want one like +380671234567", what, value)
			return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
		}
	}
	script, err := Script{Verbs: []any{Dial{Queue: &Queue{URL: t.Connected, Name: QueueOf(t.Workspace)}}}}.Marshal()
	if err != nil {
		return channels.Receipt{}, &channels.SendError{Kind: channels.BadMessage, Detail: err.Error(), Err: err}
	}
	return s.ring(ctx, t.Agent, t.From, script)
}

// Find asks Twilio for the newest call from c.From to the user that was created at or after since, less two seconds for
// the clocks: Twilio's list does not tell whom a call was to connect her with. It returns channels.ErrNotFound when Twilio
// knows none; a *channels.SendError speaks of the question, not of the call.
func (s *Sender) Find(ctx context.Context, c Call, since time.Time) (channels.Receipt, error) {
	p := &openapi.ListCallParams{}
	p.SetTo(c.Agent)
	p.SetFrom(c.From)
	p.SetPageSize(pageSize)
	var page *openapi.ListCallResponse
	err := s.account.Ask(ctx, func(api *openapi.ApiService) (err error) {
		page, err = api.PageCall(p, "", "")
		return err
	})
	if err != nil {
		return channels.Receipt{}, err
	}
	found, err := newest(page.Calls, since.Add(-clockSlack).Truncate(time.Second))
	if err != nil {
		return channels.Receipt{}, err
	}
	return receipt(found), nil
}

func newest(calls []openapi.ApiV2010Call, earliest time.Time) (*openapi.ApiV2010Call, error) {
	var (
		found *openapi.ApiV2010Call
		at    time.Time
	)
	for i := range calls {
		c := &calls[i]
		if text(c.Direction) != "outbound-api" {
			continue
		}
		created, err := mail.ParseDate(text(c.DateCreated))
		if err != nil {
			err = fmt.Errorf("read date of call %s: %w", text(c.Sid), err)
			return nil, &channels.SendError{Kind: channels.Temporary, Detail: err.Error(), Err: err}
		}
		if !created.Before(earliest) && (found == nil || created.After(at)) {
			found, at = c, created
		}
	}
	if found == nil {
		return nil, channels.ErrNotFound
	}
	return found, nil
}

func receipt(c *openapi.ApiV2010Call) channels.Receipt {
	return channels.Receipt{ProviderID: text(c.Sid), Response: text(c.Status)}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
