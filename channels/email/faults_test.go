package email_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

// outcomes are what may come of a fault: nil is success.
var (
	sent         = []channels.FailureKind{0}
	temporary    = []channels.FailureKind{channels.Temporary}
	unreachable  = []channels.FailureKind{channels.Unreachable}
	blocked      = []channels.FailureKind{channels.SenderBlocked}
	refused      = []channels.FailureKind{channels.BadMessage, channels.BadAddress, channels.SenderBlocked}
	unknown      = []channels.FailureKind{channels.Unknown}
	cutInContent = []channels.FailureKind{channels.Temporary, channels.Unknown} // seen before the dot or only after it
)

// faultCases are all faults at all stages, and what may come of each.
func faultCases() map[smtptest.Stage]map[string][]channels.FailureKind {
	envelope := map[string][]channels.FailureKind{
		"4xx": temporary, "5xx": refused, "421": temporary, "drop": temporary, "stall": temporary, "garbage": temporary,
		"2xx and 3xx": temporary, "delay": sent,
	}
	return map[smtptest.Stage]map[string][]channels.FailureKind{
		smtptest.Connect: {
			"4xx": unreachable, "5xx": blocked, "421": unreachable, "drop": unreachable, "stall": unreachable, "delay": sent,
			"garbage": unreachable,
		},
		smtptest.Hello: {
			"421": unreachable, "drop": unreachable, "stall": unreachable, "delay": sent, "garbage": unreachable,
		},
		smtptest.Mail:    envelope,
		smtptest.Rcpt:    envelope,
		smtptest.Data:    envelope,
		smtptest.Content: {"drop": cutInContent, "stall": unknown, "drop later": cutInContent, "stall later": unknown},
		smtptest.Dot:     {"4xx": temporary, "5xx": refused, "421": temporary, "drop": unknown, "stall": unknown, "delay": sent},
		smtptest.Taken:   {"drop": unknown, "stall": unknown, "delay": sent},
	}
}

func faultNamed(name string, stage smtptest.Stage) smtptest.Fault {
	switch name {
	case "4xx":
		return smtptest.Fault{Reply: "451 4.3.0 not now"}
	case "5xx":
		return smtptest.Fault{Reply: "550 no"}
	case "421":
		return smtptest.Fault{Reply: "421 4.3.2 going down"}
	case "garbage":
		return smtptest.Fault{Reply: "what?"}
	case "2xx and 3xx": // a reply that means success at another stage
		if stage == smtptest.Data {
			return smtptest.Fault{Reply: "250 2.0.0 ok"}
		}
		return smtptest.Fault{Reply: "354 go ahead"}
	case "drop":
		return smtptest.Fault{Drop: true}
	case "drop later":
		return smtptest.Fault{Drop: true, After: 300}
	case "stall":
		return smtptest.Fault{Stall: true}
	case "stall later":
		return smtptest.Fault{Stall: true, After: 300}
	default:
		return smtptest.Fault{Delay: 20 * time.Millisecond}
	}
}

// Whatever goes wrong, wherever: what is said not to be sent was not, nothing is sent twice, and the sender recovers.
func TestFaultsAtEveryStage(t *testing.T) {
	t.Parallel()
	for _, pipelined := range []bool{true, false} {
		for _, warm := range []bool{true, false} { // on a connection that has sent before
			for stage, faults := range faultCases() {
				if warm && (stage == smtptest.Connect || stage == smtptest.Hello) {
					continue
				}
				for name, want := range faults {
					t.Run(fmt.Sprintf("%s %s, pipelined %t, warm %t", stage, name, pipelined, warm), func(t *testing.T) {
						t.Parallel()
						testFault(t, stage, faultNamed(name, stage), want, pipelined, warm)
					})
				}
			}
		}
	}
}

func testFault(t *testing.T, stage smtptest.Stage, f smtptest.Fault, want []channels.FailureKind, pipelined, warm bool) {
	t.Helper()
	srv := smtptest.Start(t, smtptest.Config{NoPipelining: !pipelined})
	s := newSender(t, srv, func(c *email.Config) {
		c.Timeout = patience
		if f.Stall {
			c.Timeout = 200 * time.Millisecond
		}
	})
	ses := s.Session()
	defer ses.Close()
	before := 0
	if warm {
		require.NoError(t, sendOver(t.Context(), ses, 0))
		before = 1
	}

	srv.SetFault(always(stage, f))
	err := sendOver(t.Context(), ses, 1)
	kind := channels.FailureKind(0)
	if err != nil {
		kind = err.(*channels.SendError).Kind //nolint:errorlint // the contract: it is one, not wraps one
	}
	require.Contains(t, want, kind, "%v", err)
	delivered := len(srv.Messages()) - before
	switch kind {
	case 0:
		require.Equal(t, 1, delivered)
	case channels.Unknown:
		require.Equal(t, stage == smtptest.Taken, delivered == 1, "the sink records at Taken")
	default:
		require.Zero(t, delivered, "said not to be sent")
	}
	require.NotContains(t, srv.Commands(), ".", "a final dot where the server reads commands")

	srv.SetFault(nil)
	require.NoError(t, sendOver(t.Context(), ses, 2), "recovers")
	require.Len(t, srv.Messages(), before+delivered+1)
}

func sendOver(ctx context.Context, ses channels.EmailSession, n int) error {
	m := message(n)
	m.HTML = strings.Repeat("<p>line of a message</p>\n", 40)
	if err := ses.Begin(ctx, m); err != nil {
		return err
	}
	_, err := ses.Commit(ctx)
	return err
}

func TestContentAfterARefusal(t *testing.T) {
	t.Parallel()
	for _, stage := range []smtptest.Stage{smtptest.Mail, smtptest.Rcpt} {
		t.Run(string(stage), func(t *testing.T) {
			t.Parallel()
			srv := smtptest.Start(t, smtptest.Config{})
			srv.SetFault(func(s smtptest.Stage, _ string) *smtptest.Fault {
				switch s {
				case stage:
					return &smtptest.Fault{Reply: "550 5.1.1 no such user"}
				case smtptest.Data:
					return &smtptest.Fault{Reply: "354 go ahead all the same"}
				default:
					return nil
				}
			})
			ses := newSender(t, srv, nil).Session()
			defer ses.Close()
			err := ses.Begin(t.Context(), message(1))
			require.Equal(t, "550 5.1.1", sendError(t, err, map[smtptest.Stage]channels.FailureKind{
				smtptest.Mail: channels.SenderBlocked, smtptest.Rcpt: channels.BadAddress,
			}[stage]).Code)
			srv.SetFault(nil)
			require.NoError(t, sendOver(t.Context(), ses, 2))
			require.Len(t, srv.Messages(), 1)
			require.Equal(t, 2, srv.Stats().Opened, "the connection that waits for content is dropped")
			require.NotContains(t, srv.Commands(), ".")
		})
	}
}

func TestConnectionLimitOfTheServer(t *testing.T) {
	t.Parallel()
	srv := smtptest.Start(t, smtptest.Config{MaxConnections: 1})
	s := newSender(t, srv, func(c *email.Config) { c.Connections = 2 })
	first, second := s.Session(), s.Session()
	defer first.Close()
	defer second.Close()
	require.NoError(t, first.Begin(t.Context(), message(1)))
	err := second.Begin(t.Context(), message(2))
	require.Equal(t, "421 4.3.2", sendError(t, err, channels.Unreachable).Code)
	_, err = first.Commit(t.Context())
	require.NoError(t, err)
	require.NoError(t, sendOver(t.Context(), second, 2), "takes over the connection")
	require.Len(t, srv.Messages(), 2)
}
