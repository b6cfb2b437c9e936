package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"dotyk/channels/email/hooks"
)

type hookCommands struct {
	Set    hookSet    `cmd:"" help:"Believe the webhooks of a provider of e-mail."`
	List   hookList   `cmd:"" help:"List the providers that are believed."`
	Remove hookRemove `cmd:"" help:"Believe a provider no more."`
}

type hookSet struct {
	workspaced
	secret
	Provider string `arg:"" enum:"ses,sendgrid,mailgun,postmark" help:"ses, sendgrid, mailgun or postmark."`
	Proof    string `name:"secret" required:"" env:"DOTYK_HOOK_SECRET" help:"ses: ARN of the SNS topic. sendgrid: public key of the signed event webhook. mailgun: webhook signing key. postmark: user:password of the address."`
}

// Help says where to point the provider.
func (*hookSet) Help() string {
	return "Point the provider's webhook to PUBLIC_URL/hooks/PROVIDER?w=WORKSPACE-NUMBER, which this command prints."
}

// Run sets the secret.
func (c *hookSet) Run(p *program) error {
	proof, err := c.kept()
	if err != nil {
		return err
	}
	keys, err := c.keys(&c.database)
	if err != nil {
		return err
	}
	st, ws, err := c.openWith(p.ctx, keys)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.SetProviderHook(p.ctx, ws.ID, c.Provider, proof); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "point the webhook of %s to PUBLIC_URL/hooks/%s?w=%d\n", c.Provider, c.Provider, ws.ID)
	return nil
}

// kept checks what the provider gave, and is what is kept of it.
func (c *hookSet) kept() (string, error) {
	secret := strings.TrimSpace(c.Proof)
	switch c.Provider {
	case "ses":
		if !strings.HasPrefix(secret, "arn:aws") || !strings.Contains(secret, ":sns:") {
			return "", fmt.Errorf("--secret %q is no topic of SNS: give its ARN, as arn:aws:sns:eu-west-1:123456789012:bounces", secret)
		}
	case "sendgrid":
		if err := hooks.CheckSendGridKey(secret); err != nil {
			return "", fmt.Errorf("--secret: %w", err)
		}
	case "postmark":
		user, password, ok := strings.Cut(secret, ":")
		if !ok || user == "" || len(password) < 12 {
			return "", errors.New("--secret: give user:password with a password of 12 characters or more, as they stand in the webhook's address")
		}
		return hooks.PostmarkSecret(user, password), nil
	default:
		if len(secret) < 16 {
			return "", errors.New("--secret: give the webhook signing key of the account's settings")
		}
	}
	return secret, nil
}

type hookList struct{ workspaced }

// Run lists.
func (c *hookList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.ProviderHooks(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "provider", "since", "path")
	for _, h := range list {
		t.row(h.Provider, when(h.CreatedAt), fmt.Sprintf("/hooks/%s?w=%d", h.Provider, ws.ID))
	}
	return t.end("no provider's webhooks are believed")
}

type hookRemove struct {
	workspaced
	Provider string `arg:"" help:"The provider."`
}

// Run removes.
func (c *hookRemove) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.RemoveProviderHook(p.ctx, ws.ID, c.Provider)
}

type mailCommands struct {
	Dead   mailDead   `cmd:"" help:"List mails that came in and from which nothing could be made."`
	Show   mailShow   `cmd:"" help:"Print a mail as it came in."`
	Pauses mailPauses `cmd:"" help:"List providers that get no mail now, because they refused ours."`
	Resume mailResume `cmd:"" help:"Send to a provider again."`
}

type mailDead struct {
	workspaced
	Limit int `default:"50" help:"How many at the most."`
}

// Run lists.
func (c *mailDead) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.DeadMails(p.ctx, ws.ID, c.Limit)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "when", "id", "kind", "from", "to", "why")
	for _, m := range list {
		t.row(when(m.At), m.ID, string(m.Kind), m.Sender, m.Recipient, m.Reason)
	}
	return t.end("every mail that came in was understood")
}

type mailShow struct {
	workspaced
	ID string `arg:"" help:"The mail's id, as mail dead shows it."`
}

// Run prints the mail.
func (c *mailShow) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	raw, err := st.RawMail(p.ctx, ws.ID, c.ID)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(raw)
	return err
}

type mailPauses struct{ workspaced }

// Run lists.
func (c *mailPauses) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.SenderPauses(p.ctx, ws.ID, time.Now())
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "provider", "since", "until", "why")
	for _, s := range list {
		t.row(s.Provider, when(s.Since), when(s.Until), s.Reason)
	}
	return t.end("no provider is paused")
}

type mailResume struct {
	workspaced
	Provider string `arg:"" help:"The provider's domain, as mail pauses shows it."`
}

// Run ends the pause.
func (c *mailResume) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.ResumeSender(p.ctx, ws.ID, c.Provider)
}
