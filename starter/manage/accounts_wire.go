package manage

import (
	"fmt"
	"net/mail"
	"time"

	"dotyk/activities/store"
	"dotyk/channels/email/accounts"
)

// Account is a mail server that the workspace sends over, without its secrets.
type Account struct {
	Name      string     `json:"name"`
	Server    string     `json:"server" doc:"Address without the password."`
	From      string     `json:"from,omitempty" doc:"Sender of its messages instead of their own."`
	Weight    int        `json:"weight" doc:"Its share beside the other accounts' weights; 0: only when those cannot send."`
	PerSecond int        `json:"per_second" doc:"Most messages; 0 is no limit."`
	PerHour   int        `json:"per_hour"`
	PerDay    int        `json:"per_day"`
	WarmUp    *WarmUp    `json:"warm_up,omitempty"`
	DKIM      *DKIM      `json:"dkim,omitempty"`
	Paused    bool       `json:"paused"`
	Reason    string     `json:"reason,omitempty" doc:"Why it is paused."`
	Today     int        `json:"today" doc:"Messages of this day of UTC that were given to workers, if there is a limit."`
	Trouble   string     `json:"trouble,omitempty" doc:"Why it was left alone for a while last."`
	TroubleAt *time.Time `json:"trouble_at,omitempty"`
	UpdatedAt time.Time  `json:"updated_at"`
}

// WarmUp lets a new account send few messages at first.
type WarmUp struct {
	Start  string `json:"start" format:"date" doc:"First day, of UTC."`
	PerDay []int  `json:"per_day,omitempty" maxItems:"366" doc:"Limit of each day; it doubles after the last. Left out: the usual ones."`
	Today  int    `json:"today,omitempty" readOnly:"true" doc:"Limit of this day; none when the warm-up is over."`
}

// DKIM names the key that signs.
type DKIM struct {
	Domain   string `json:"domain" maxLength:"253"`
	Selector string `json:"selector" maxLength:"63"`
}

// NewAccounts shows accounts as of now.
func NewAccounts(list []store.AccountInfo, now time.Time) []Account {
	shown := make([]Account, 0, len(list))
	for _, a := range list {
		shown = append(shown, NewAccount(a, now))
	}
	return shown
}

// NewAccount shows an account as of now.
func NewAccount(a store.AccountInfo, now time.Time) Account {
	shown := Account{
		Name: a.Name, Server: a.Server, Weight: a.Weight, PerSecond: a.Limits.Second, PerHour: a.Limits.Hour, PerDay: a.Limits.Day,
		Paused: a.Paused, Reason: a.Note, Today: a.Today, Trouble: a.Trouble, UpdatedAt: a.UpdatedAt,
	}
	if a.From != "" {
		shown.From = (&mail.Address{Name: a.FromName, Address: a.From}).String()
		if a.FromName == "" {
			shown.From = a.From
		}
	}
	if !a.WarmUp.Start.IsZero() {
		shown.WarmUp = &WarmUp{Start: a.WarmUp.Start.UTC().Format(time.DateOnly), PerDay: a.WarmUp.PerDay, Today: a.WarmUp.Limit(now)}
	}
	if a.DKIM.Domain != "" {
		shown.DKIM = &DKIM{Domain: a.DKIM.Domain, Selector: a.DKIM.Selector}
	}
	if !a.TroubleAt.IsZero() {
		shown.TroubleAt = &a.TroubleAt
	}
	return shown
}

// AccountEdit is what can be said of an account; what is left out stays, or has its default.
type AccountEdit struct {
	URL       string  `json:"url,omitempty" maxLength:"2000" doc:"Server, as smtp://user:password@mail.example.com:587. Write only."`
	From      *string `json:"from,omitempty" maxLength:"500" doc:"Sender of its messages, as Shop <news@shop.example>; \"\" for their own."`
	Weight    *int    `json:"weight,omitempty" doc:"Default 1."`
	PerSecond *int    `json:"per_second,omitempty"`
	PerHour   *int    `json:"per_hour,omitempty"`
	PerDay    *int    `json:"per_day,omitempty"`
	WarmUp    *WarmUp `json:"warm_up,omitempty"`
	NoWarmUp  bool    `json:"no_warm_up,omitempty" doc:"End the warm-up."`
	DKIM      *DKIM   `json:"dkim,omitempty"`
	DKIMKey   string  `json:"dkim_key,omitempty" maxLength:"20000" doc:"Private key, PEM: RSA or Ed25519. Write only."`
	NoDKIM    bool    `json:"no_dkim,omitempty" doc:"Sign no more, and forget the key."`
}

func (e *AccountEdit) secrets() accounts.Secrets {
	return accounts.Secrets{URL: e.URL, DKIMKey: e.DKIMKey}
}

func (e *AccountEdit) apply(s *accounts.Settings) error {
	if e.From != nil {
		s.From, s.FromName = "", ""
		if *e.From != "" {
			a, err := mail.ParseAddress(*e.From)
			if err != nil {
				return fmt.Errorf("%w: from is no address such as Shop <news@shop.example>", store.ErrInvalid)
			}
			s.From, s.FromName = a.Address, a.Name
		}
	}
	for _, n := range []struct {
		to    *int
		value *int
	}{{&s.Weight, e.Weight}, {&s.Limits.Second, e.PerSecond}, {&s.Limits.Hour, e.PerHour}, {&s.Limits.Day, e.PerDay}} {
		if n.value != nil {
			*n.to = *n.value
		}
	}
	if e.WarmUp != nil {
		day, err := time.Parse(time.DateOnly, e.WarmUp.Start)
		if err != nil {
			return fmt.Errorf("%w: warm_up.start is no day such as 2026-03-01", store.ErrInvalid)
		}
		s.WarmUp = accounts.WarmUp{Start: day, PerDay: e.WarmUp.PerDay}
	}
	if e.NoWarmUp {
		s.WarmUp = accounts.WarmUp{}
	}
	if e.DKIM != nil {
		s.DKIM = accounts.DKIM{Domain: e.DKIM.Domain, Selector: e.DKIM.Selector}
	}
	if e.NoDKIM {
		s.DKIM = accounts.DKIM{}
	}
	return nil
}
