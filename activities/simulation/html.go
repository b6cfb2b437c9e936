package simulation

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"
	"time"

	"dotyk/rules/campaign/rehearsal"
)

//go:embed report.html
var page string

// WriteHTML writes a report as one page that needs nothing else: no script, no font, no picture from anywhere. Now is
// when it was made.
func WriteHTML(w io.Writer, r *rehearsal.Report, now time.Time) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"num": grouped, "money": money, "moment": moment, "span": span, "share": share,
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("read the page of the report: %w", err)
	}
	if err := t.Execute(w, view{Report: r, Now: now}); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// view is a report as the page shows it.
type view struct {
	*rehearsal.Report
	Now time.Time
}

// Bar is a day of the chart, which is a hundred high and one wide for each day. X and Y count from the upper left corner.
type Bar struct {
	Day        string
	X          string
	EmailY     string
	EmailH     string
	SMSY, SMSH string
	Email, SMS int
}

// Chart is the messages by day.
type Chart struct {
	Days        int
	Most        int
	First, Last string
	Bars        []Bar
}

// Chart gives the messages of the draft by day; nil where there are none.
func (v view) Chart() *Chart {
	days := v.Draft.Days
	if len(days) == 0 {
		return nil
	}
	c := &Chart{Days: len(days), First: days[0].Day, Last: days[len(days)-1].Day}
	for _, d := range days {
		c.Most = max(c.Most, d.Email+d.SMS)
	}
	for i, d := range days {
		const gap = 0.1
		high := func(n int) float64 { return 100 * float64(n) / float64(max(c.Most, 1)) }
		email, sms := high(d.Email), high(d.SMS)
		c.Bars = append(c.Bars, Bar{
			Day: d.Day, X: decimal(float64(i) + gap), Email: d.Email, SMS: d.SMS,
			EmailY: decimal(100 - email), EmailH: decimal(email), SMSY: decimal(100 - email - sms), SMSH: decimal(sms),
		})
	}
	return c
}

// Row is a line that sets the draft beside the live version.
type Row struct{ What, Draft, Live, Change string }

// Rows compares the draft with the live version.
func (v view) Rows() []Row {
	d, l := v.Draft, *v.Live
	rows := []Row{
		row("Journeys entered", d.Journeys, l.Journeys), row("Customers who enter", d.Customers, l.Customers),
		row("Held out", d.HeldOut, l.HeldOut), row("Reached the goal", d.Converted, l.Converted),
		row("E-mails", d.Email, l.Email), row("Text messages", d.SMS, l.SMS),
		row("Parts of text messages", d.SMSParts, l.SMSParts),
	}
	sent := func(o rehearsal.Outcome) map[string]int {
		by := map[string]int{}
		for _, m := range o.Messages {
			by[m.Step] = m.Sent
		}
		return by
	}
	draft, live := sent(d), sent(l)
	for _, m := range d.Messages {
		rows = append(rows, row("Sent by "+m.Step, m.Sent, live[m.Step]))
	}
	for _, m := range l.Messages {
		if _, both := draft[m.Step]; !both {
			rows = append(rows, row("Sent by "+m.Step, 0, m.Sent))
		}
	}
	return rows
}

func row(what string, draft, live int) Row {
	change := "same"
	if draft != live {
		sign, by := "+", draft-live
		if by < 0 {
			sign, by = "−", -by
		}
		change = sign + grouped(by)
		if live > 0 {
			change += fmt.Sprintf(" (%+.0f %%)", 100*float64(draft-live)/float64(live))
		}
	}
	return Row{what, grouped(draft), grouped(live), change}
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

// grouped writes 42481 as 42,481; it is for numbers that are not negative.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func money(x float64) string {
	whole, part, _ := strings.Cut(decimal(x), ".")
	n, err := strconv.Atoi(whole)
	if err != nil {
		return decimal(x)
	}
	return grouped(n) + "." + part
}

func moment(t time.Time, zone string) string {
	if z, err := time.LoadLocation(zone); err == nil {
		t = t.In(z)
	}
	return t.Format("2 January 2006, 15:04")
}

// span writes seconds as people say them.
func span(seconds int) string {
	d := time.Duration(seconds) * time.Second
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.1f days", d.Hours()/24) //nolint:mnd // hours of a day
	case d >= time.Hour:
		return fmt.Sprintf("%.1f h", d.Hours())
	}
	return fmt.Sprintf("%.0f min", d.Minutes())
}

// share gives a part in percent, as CSS and people write it.
func share(part, whole int) string {
	if whole == 0 {
		return "0"
	}
	return strconv.FormatFloat(100*float64(part)/float64(whole), 'f', 1, 64)
}
