package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/mail"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/email/accounts"
	"dotyk/starter/manage"
)

type accountCommands struct {
	List   accountList   `cmd:"" help:"List the accounts with their limits, and what is wrong with them."`
	Add    accountAdd    `cmd:"" help:"Add an account."`
	Set    accountSet    `cmd:"" help:"Change an account."`
	Pause  accountPause  `cmd:"" help:"Send nothing over an account for now."`
	Resume accountResume `cmd:"" help:"Let a paused account go on."`
	Remove accountRemove `cmd:"" help:"Forget an account with its password."`
	Test   accountTest   `cmd:"" help:"Send one real mail over an account."`
}

// accounted is a workspace whose secrets can be read.
type accounted struct {
	workspaced
	secret
}

func (c *accounted) open(ctx context.Context) (*store.Store, store.WorkspaceInfo, error) {
	keys, err := c.keys(&c.database)
	if err != nil {
		return nil, store.WorkspaceInfo{}, err
	}
	return c.openWith(ctx, keys)
}

// accountOptions are what can be said of an account; nil leaves it as it is.
type accountOptions struct {
	URL          *string `name:"url" help:"Server, as smtp://user:password@mail.example.com:587 with options as of SMTP_URL; - reads it from the input, so that it stands in no list of processes."`
	From         *string `help:"Sender of its messages instead of their own, as 'Shop <news@shop.example>'; empty for their own."`
	Weight       *int    `help:"Its share beside the other accounts' weights; 0: only when those cannot send. Default 1."`
	PerSecond    *int    `help:"Most messages a second, of all workers; 0 is no limit."`
	PerHour      *int    `help:"Most messages an hour."`
	PerDay       *int    `help:"Most messages a day of UTC."`
	WarmUp       *string `help:"First day of the warm-up, as 2026-03-01 or today; off for none. Each day has a limit of its own, which doubles after the last."`
	WarmUpDays   *string `help:"Messages of each day of the warm-up, as 50,100,200; empty for the usual ones."`
	DKIMDomain   *string `name:"dkim-domain" help:"Domain that signs, as shop.example; empty for no signature."`
	DKIMSelector *string `name:"dkim-selector" help:"Selector: the public key stands in the DNS at SELECTOR._domainkey.DOMAIN."`
	DKIMKey      *string `name:"dkim-key" help:"File of the private key, PEM: RSA or Ed25519."`
}

// secrets reads the new ones; what is not given is empty.
func (o *accountOptions) secrets(in io.Reader) (accounts.Secrets, error) {
	var s accounts.Secrets
	if o.URL != nil {
		s.URL = *o.URL
		if s.URL == "-" {
			raw, err := io.ReadAll(io.LimitReader(in, 10_000))
			if err != nil {
				return s, fmt.Errorf("read address of server: %w", err)
			}
			s.URL = strings.TrimSpace(string(raw))
		}
		if s.URL == "" {
			return s, errors.New("the address of the server is empty: give it as smtp://user:password@mail.example.com:587")
		}
	}
	if o.DKIMKey != nil {
		raw, err := os.ReadFile(*o.DKIMKey)
		if err != nil {
			return s, fmt.Errorf("read DKIM key: %w", err)
		}
		s.DKIMKey = string(raw)
	}
	return s, nil
}

// apply changes what is given.
func (o *accountOptions) apply(s *accounts.Settings) error {
	if o.From != nil {
		s.From, s.FromName = "", ""
		if *o.From != "" {
			a, err := mail.ParseAddress(*o.From)
			if err != nil {
				return fmt.Errorf("sender %q: give an address such as 'Shop <news@shop.example>'", *o.From)
			}
			s.From, s.FromName = a.Address, a.Name
		}
	}
	for _, n := range []struct {
		to    *int
		value *int
	}{{&s.Weight, o.Weight}, {&s.Limits.Second, o.PerSecond}, {&s.Limits.Hour, o.PerHour}, {&s.Limits.Day, o.PerDay}} {
		if n.value != nil {
			*n.to = *n.value
		}
	}
	for _, text := range []struct {
		to    *string
		value *string
	}{{&s.DKIM.Domain, o.DKIMDomain}, {&s.DKIM.Selector, o.DKIMSelector}} {
		if text.value != nil {
			*text.to = *text.value
		}
	}
	if o.DKIMDomain != nil && *o.DKIMDomain == "" {
		s.DKIM = accounts.DKIM{}
	}
	return o.applyWarmUp(&s.WarmUp)
}

func (o *accountOptions) applyWarmUp(w *accounts.WarmUp) error {
	if o.WarmUp != nil {
		switch *o.WarmUp {
		case "off", "":
			*w = accounts.WarmUp{}
		case "today":
			w.Start = time.Now().UTC().Truncate(24 * time.Hour)
		default:
			day, err := time.Parse(time.DateOnly, *o.WarmUp)
			if err != nil {
				return fmt.Errorf("warm-up %q: give its first day as 2026-03-01, or today, or off", *o.WarmUp)
			}
			w.Start = day
		}
	}
	if o.WarmUpDays == nil {
		return nil
	}
	w.PerDay = nil
	for part := range strings.SplitSeq(*o.WarmUpDays, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil {
			return fmt.Errorf("days of the warm-up: %q is no number of messages: give a list such as 50,100,200", part)
		}
		w.PerDay = append(w.PerDay, n)
	}
	return nil
}

type accountAdd struct {
	accounted
	accountOptions
	Name string `arg:"" help:"Name, as receipts and reports show it."`
}

// Help gives examples.
func (*accountAdd) Help() string {
	return `A workspace with accounts of its own sends over these alone; others use SMTP_URL.

Examples:
  starter account add main --url smtp://shop:PASSWORD@smtp.example.com:587
  starter account add new --url - --warm-up today --per-hour 500 < address.txt`
}

