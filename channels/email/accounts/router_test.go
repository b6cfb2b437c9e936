package accounts_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"dotyk/channels"
	"dotyk/channels/email/accounts"
)

func weight(n int) func(*accounts.Account) { return func(a *accounts.Account) { a.Weight = n } }

func limits(l accounts.Limits) func(*accounts.Account) {
	return func(a *accounts.Account) { a.Limits = l }
}

func TestRouter(t *testing.T) {
	t.Parallel()

	t.Run("Shares messages out by weight, and leaves weight 0 for need", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("big", weight(3)), account("small"), account("spare", weight(0)))
		for range 400 {
			o.send("a@example.net")
		}
		require.Equal(t, 300, o.servers["big"].count())
		require.Equal(t, 100, o.servers["small"].count())
		o.servers["big"].fail(away, nil)
		o.servers["small"].fail(away, nil)
		require.Equal(t, "spare", o.send("a@example.net"))
	})

	t.Run("Sends from the account's own address", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", func(a *accounts.Account) { a.From, a.FromName = "news@shop.example", "News" }))
		m := to("a@example.net")
		_, err := o.router.Send(t.Context(), m)
		require.NoError(t, err)
		require.Equal(t, "news@shop.example", o.servers["a"].sent[0].From)
		require.Equal(t, "News", o.servers["a"].sent[0].FromName)
		require.Equal(t, "shop@example.com", m.From, "the caller's message is left as it is")
	})

	t.Run("Goes to the next account when one fails before anything was sent", func(t *testing.T) {
		t.Parallel()
		for _, failure := range []error{away, blocked, &channels.SendError{Kind: channels.Temporary, Detail: "EOF"}} {
			o := newOffice(t, account("a"), account("b"))
			o.servers["a"].fail(failure, nil)
			for range 3 {
				require.Equal(t, "b", o.send("a@example.net"), failure)
			}
		}
	})

	t.Run("Never goes to the next after anything else", func(t *testing.T) {
		t.Parallel()
		for _, failure := range []*channels.SendError{nobody, slower, {Kind: channels.BadMessage, Detail: "no recipient"}} {
			o := newOffice(t, account("a", weight(100)), account("b"))
			o.servers["a"].fail(failure, nil)
			require.Equal(t, failure, o.refused("a@example.net", failure.Kind))
			require.Zero(t, o.servers["b"].count())
		}
		for _, failure := range []*channels.SendError{lost, away, blocked} {
			o := newOffice(t, account("a", weight(100)), account("b"))
			o.servers["a"].fail(nil, failure)
			require.Equal(t, failure, o.refused("a@example.net", failure.Kind), "the caller decides after Commit")
			require.Zero(t, o.servers["b"].count())
		}
	})

	t.Run("Tells the last failure when all fail", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"), account("b"))
		o.servers["a"].fail(away, nil)
		o.servers["b"].fail(away, nil)
		require.Equal(t, away, o.refused("a@example.net", channels.Unreachable))
	})

	t.Run("Says so when there is no account", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t)
		failure := o.refused("a@example.net", channels.Temporary)
		require.Contains(t, failure.Detail, "starter account resume")
		require.Equal(t, time.Minute, failure.RetryAfter)
		require.Equal(t, 1, o.router.Connections())
	})

	t.Run("Abort and Close send nothing and give the room back", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 1})))
		s := o.router.Session()
		for range 3 {
			require.NoError(t, s.Begin(t.Context(), to("a@example.net")))
			s.Abort()
			require.NoError(t, s.Begin(t.Context(), to("a@example.net")))
			s.Close()
		}
		_, err := s.Commit(t.Context())
		require.ErrorContains(t, err, "no message is begun")
		require.Zero(t, o.servers["a"].count())
		o.send("a@example.net")
		_ = o.refused("a@example.net", channels.Temporary)
	})

	t.Run("Keeps what it knows of accounts that stay, and closes those that go when their messages are done", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"), account("b"))
		a, b := o.servers["a"], o.servers["b"]
		s := o.router.Session()
		require.NoError(t, s.Begin(t.Context(), to("a@example.net")))
		require.Equal(t, 1, a.begun)
		require.NoError(t, o.router.Set([]accounts.Account{account("b", weight(7))}))
		require.Same(t, b, o.servers["b"], "the same server, with its connections")
		require.Equal(t, "b", o.send("a@example.net"))
		r, err := s.Commit(t.Context())
		require.NoError(t, err)
		require.Equal(t, "a", r.Sender)
		require.NoError(t, o.router.Set([]accounts.Account{account("b", func(a *accounts.Account) { a.URL = "smtp://else" })}))
		require.NotSame(t, b, o.servers["b"], "another server")
		require.NoError(t, o.router.Close())
		require.True(t, a.closed)
		require.True(t, b.closed)
		require.ErrorIs(t, o.router.Set(nil), accounts.ErrClosed)
		require.ErrorIs(t, o.refused("a@example.net", channels.Temporary), accounts.ErrClosed)
	})

	t.Run("Uses the rest when one cannot be opened", func(t *testing.T) {
		t.Parallel()
		r := accounts.New(accounts.Config{Allowance: &allowance{}, Open: func(a accounts.Account) (channels.EmailSender, error) {
			if a.Name == "bad" {
				return nil, accounts.ErrAccount
			}
			return &server{}, nil
		}})
		err := r.Set([]accounts.Account{account("bad"), account("good")})
		require.ErrorIs(t, err, accounts.ErrAccount)
		require.ErrorContains(t, err, "open account bad")
		receipt, err := r.Send(t.Context(), to("a@example.net"))
		require.NoError(t, err)
		require.Equal(t, "good", receipt.Sender)
		require.NoError(t, r.Close())
	})

	t.Run("Serves many at once", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 500})), account("b", limits(accounts.Limits{Hour: 700})), account("c", weight(2)))
		var g errgroup.Group
		for worker := range 16 {
			g.Go(func() error {
				s := o.router.Session()
				defer s.Close()
				for n := range 200 {
					if err := s.Begin(t.Context(), to(fmt.Sprintf("c%d@d%d.example", n, worker))); err != nil {
						return err
					}
					if _, err := s.Commit(t.Context()); err != nil {
						return err
					}
				}
				return nil
			})
		}
		require.NoError(t, g.Wait())
		a, b, c := o.servers["a"].count(), o.servers["b"].count(), o.servers["c"].count()
		require.Equal(t, 3200, a+b+c)
		require.Equal(t, 500, a)
		require.Equal(t, 700, b)
	})
}

