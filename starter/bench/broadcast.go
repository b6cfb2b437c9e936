package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// broadcasting is what the cases about one mail to many share.
type broadcasting struct {
	travelling

	mail []byte // one of those that were sent, as the floor's content
}

// broadcast measures one mail to many: everybody in a segment is sent the same personal e-mail, through the ledger.
func broadcast() experiment {
	b := &broadcasting{}
	const tenth = 10
	return experiment{
		name: "broadcast", events: 1, batch: 1, engine: true, ordered: true,
		about: fmt.Sprintf("one personal e-mail of 5 KB of HTML and its text goes to everybody in a segment, over %d connections; time is from the campaign's publication to the last mail", sinkConnections),
		setup: b.setUp,
		cases: []benchCase{
			{name: "campaign", unit: "mails", run: b.send(1), about: "everybody enters, is planned a mail, and gets it"},
			{name: "pipelined", unit: "mails", limit: true, run: b.pipelined, about: "the bytes of such a mail sent by a bare loop over as many connections, commands pipelined, nothing recorded"},
			{name: "campaign-tenth", unit: "mails", run: b.send(tenth), about: "the campaign with a tenth of the people"},
		},
		targets: []target{
			{about: "mails a second / bare pipelined loop", of: rate(), ours: "campaign", limit: "pipelined", want: 0.5},
			{about: "CPU of a mail / bare pipelined loop", of: cpu(), ours: "campaign", limit: "pipelined"},
			{about: "peak memory, the Temporal server in it", of: peakMemory(), ours: "campaign", want: 500, most: true},
			{about: "peak memory of all / of a tenth", of: peakMemory(), ours: "campaign", limit: "campaign-tenth", want: 1.15, most: true},
			{about: "CPU of a mail among all / among a tenth", of: cpu(), ours: "campaign", limit: "campaign-tenth", want: 1.25, most: true},
		},
	}
}

func (b *broadcasting) setUp(ctx context.Context, l *lab, p plan) error {
	few := p
	few.People = max(min(p.People/20, 1000), 20)
	_, err := b.send(1)(ctx, l, few)
	return err
}

// send gives the case in which one customer in so many is sent the mail.
func (b *broadcasting) send(of int) func(context.Context, *lab, plan) (figures, error) {
	return func(ctx context.Context, l *lab, p plan) (figures, error) {
		pop, err := b.population(ctx, l, p, max(p.People/of, 1))
		if err != nil {
			return figures{}, err
		}
		if err := l.gather(ctx, &pop); err != nil {
			return figures{}, err
		}
		return l.travel(ctx, p, &pop, pop.Customers, job{}, "broadcast.yaml")
	}
}

// pipelined sends the same bytes to everybody as fast as SMTP allows: MAIL, RCPT and DATA at once, then the content.
func (b *broadcasting) pipelined(ctx context.Context, l *lab, p plan) (figures, error) {
	server, err := url.Parse(l.outside.smtp)
	if err != nil {
		return figures{}, fmt.Errorf("read address of mail server: %w", err)
	}
	template, err := files.ReadFile("campaigns/templates/broadcast.html")
	if err != nil {
		return figures{}, fmt.Errorf("read template: %w", err)
	}
	html := strings.ReplaceAll(string(template), "\n", "\r\n")
	b.mail = []byte("Subject: What is new this week\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + strings.Repeat("text of the mail\r\n", 80) + ".\r\n")
	mails := job{Label: p.label, Kind: nothing, Expect: p.People, MailsEach: p.People}
	return l.metered(ctx, func(ctx context.Context) (effect, error) {
		d, err := l.listening(ctx, mails, func(done, _ int) { p.progress(done, p.People) }, func(ctx context.Context) error {
			var sent atomic.Int64
			g, ctx := errgroup.WithContext(ctx)
			for range sinkConnections {
				g.Go(func() error { return b.loop(ctx, server.Host, &sent, p.People) })
			}
			return g.Wait()
		})
		return d.effect(p.People), err
	})
}

func (b *broadcasting) loop(ctx context.Context, server string, sent *atomic.Int64, mails int) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", server)
	if err != nil {
		return fmt.Errorf("connect to mail server: %w", err)
	}
	defer conn.Close() //nolint:errcheck // all answers have been read
	r := bufio.NewReader(conn)
	if _, err := io.WriteString(conn, "EHLO bench\r\n"); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	if err := answers(r, 2); err != nil {
		return err
	}
	w := bufio.NewWriterSize(conn, 16<<10)
	for n := sent.Add(1); n <= int64(mails); n = sent.Add(1) {
		fmt.Fprintf(w, "MAIL FROM:<hello@bench.example> BODY=8BITMIME\r\nRCPT TO:<%s@example.com>\r\nDATA\r\n", userID(int(n)))
		if err := w.Flush(); err != nil {
			return fmt.Errorf("begin mail: %w", err)
		}
		if err := answers(r, 3); err != nil {
			return err
		}
		if _, err := w.Write(b.mail); err != nil {
			return fmt.Errorf("write mail: %w", err)
		}
		if err := w.Flush(); err != nil {
			return fmt.Errorf("write mail: %w", err)
		}
		if err := answers(r, 1); err != nil {
			return err
		}
	}
	return nil
}

// answers reads so many replies, none of which may be a refusal.
func answers(r *bufio.Reader, n int) error {
	for n > 0 {
		line, err := r.ReadString('\n')
		if err != nil {
			return fmt.Errorf("read answer: %w", err)
		}
		if line[0] > '3' {
			return fmt.Errorf("the mail server refuses: %s", strings.TrimSpace(line))
		}
		if len(line) > 3 && line[3] == ' ' {
			n--
		}
	}
	return nil
}
