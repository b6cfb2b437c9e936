package main

import (
	"encoding/base64"
	"fmt"

	"dotyk/activities/store"
)

type webhookCommands struct {
	Secret webhookSecret `cmd:"" help:"Print the secret that signs webhooks, with which a server checks them."`
}

type webhookSecret struct{ workspaced }

// Help says what it is for.
func (*webhookSecret) Help() string {
	return "Webhooks are signed by the Standard Webhooks scheme; keep the secret where the server that is called can read it."
}

// Run prints the secret.
func (c *webhookSecret) Run(p *program) error {
	secret, err := read(p, &c.workspaced, (*store.Store).WebhookSecret)
	if err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "whsec_"+base64.StdEncoding.EncodeToString(secret))
	return nil
}