func TestBreaker(t *testing.T) {
	t.Parallel()

	t.Run("Opens after failures in a row, and probes after growing pauses", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		o.servers["a"].fail(away, nil)
		for range 5 {
			require.Equal(t, away, o.refused("a@example.net", channels.Unreachable))
		}
		require.Len(t, o.troubles, 1)
		require.Equal(t, "a", o.troubles[0].Account)
		for _, pause := range []time.Duration{5, 10, 20, 40, 80, 160, 320, 600, 600} {
			pause *= time.Second
			failure := o.refused("a@example.net", channels.Unreachable)
			require.Contains(t, failure.Detail, "account a is left alone for a while")
			require.Contains(t, failure.Detail, "connection refused")
			require.Equal(t, pause, failure.RetryAfter)
			o.clock.add(pause)
			require.Equal(t, away, o.refused("a@example.net", channels.Unreachable), "the one that probes")
		}
		o.clock.add(10 * time.Minute)
		o.servers["a"].fail(nil, nil)
		s, other := o.router.Session(), o.router.Session()
		require.NoError(t, s.Begin(t.Context(), to("a@example.net")))
		require.Error(t, other.Begin(t.Context(), to("a@example.net")), "one probes at a time")
		_, err := s.Commit(t.Context())
		require.NoError(t, err)
		require.NoError(t, other.Begin(t.Context(), to("a@example.net")))
		other.Close()
		o.servers["a"].fail(away, nil)
		for range 4 {
			_ = o.refused("a@example.net", channels.Unreachable)
		}
		o.servers["a"].fail(nil, nil)
		o.send("a@example.net") // a success between failures
		o.servers["a"].fail(away, nil)
		for range 5 {
			require.Equal(t, away, o.refused("a@example.net", channels.Unreachable))
		}
	})

	t.Run("A probe that is aborted lets another probe", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		o.servers["a"].fail(away, nil)
		for range 5 {
			_ = o.refused("a@example.net", channels.Unreachable)
		}
		o.servers["a"].fail(nil, nil)
		o.clock.add(5 * time.Second)
		s := o.router.Session()
		require.NoError(t, s.Begin(t.Context(), to("a@example.net")))
		s.Abort()
		o.send("a@example.net")
	})

	t.Run("Is not moved by addresses, nor by callers who give up", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		o.servers["a"].fail(nobody, nil)
		for range 10 {
			require.Equal(t, nobody, o.refused("a@example.net", channels.BadAddress))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		o.servers["a"].fail(&channels.SendError{Kind: channels.Temporary, Err: context.Canceled}, nil)
		for range 10 {
			_, err := o.router.Send(ctx, to("a@example.net"))
			require.ErrorIs(t, err, context.Canceled)
		}
		require.Empty(t, o.troubles)
	})
}

