package main

import (
	"errors"
	"fmt"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
	"dotyk/starter/manage"
)

type classCommands struct {
	List   classList   `cmd:"" help:"List what was said of codes, and what is built in."`
	Set    classSet    `cmd:"" help:"Say what a code means."`
	Remove classRemove `cmd:"" help:"Take back what was said of a code."`
}

// classKey names a class.
type classKey struct {
	Channel audience.Channel `arg:"" enum:"email,sms,call" help:"email, sms or call."`
	Code    string           `arg:"" help:"Code, or its beginning with * at the end: 550, 5.1.1, '550 5.7.1', '5.7.*', 21610."`
	Text    string           `help:"Regular expression that the provider's words must hold."`
	All     bool             `help:"For all workspaces of the installation, instead of this one."`
}

func (k *classKey) workspace(ws store.WorkspaceInfo) int64 {
	if k.All {
		return store.Installation
	}
	return ws.ID
}

type classSet struct {
	workspaced
	classKey
	Kind string `arg:"" help:"temporary, unreachable, bad_address, opted_out, bad_message or sender_blocked."`
	Note string `help:"For people."`
}

// Help gives examples and says what kinds do.
func (*classSet) Help() string {
	return `Kinds:
  temporary       try this message again later
  unreachable     try the whole batch later
  bad_address     never write to this address again
  opted_out       never write to this address again: they said no
  bad_message     this message will never be taken
  sender_blocked  we are at fault, not the person

What the workspace says comes before what was said for all, and that before what is built
in; the more exact code comes first. A message that may have been sent stays uncertain,
whatever its code.

Examples:
  starter error-class set email '5.7.*' temporary --text 'try again'
  starter error-class set sms 30003 bad_address --note 'numbers of this carrier never come back'`
}

// Run sets it.
func (c *classSet) Run(p *program) error {
	kind, err := channels.ParseFailureKind(c.Kind)
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	class := channels.Class{Channel: c.Channel, Code: c.Code, Text: c.Text, Kind: kind, Note: c.Note}
	if err := st.SetErrorClass(p.ctx, c.workspace(ws), class); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s code %s is a %s\n", c.Channel, c.Code, kind)
	return nil
}

type classRemove struct {
	workspaced
	classKey
}

// Run removes it.
func (c *classRemove) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	err = st.RemoveErrorClass(p.ctx, c.workspace(ws), c.Channel, c.Code, c.Text)
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("nothing was said of %s code %s: starter error-class list shows what was, with the texts", c.Channel, c.Code)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s code %s means what it did before\n", c.Channel, c.Code)
	return nil
}

type classList struct {
	workspaced
	Own  bool `help:"Leave out what is built in."`
	JSON bool `help:"Print them as JSON."`
}

// Run lists them.
func (c *classList) Run(p *program) error {
	own, err := read(p, &c.workspaced, (*store.Store).ErrorClasses)
	if err != nil {
		return err
	}
	list := manage.NewErrorClasses(own, !c.Own)
	if c.JSON {
		return printJSON(p.stdout, list)
	}
	t := newTable(p.stdout, "channel", "code", "text", "kind", "said by", "note")
	for _, e := range list {
		t.row(e.Channel, e.Code, e.Text, e.Kind, e.Source, e.Note)
	}
	return t.end("nothing was said of codes: what is built in holds")
}
