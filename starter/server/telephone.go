package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/channels/sms"
	"dotyk/channels/voice"
)

// Telephone is the Twilio account over which calls are dialled; without an AccountSID none are.
type Telephone struct {
	AccountSID string `json:"account_sid"`
	AuthToken  string `json:"auth_token"`
	BaseURL    string `json:"base_url,omitempty"` // of another server that speaks Twilio's API
	From       string `json:"from"`               // our number, E.164
	PublicURL  string `json:"public_url"`         // where Twilio reaches us, to tell what became of a call
}

// TelephoneFile is where the standalone program notes its development phone, in its data directory, for the starter, which
// runs beside it.
const TelephoneFile = "telephone.json"

// errHalfAccount says that one of two settings is there without the other.
var errHalfAccount = errors.New("TWILIO_ACCOUNT_SID is set without TWILIO_AUTH_TOKEN: set both, or neither")

// Desk makes the desk that dials. It connects when the first call is dialled. The error says which setting is wrong.
func (t *Telephone) Desk(st *store.Store) (activities.Desk, error) {
	d := activities.Desk{Store: st, From: t.From, PublicURL: t.PublicURL}
	if t.AccountSID == "" {
		return d, nil
	}
	if t.AuthToken == "" {
		return d, errHalfAccount
	}
	account, err := sms.New(sms.Config{AccountSID: t.AccountSID, AuthToken: t.AuthToken, BaseURL: t.BaseURL})
	if err != nil {
		return d, err
	}
	d.Dialer = voice.New(account)
	return d, nil
}

// Note writes the telephone to a file that only its owner can read.
func (t *Telephone) Note(file string) error {
	raw, err := json.Marshal(t) //nolint:gosec // the file is for who may dial, and only the development phone is noted
	if err != nil {
		return fmt.Errorf("note telephone: %w", err)
	}
	if err := os.WriteFile(file, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("note telephone: %w", err)
	}
	return nil
}

// ReadTelephone reads what Note wrote. Without such a file it is a telephone that dials nothing.
func ReadTelephone(file string) (Telephone, error) {
	raw, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return Telephone{}, nil
	}
	var t Telephone
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil {
		return Telephone{}, fmt.Errorf("read the standalone program's telephone: %w", err)
	}
	return t, nil
}