func TestLimits(t *testing.T) {
	t.Parallel()

	t.Run("Hold for the day, and end with it", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 30})), account("b", limits(accounts.Limits{Hour: 10})))
		for range 40 {
			o.send("a@example.net")
		}
		failure := o.refused("a@example.net", channels.Temporary)
		require.Contains(t, failure.Detail, "account a is at its limit")
		require.Equal(t, time.Hour, failure.RetryAfter, "b has room first")
		require.Equal(t, 30, o.servers["a"].count())
		asked := o.allowance.asked
		_ = o.refused("a@example.net", channels.Temporary)
		require.Equal(t, asked, o.allowance.asked, "nobody asks again at once")
		o.clock.add(time.Hour)
		for range 10 {
			require.Equal(t, "b", o.send("a@example.net"))
		}
		o.clock.add(13 * time.Hour)
		for range 40 {
			o.send("a@example.net")
		}
		require.Equal(t, 60, o.servers["a"].count())
	})

	t.Run("Of a second are waited for", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Second: 4})))
		for range 10 {
			o.send("a@example.net")
		}
		require.Equal(t, 2*time.Second, o.clock.waited)
	})

	t.Run("Count what was sent and what may have been, and nothing else", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 2})))
		for _, failure := range []*channels.SendError{nobody, slower} {
			o.servers["a"].fail(failure, nil)
			_ = o.refused("a@example.net", failure.Kind)
			o.servers["a"].fail(nil, failure)
			o.clock.add(time.Minute)
			_ = o.refused("b@example.org", failure.Kind)
			o.clock.add(time.Minute)
		}
		o.servers["a"].fail(nil, lost)
		_ = o.refused("a@else.example", channels.Unknown)
		o.servers["a"].fail(nil, nil)
		o.send("a@else.example")
		require.Contains(t, o.refused("a@else.example", channels.Temporary).Detail, "at its limit")
	})

	t.Run("Give back what was not used when the account goes", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 100})))
		for range 3 {
			o.send("a@example.net")
		}
		require.NoError(t, o.router.Close())
		for _, taken := range o.allowance.taken {
			require.Equal(t, 3, taken)
		}
	})

	t.Run("Are not guessed when nobody can say them", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a", limits(accounts.Limits{Day: 100})))
		o.allowance.err = context.DeadlineExceeded
		failure := o.refused("a@example.net", channels.Temporary)
		require.ErrorIs(t, failure, context.DeadlineExceeded)
		require.Zero(t, o.servers["a"].begun)
		o.allowance.err = nil
		o.send("a@example.net")
	})
}

