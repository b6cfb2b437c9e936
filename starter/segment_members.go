package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/starter/manage"
)

type segmentMembers struct {
	segmentNamed
	AsOf  moment `aliases:"at" help:"The members at this past moment."`
	CSV   bool   `name:"csv" xor:"form" help:"Print all of them as CSV."`
	JSON  bool   `xor:"form" help:"Print them as JSON."`
	Limit int    `default:"100" help:"How many at the most, in the table and as JSON."`
}

// Help gives examples.
func (*segmentMembers) Help() string {
	return `Examples:
  starter segment members vip --limit 20
  starter segment members vip --as-of 2026-11-01 --csv > vip.csv`
}

// Run lists members.
func (c *segmentMembers) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if c.CSV {
		return c.export(p, st, ws.ID)
	}
	list, count, err := segments.New(st).Members(p.ctx, ws.ID, c.Name, c.AsOf.Time, "", c.Limit)
	if err != nil {
		return err
	}
	views := manage.NewMembers(list)
	if c.JSON {
		return printJSON(p.stdout, views)
	}
	if err := printMembers(p.stdout, views); err != nil {
		return err
	}
	if count > int64(len(views)) {
		fmt.Fprintf(p.stdout, "%d of %d; --limit shows more, --csv all\n", len(views), count)
	}
	return nil
}

const exportPage = 1000

// export writes everybody, page by page. Without a moment it takes now for all pages, so that they fit together.
func (c *segmentMembers) export(p *program, st *store.Store, ws int64) error {
	w := csv.NewWriter(p.stdout)
	if err := w.Write([]string{"customer_id", "external_id", "email", "phone", "name", "joined_at", "cause"}); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	asOf := c.AsOf.Time
	if asOf.IsZero() {
		asOf = time.Now()
	}
	for after := ""; ; {
		list, err := st.Members(p.ctx, ws, c.Name, asOf, after, exportPage)
		if err != nil {
			return err
		}
		for _, m := range list {
			row := []string{m.CustomerID, plain(m.ExternalID), plain(m.Email), m.Phone, plain(m.Name), m.JoinedAt.UTC().Format(time.RFC3339), m.Cause}
			if err := w.Write(row); err != nil {
				return fmt.Errorf("write CSV: %w", err)
			}
		}
		if len(list) < exportPage {
			break
		}
		after = list[len(list)-1].CustomerID
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// plain keeps a spreadsheet from taking what a stranger typed for a formula. Phones begin with + and are only digits.
func plain(text string) string {
	if text == "" {
		return text
	}
	switch text[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + text
	}
	return text
}

type segmentHistory struct {
	segmentNamed
	Customer string `arg:"" optional:"" help:"Only of this customer: our id, the site's id, e-mail or phone."`
	Limit    int    `default:"100" help:"How many at the most, the newest."`
	JSON     bool   `help:"Print it as JSON."`
}

// Help gives examples.
func (*segmentHistory) Help() string {
	return `Examples:
  starter segment history vip
  starter segment history vip ann@example.com --limit 10`
}

// Run lists changes.
func (c *segmentHistory) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	service := segments.New(st)
	if _, err := service.Get(p.ctx, ws.ID, c.Name); err != nil {
		return err
	}
	customer := ""
	if c.Customer != "" {
		found, err := st.FindCustomer(p.ctx, ws.ID, c.Customer)
		if err != nil {
			return err
		}
		customer = found.ID
	}
	list, err := service.History(p.ctx, ws.ID, c.Name, customer, c.Limit)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewChanges(list))
	}
	t := newTable(p.stdout, "when", "customer", "what", "because", "rule version")
	for _, h := range list {
		t.row(when(h.At), h.CustomerID, joinedOrLeft(h.Joined), h.Because(), strconv.Itoa(h.Version))
	}
	return t.end("nobody has joined or left")
}

func joinedOrLeft(joined bool) string {
	if joined {
		return "joined"
	}
	return "left"
}

type segmentImport struct {
	segmentNamed
	File    string `arg:"" help:"CSV with a column of ids, external ids, e-mails or phones, or one of these a line." type:"existingfile"`
	Replace bool   `help:"Whoever is not in the file leaves; an empty file leaves nobody."`
	JSON    bool   `help:"Print the outcome as JSON."`
}

// Help gives examples.
func (*segmentImport) Help() string {
	return `Examples:
  starter segment import guests guests.csv
  starter segment import guests today.csv --replace`
}

// Run imports members.
func (c *segmentImport) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	f, err := os.Open(c.File)
	if err != nil {
		return fmt.Errorf("open list: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	report, err := segments.New(st).Import(p.ctx, ws.ID, c.Name, f, c.Replace)
	if err != nil {
		return err
	}
	view := manage.NewImportReport(report)
	if c.JSON {
		return printJSON(p.stdout, view)
	}
	return printImport(p.stdout, view)
}

// printImport says what became of a list, and which of its lines name nobody.
func printImport(w io.Writer, r manage.ImportReport) error {
	fmt.Fprintf(w, "%s: %s known, %d joined, %d left\n", plural(int64(r.Lines), "line"), plural(int64(r.Known), "customer"), r.Joined, r.Left)
	if r.UnknownCount == 0 {
		return nil
	}
	fmt.Fprintln(w, "these name nobody:")
	const most = 20
	t := newTable(w, "line", "text")
	for _, u := range r.Unknown[:min(most, len(r.Unknown))] {
		t.row(strconv.Itoa(u.Line), u.Text)
	}
	if err := t.end(""); err != nil {
		return err
	}
	if r.UnknownCount > most {
		fmt.Fprintf(w, "and %d more; --json lists the first %d\n", r.UnknownCount-most, len(r.Unknown))
	}
	return nil
}
