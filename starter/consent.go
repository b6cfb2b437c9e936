package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

type consentCommands struct {
	Show     consentShow   `cmd:"" help:"Show all that a customer said about being contacted, with the proof."`
	Grant    consentGrant  `cmd:"" help:"Record that a customer consents."`
	Withdraw consentTake   `cmd:"" help:"Record that a customer consents no more."`
	Verify   consentVerify `cmd:"" help:"Check that nobody changed the ledger of consents."`
	Law      consentLaw    `cmd:"" help:"List what the law of countries asks of marketing, with sources; no legal advice."`
}

type consentShow struct {
	workspaced
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
	JSON     bool   `help:"Print it as JSON, with all evidence."`
}

// Run shows the ledger.
func (c *consentShow) Run(p *program) error {
	st, ws, id, err := c.openFor(p.ctx, c.Customer)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Ledger(p.ctx, ws.ID, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, list)
	}
	t := newTable(p.stdout, "when", "channel", "topic", "what", "how", "where", "by", "until", "text")
	for i := range list {
		e := &list[i]
		until := ""
		if !e.ExpiresAt.IsZero() {
			until = when(e.ExpiresAt)
		}
		t.row(when(e.OccurredAt), string(e.Channel), e.Topic, string(e.Action), e.Method, e.Source, e.Actor, until, oneLine(e.TextShown))
	}
	return t.end("nothing was said")
}

// consentSaid are the options of a word about consent.
type consentSaid struct {
	workspaced
	Customer string           `arg:"" help:"Our id, the site's id, e-mail or phone."`
	Topic    string           `arg:"" help:"The topic, or * for all."`
	Channel  audience.Channel `enum:"email,sms,call" default:"email" help:"email, sms or call."`
	Text     string           `help:"The exact words that were shown or said."`
	Locale   string           `help:"Language of the text, as uk."`
	Source   string           `help:"Where it was said: a form, a list, a conversation."`
	Evidence string           `help:"What proves it, as JSON: {\"recording\":\"R-17\"}."`
	At       time.Time        `format:"2006-01-02T15:04:05Z07:00" help:"When it was said, as 2026-01-31T09:00:00Z; now when left out."`
}

func (c *consentSaid) say(p *program, action audience.ConsentAction, law string, expires time.Time) error {
	word := store.ConsentWord{
		Channel: c.Channel, Topic: c.Topic, Action: action, Source: c.Source, Text: c.Text, Locale: c.Locale, Jurisdiction: law,
		At: c.At, ExpiresAt: expires,
	}
	if c.Evidence != "" {
		if err := json.Unmarshal([]byte(c.Evidence), &word.Evidence); err != nil {
			return fmt.Errorf(`read --evidence: %w; write an object such as {"recording":"R-17"}`, err)
		}
	}
	st, ws, id, err := c.openFor(p.ctx, c.Customer)
	if err != nil {
		return err
	}
	defer st.Close()
	word.Customer = id
	if err := st.Say(p.ctx, ws.ID, word); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s to %s by %s is recorded for %s\n", action, c.Topic, c.Channel, id)
	return nil
}

type consentGrant struct {
	consentSaid
	Action  audience.ConsentAction `enum:"granted,confirmed,refreshed,imported" default:"granted" help:"granted, confirmed, refreshed or imported."`
	Expires time.Time              `format:"2006-01-02" help:"When it ends by itself, as 2028-01-31."`
	Law     string                 `help:"Country whose law was looked at, as UA."`
}

// Help gives an example.
func (*consentGrant) Help() string {
	return `Example: starter consent grant ann@example.com news --text "Yes, send me news" --evidence '{"recording":"R-17"}'`
}

// Run records a consent.
func (c *consentGrant) Run(p *program) error { return c.say(p, c.Action, c.Law, c.Expires) }

type consentTake struct {
	consentSaid
	Object bool `help:"The customer objects to marketing altogether (GDPR article 21)."`
}

// Run records a refusal.
func (c *consentTake) Run(p *program) error {
	if c.Object {
		return c.say(p, audience.Objected, "", time.Time{})
	}
	return c.say(p, audience.Withdrawn, "", time.Time{})
}

type consentVerify struct{ workspaced }

// Run verifies the ledger.
func (c *consentVerify) Run(p *program) error {
	v, err := read(p, &c.workspaced, (*store.Store).VerifyConsents)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d entries of %d customers, %d from before the chain\n", v.Entries, v.Customers, v.Unchained)
	for _, f := range v.Faults {
		fmt.Fprintf(p.stdout, "customer %s, entry %d: %s\n", f.CustomerID, f.Seq, f.Reason)
	}
	if len(v.Faults) > 0 {
		return errors.New("the ledger of consents is not what was written")
	}
	return nil
}

type consentLaw struct {
	Country string `arg:"" optional:"" help:"Only of this country, as UA."`
}

// Run lists the laws.
func (c *consentLaw) Run(p *program) error {
	t := newTable(p.stdout, "country", "channel", "opt-in", "a purchase counts", "a request counts", "quiet", "postal", "proof", "source", "as of")
	months := func(n int) string {
		switch n {
		case 0:
			return ""
		case audience.Always:
			return "always"
		default:
			return fmt.Sprintf("%d months", n)
		}
	}
	for _, l := range audience.Laws() {
		if c.Country != "" && l.Country != c.Country {
			continue
		}
		var quiet strings.Builder
		for _, h := range l.Quiet {
			fmt.Fprintf(&quiet, "%s-%s %s ", h.From, h.To, h.Days)
		}
		t.row(l.Country, string(l.Channel), yes(l.OptIn), months(l.Bought), months(l.Asked), quiet.String(), yes(l.Postal), months(l.ProofMonths), l.Source, l.AsOf)
	}
	return t.end("no row for this country: a yes is asked for")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