// Run adds it.
func (c *accountAdd) Run(p *program) error {
	secrets, err := c.secrets(p.stdin)
	if err != nil {
		return err
	}
	a := accounts.Account{Settings: accounts.Settings{Name: c.Name, Weight: 1}, Secrets: secrets}
	if err := c.apply(&a.Settings); err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.AddAccount(p.ctx, ws.ID, a); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s sends over %s\n", a.Name, a.Shown())
	return nil
}

type accountSet struct {
	accounted
	accountOptions
	Name   string  `arg:"" help:"Name of the account."`
	Rename *string `help:"Another name."`
}

// Run changes it.
func (c *accountSet) Run(p *program) error {
	if c.accountOptions == (accountOptions{}) && c.Rename == nil {
		return errors.New("nothing to set: starter account set --help lists what can be")
	}
	secrets, err := c.secrets(p.stdin)
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.EditAccount(p.ctx, ws.ID, c.Name, secrets, func(s *accounts.Settings) error {
		if c.Rename != nil {
			s.Name = *c.Rename
		}
		return c.apply(s)
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s is changed: workers heed it within seconds\n", c.Name)
	return nil
}

type accountPause struct {
	workspaced
	Name   string `arg:"" help:"Name of the account."`
	Reason string `help:"Why, for whoever asks later."`
}

// Run pauses it.
func (c *accountPause) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.PauseAccount(p.ctx, ws.ID, c.Name, c.Reason); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s is paused\n", c.Name)
	return nil
}

type accountResume struct {
	workspaced
	Name string `arg:"" help:"Name of the account."`
}

// Run resumes it.
func (c *accountResume) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.ResumeAccount(p.ctx, ws.ID, c.Name); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s sends\n", c.Name)
	return nil
}

type accountRemove struct {
	workspaced
	Name string `arg:"" help:"Name of the account."`
}

// Run removes it.
func (c *accountRemove) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.RemoveAccount(p.ctx, ws.ID, c.Name); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "account %s is removed\n", c.Name)
	return nil
}

type accountList struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists them.
func (c *accountList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Accounts)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewAccounts(list, time.Now()))
	}
	t := newTable(p.stdout, "account", "server", "from", "weight", "limits", "today", "state")
	for _, a := range list {
		t.row(a.Name, a.Server, a.From, strconv.Itoa(a.Weight), limitsOf(&a, time.Now()), strconv.Itoa(a.Today), stateOf(&a))
	}
	return t.end("no accounts: the workspace sends over SMTP_URL; starter account add makes one")
}

func limitsOf(a *store.AccountInfo, now time.Time) string {
	var parts []string
	for _, l := range []struct {
		n    int
		what string
	}{{a.Limits.Second, "s"}, {a.Limits.Hour, "h"}, {a.Limits.Day, "d"}} {
		if l.n > 0 {
			parts = append(parts, fmt.Sprintf("%d/%s", l.n, l.what))
		}
	}
	if warm := a.WarmUp.Limit(now); warm > 0 {
		parts = append(parts, fmt.Sprintf("warm-up %d", warm))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, " ")
}

func stateOf(a *store.AccountInfo) string {
	switch {
	case a.Paused && a.Note != "":
		return "paused: " + a.Note
	case a.Paused:
		return "paused"
	case a.Trouble != "":
		return fmt.Sprintf("sends; at %s: %s", when(a.TroubleAt), a.Trouble)
	default:
		return "sends"
	}
}

type accountTest struct {
	accounted
	Name string `arg:"" help:"Name of the account; it may be paused."`
	To   string `required:"" help:"Address to write to."`
	From string `env:"DOTYK_EMAIL_FROM" help:"Sender, where the account has none of its own. Default: that of the workspace."`
}

// Run sends a mail. Limits do not hold for it.
func (c *accountTest) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	a, err := st.OpenAccount(p.ctx, ws.ID, c.Name)
	if err != nil {
		return err
	}
	settings, err := st.Delivery(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	m, err := c.message(&a, settings.Email.From)
	if err != nil {
		return err
	}
	sender, err := accounts.Open(a)
	if err != nil {
		return err
	}
	defer sender.Close() //nolint:errcheck // the mail is sent, or its error is told
	receipt, err := sender.Send(p.ctx, m)
	if err != nil {
		return fmt.Errorf("account %s did not send: %w", a.Name, err)
	}
	fmt.Fprintf(p.stdout, "account %s sent a mail to %s: %s\n", a.Name, c.To, receipt.Response)
	return nil
}

// message is from the account's sender, else the one that is given, else the workspace's.
func (c *accountTest) message(a *accounts.Account, workspace string) (*channels.EmailMessage, error) {
	from := &mail.Address{Name: a.FromName, Address: a.From}
	if a.From == "" {
		var err error
		if from, err = mail.ParseAddress(cmp.Or(c.From, workspace)); err != nil {
			return nil, errors.New("neither the account nor the workspace has a sender: give one with --from, as 'Shop <hello@shop.example>'")
		}
	}
	to, err := mail.ParseAddress(c.To)
	if err != nil {
		return nil, fmt.Errorf("address %q: give one such as ann@example.com", c.To)
	}
	id := uuid.NewString()
	return &channels.EmailMessage{
		TouchID: id, MessageID: id + from.Address[strings.LastIndexByte(from.Address, '@'):], From: from.Address, FromName: from.Name,
		To: to.Address, ToName: to.Name, Subject: "Test of sending account " + a.Name,
		Text: fmt.Sprintf("This mail was sent over the account %s by starter account test.\n", a.Name),
	}, nil
}
