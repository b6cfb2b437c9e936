package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

type suppressionCommands struct {
	List   suppressionList   `cmd:"" help:"List addresses that must not be contacted, or look one up."`
	Add    suppressionAdd    `cmd:"" help:"Suppress an address."`
	Remove suppressionRemove `cmd:"" help:"Let an address be contacted again."`
	Import suppressionImport `cmd:"" help:"Suppress the addresses in a CSV file."`
	Export suppressionExport `cmd:"" help:"Print the whole list as CSV; addresses stand in it as hashes."`
}

type suppressionList struct {
	workspaced
	Channel audience.Channel `enum:",email,sms" default:"" help:"Only email, or sms."`
	Reason  store.Reason     `help:"Only of this reason, as complaint."`
	Address string           `help:"Only this address; name its channel."`
	Cleared bool             `help:"Those that were lifted, too."`
	Limit   int              `default:"100" help:"How many at the most."`
}

// Run lists suppressions.
func (c *suppressionList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	list, err := st.Suppressions(p.ctx, ws.ID, store.SuppressionFilter{
		Channel: c.Channel, Reason: c.Reason, Address: c.Address, Cleared: c.Cleared, Limit: c.Limit,
	})
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "since", "channel", "hash", "reason", "scope", "detail", "lifted")
	for _, x := range list {
		lifted := ""
		if !x.ClearedAt.IsZero() {
			lifted = when(x.ClearedAt)
		}
		t.row(when(x.CreatedAt), string(x.Channel), x.Hash, string(x.Reason), string(x.Scope), x.Detail, lifted)
	}
	return t.end("no such address is suppressed")
}

// suppressedAddress names an address.
type suppressedAddress struct {
	workspaced
	Channel audience.Channel `arg:"" enum:"email,sms" help:"email or sms."`
	Address string           `arg:"" help:"The address."`
}

type suppressionAdd struct {
	suppressedAddress
	Reason store.Reason `default:"manual" help:"hard_bounce, complaint, opted_out, unsubscribed, manual or import."`
	Scope  store.Scope  `default:"all" enum:"all,marketing" help:"all: service messages too. marketing: only what needs a consent."`
	Detail string       `help:"More about why."`
}

// Run suppresses an address.
func (c *suppressionAdd) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	n, err := st.Suppress(p.ctx, ws.ID, []store.NewSuppression{{
		Channel: c.Channel, Address: c.Address, Reason: c.Reason, Scope: c.Scope, Detail: c.Detail,
	}})
	if err != nil {
		return err
	}
	if n == 0 {
		fmt.Fprintln(p.stdout, "the address is suppressed already")
		return nil
	}
	fmt.Fprintln(p.stdout, "the address is suppressed")
	return nil
}

type suppressionRemove struct{ suppressedAddress }

// Run lifts a suppression.
func (c *suppressionRemove) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Unsuppress(p.ctx, ws.ID, c.Channel, c.Address); err != nil {
		return err
	}
	fmt.Fprintln(p.stdout, "the address may be contacted again, where its customer consents")
	return nil
}

type suppressionImport struct {
	workspaced
	File string `arg:"" type:"existingfile" help:"CSV with a header: channel and address or hash; reason, scope and detail if wanted."`
}

// Run imports a file, all of it or nothing.
func (c *suppressionImport) Run(p *program) error {
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open list: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	list, err := readSuppressions(f)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	n, err := st.Suppress(p.ctx, ws.ID, list)
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was imported", c.File, err)
	}
	fmt.Fprintf(p.stdout, "%d addresses, %d of them new\n", len(list), n)
	return nil
}

// suppressionColumns are those of the file, and of the export.
var suppressionColumns = []string{"channel", "address", "hash", "reason", "scope", "detail"}

func readSuppressions(from io.Reader) ([]store.NewSuppression, error) {
	r := csv.NewReader(from)
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read header: %w", err)
	}
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff")))
		if !slices.Contains(suppressionColumns, header[i]) {
			return nil, fmt.Errorf("there is no column %q: write %s", name, strings.Join(suppressionColumns, ", "))
		}
	}
	var list []store.NewSuppression
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read list: %w", err)
		}
		n := store.NewSuppression{Channel: audience.Email, Reason: store.ReasonImport}
		for i, value := range row {
			n = withColumn(n, header[i], strings.TrimSpace(value))
		}
		list = append(list, n)
	}
}

func withColumn(n store.NewSuppression, column, value string) store.NewSuppression {
	switch {
	case value == "":
	case column == "channel":
		n.Channel = audience.Channel(value)
	case column == "address":
		n.Address = value
	case column == "hash":
		n.Hash = value
	case column == "reason":
		n.Reason = store.Reason(value)
	case column == "scope":
		n.Scope = store.Scope(value)
	default:
		n.Detail = value
	}
	return n
}

type suppressionExport struct{ workspaced }

// Run prints the list.
func (c *suppressionExport) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	w := csv.NewWriter(p.stdout)
	_ = w.Write([]string{"channel", "hash", "reason", "scope", "detail"}) // Error below tells
	const page = 1000
	after := ""
	for {
		list, err := st.Suppressions(p.ctx, ws.ID, store.SuppressionFilter{After: after, Limit: page})
		if err != nil {
			return err
		}
		for _, x := range list {
			_ = w.Write([]string{string(x.Channel), x.Hash, string(x.Reason), string(x.Scope), x.Detail})
		}
		if len(list) < page {
			break
		}
		after = list[len(list)-1].Hash
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("print list: %w", err)
	}
	return nil
}
