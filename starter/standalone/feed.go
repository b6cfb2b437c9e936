package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// banner says where everything is and what to try first.
func (s *stack) banner() {
	line := func(name, value string) { fmt.Fprintf(s.out, "  %-22s %s\n", name, value) }
	fmt.Fprintln(s.out)
	line("API", s.PublicURL)
	if s.dev.mailbox != nil {
		line("development mailbox", s.PublicURL+"/dev/mailbox/")
	}
	if s.dev.phone != nil {
		line("development phone", s.PublicURL+"/dev/phone/")
	}
	line("write key", s.WriteKey)
	line("data", s.Data)
	fmt.Fprintf(s.out, `
Register somebody:

  curl -u %s: %s/v1/batch -H 'Content-Type: application/json' -d '{"batch":[
    {"type":"identify","userId":"ann","traits":{"email":"ann@example.com","phone":"+380501234567","name":"Ann"}},
    {"type":"track","userId":"ann","event":"registered"}]}'

and look at her record:

  bin/starter customer show ann%s

`, s.WriteKey, s.PublicURL, s.dataFlag())
	fmt.Fprintln(s.out, "Touches as they happen (Ctrl-C stops everything):")
}

// dataFlag is what the starter must be told when it is run in this directory.
func (s *stack) dataFlag() string {
	if standard, err := filepath.Abs(".dotyk"); err == nil && standard == s.Data {
		return ""
	}
	return " --data " + quote(s.Data)
}

func quote(path string) string {
	if strings.ContainsAny(path, " '\"$\\") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// feedEvery is how often the feed looks for changes, feedOverlap how many of the newest it reads again: numbers are
// given before they are committed, so a lower one can show up after a higher.
const (
	feedEvery   = 400 * time.Millisecond
	feedOverlap = 200
)

// feed prints the touches as they change until ctx ends or the server fails.
func (s *stack) feed(ctx context.Context) error {
	var failed <-chan struct{}
	if s.temporal != nil {
		failed = s.temporal.Failed()
	}
	var lost <-chan error
	if s.postgres != nil {
		lost = s.postgres.lost
	}
	seen := map[int64]bool{}
	last, err := s.lastChange(ctx, seen)
	if err != nil && ctx.Err() == nil {
		return err
	}
	t := time.NewTicker(feedEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintln(s.out, "\nstopping …")
			return nil
		case <-failed:
			return fmt.Errorf("the Temporal server failed: %w", s.temporal.Err())
		case err := <-lost:
			return fmt.Errorf("the private Postgres ended and does not start again: %w", err)
		case <-t.C:
		}
		list, err := s.store.Feed(ctx, s.workspace.ID, last-feedOverlap, 1000)
		if err != nil {
			s.logger.Warn("read feed", "error", err) // the database may be restarting; the feed only shows
			continue
		}
		for _, e := range list {
			if !seen[e.Seq] {
				seen[e.Seq] = true
				fmt.Fprintln(s.out, feedLine(e))
			}
			last = max(last, e.Seq)
		}
		for seq := range seen {
			if seq < last-feedOverlap {
				delete(seen, seq)
			}
		}
	}
}

// lastChange skips what happened in earlier runs.
func (s *stack) lastChange(ctx context.Context, seen map[int64]bool) (int64, error) {
	last, err := s.store.FeedEnd(ctx, s.workspace.ID)
	if err != nil {
		return 0, err
	}
	list, err := s.store.Feed(ctx, s.workspace.ID, last-feedOverlap, feedOverlap+1)
	for _, e := range list {
		seen[e.Seq] = true
	}
	return last, err
}

// feedLine reads "12:00:01  email  accepted   ann@example.com  welcome v1 hello  Welcome, Ann!".
func feedLine(e store.FeedEntry) string {
	what := e.Summary
	if e.Detail != "" && (e.Status == audience.Failed || e.Status == audience.Suppressed || e.Status == audience.Uncertain) {
		what = e.Detail
	}
	s := fmt.Sprintf("%s  %-5s  %-10s  %s  %s v%d %s  %s",
		e.At.Local().Format(time.TimeOnly), e.Channel, e.Status, e.Customer, e.Campaign, e.Version, e.Step, what)
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
