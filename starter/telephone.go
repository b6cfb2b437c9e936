package main

import (
	"context"
	"fmt"
	"path/filepath"

	"dotyk/activities"
	"dotyk/channels"
	"dotyk/starter/server"
)

// twilio is the account that calls are dialled over, and that texts are sent over by workers.
type twilio struct {
	AccountSID string `name:"twilio-account-sid" env:"TWILIO_ACCOUNT_SID" help:"Twilio account, for calls that are dialled by a click."`
	AuthToken  string `name:"twilio-auth-token" env:"TWILIO_AUTH_TOKEN" help:"Twilio's secret, with which it signs its calls."`
	BaseURL    string `name:"twilio-base-url" env:"TWILIO_BASE_URL" help:"Another server that speaks Twilio's API."`
	From       string `name:"sms-from" env:"DOTYK_SMS_FROM" help:"Our number, from which calls are dialled, as +380441112233."`
	PublicURL  string `name:"public-url" env:"PUBLIC_URL" help:"Where customers and providers reach this installation, as https://touch.example.com."`
}

func (t *twilio) telephone() server.Telephone {
	return server.Telephone{
		AccountSID: t.AccountSID, AuthToken: t.AuthToken, BaseURL: t.BaseURL, From: t.From, PublicURL: t.PublicURL,
	}
}

// beside is telephone, or the one of the standalone program with that data directory where no account is given.
func (t *twilio) beside(data string) (server.Telephone, error) {
	if t.AccountSID != "" {
		return t.telephone(), nil
	}
	return server.ReadTelephone(filepath.Join(data, server.TelephoneFile))
}

// dialled is what a user has a desk do: it takes the workspace and what the call is about.
type dialled func(activities.Desk, context.Context, int64, string) (channels.Receipt, error)

// dial has a call dialled about something of the workspace, and says what came of it.
func (t *twilio) dial(p *program, w *workspaced, do dialled, about string) error {
	telephone, err := t.beside(w.Data)
	if err != nil {
		return err
	}
	st, ws, err := w.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	desk, err := telephone.Desk(st)
	if err != nil {
		return err
	}
	receipt, err := do(desk, p.ctx, ws.ID, about)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "call %s is %s: your phone rings first\n", receipt.ProviderID, receipt.Response)
	return nil
}