func TestWarmUp(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	usual, own := accounts.WarmUp{Start: start}, accounts.WarmUp{Start: start, PerDay: []int{10, 30}}
	for day, want := range map[int]int{-3: 50, 0: 50, 1: 100, 9: 40000, 10: 80000, 11: 160000, 23: 655360000, 24: 0, 400: 0} {
		require.Equal(t, want, usual.Limit(start.AddDate(0, 0, day).Add(23*time.Hour)), "day %d", day)
	}
	for day, want := range map[int]int{0: 10, 1: 30, 2: 60, 3: 120} {
		require.Equal(t, want, own.Limit(start.AddDate(0, 0, day)), "day %d", day)
	}
	require.Zero(t, accounts.WarmUp{}.Limit(start))

	o := newOffice(t, account("new", func(a *accounts.Account) { a.WarmUp, a.Limits.Day = own, 50 }))
	for _, want := range []int{10, 30, 50, 50} {
		for range want {
			o.send("a@example.net")
		}
		require.Equal(t, 14*time.Hour, o.refused("a@example.net", channels.Temporary).RetryAfter)
		o.clock.add(24 * time.Hour)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()

	// second sends as many messages as are asked for and taken within a second, and counts them.
	second := func(o *office, address string, want int) int {
		end, sent := o.clock.Now().Add(time.Second), 0
		for range want {
			if _, err := o.router.Send(o.t.Context(), to(address)); err == nil {
				sent++
			}
			if !o.clock.Now().Before(end) {
				return sent
			}
			o.clock.add(time.Second / time.Duration(want))
		}
		return sent
	}

	t.Run("Halves for the provider that complains, and for no other", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		for range 10 {
			require.Equal(t, 100, second(o, "x@gmail.com", 100))
		}
		complain := func() {
			o.servers["a"].fail(slower, nil)
			for range 10 { // of messages under way at one time
				_, err := o.router.Send(t.Context(), to("y@googlemail.com"))
				require.Error(t, err)
			}
			o.servers["a"].fail(nil, nil)
		}
		complain()
		require.InDelta(t, 50, second(o, "x@gmail.com", 200), 5)
		require.Equal(t, 200, second(o, "x@ukr.net", 200), "others are not slowed down")
		o.clock.add(5 * time.Second)
		complain()
		second(o, "x@gmail.com", 200) // what was saved up is used
		require.InDelta(t, 25, second(o, "x@gmail.com", 200), 4)
	})

	t.Run("Recovers with time", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		for range 10 {
			second(o, "x@gmail.com", 100)
		}
		o.servers["a"].fail(slower, nil)
		_ = o.refused("x@gmail.com", channels.Temporary)
		o.servers["a"].fail(nil, nil)
		before := second(o, "x@gmail.com", 400)
		o.clock.add(2 * time.Minute)
		second(o, "x@gmail.com", 400)
		require.Greater(t, second(o, "x@gmail.com", 400), before*3/2)
		o.clock.add(5 * time.Minute)
		require.Equal(t, 400, second(o, "x@gmail.com", 400), "the limit is gone")
	})

	t.Run("Says when there is room again", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, account("a"))
		o.servers["a"].fail(slower, nil)
		for range 4 {
			_ = o.refused("x@icloud.com", channels.Temporary)
			o.clock.add(10 * time.Second)
		}
		o.servers["a"].fail(nil, nil)
		o.clock.add(10 * time.Second)
		o.send("x@me.com")
		failure := o.refused("x@mac.com", channels.Temporary)
		require.Contains(t, failure.Detail, "apple takes no more of account a at the moment")
		require.Greater(t, failure.RetryAfter, time.Second)
		o.clock.add(failure.RetryAfter)
		o.send("x@mac.com")
	})
}
