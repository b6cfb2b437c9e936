package email_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email"
)

// sinkVariable makes this test's program a mail server that takes everything and keeps nothing. It is a process of its own,
// so that its time is not counted as the sender's.
const sinkVariable = "DOTYK_TEST_MAIL_SINK"

func runSink() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = swallow(c) }() // the client hangs up
		}
	}()
	_, err = io.Copy(io.Discard, os.Stdin) // until the benchmark ends
	return err
}

// swallow answers one client. It flushes its replies only when no more commands are waiting.
func swallow(c net.Conn) error {
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	reply := "220 sink\r\n"
	content := false
	for {
		if reply != "" {
			if _, err := w.WriteString(reply); err != nil {
				return err
			}
		}
		if r.Buffered() == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		switch {
		case content && !bytes.Equal(line, []byte(".\r\n")):
			reply = ""
		case content:
			content, reply = false, "250 2.0.0 Ok: queued as 4XyZ1k3Bbcz\r\n"
		case bytes.HasPrefix(line, []byte("EHLO")):
			reply = "250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
		case bytes.HasPrefix(line, []byte("DATA")):
			content, reply = true, "354 go\r\n"
		default:
			reply = "250 2.0.0 ok\r\n"
		}
	}
}

func startSink(b *testing.B) string {
	b.Helper()
	sink := exec.CommandContext(context.WithoutCancel(b.Context()), os.Args[0], "-test.run=-")
	sink.Env = append(os.Environ(), sinkVariable+"=1")
	in, err := sink.StdinPipe()
	require.NoError(b, err)
	out, err := sink.StdoutPipe()
	require.NoError(b, err)
	require.NoError(b, sink.Start())
	b.Cleanup(func() {
		require.NoError(b, in.Close())
		require.NoError(b, sink.Wait())
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(b, err)
	return strings.TrimSpace(address)
}

// spent is the processor time of this process so far.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkSend sends 5 KB of HTML with 1 KB of text over 20 connections. The CPU it reports is the sender's, system calls
// included.
func BenchmarkSend(b *testing.B) {
	rsaKey, edKey := dkimKeys(b, 2048)
	for _, bm := range []struct {
		name string
		keys []email.DKIMKey
	}{
		{"unsigned", nil},
		{"Ed25519", []email.DKIMKey{{Domain: "example.com", Selector: "e1", Key: edKey}}},
		{"RSA-2048", []email.DKIMKey{{Domain: "example.com", Selector: "r1", Key: rsaKey}}},
	} {
		b.Run(bm.name, func(b *testing.B) {
			cfg, err := email.ParseURL("smtp://" + startSink(b))
			require.NoError(b, err)
			cfg.Connections, cfg.DKIM = 20, bm.keys
			s, err := email.New(cfg)
			require.NoError(b, err)
			m := benchMessage()
			b.ReportAllocs()
			b.SetParallelism(10)
			b.ResetTimer()
			before := spent(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					_, err := s.Send(b.Context(), m)
					require.NoError(b, err)
				}
			})
			b.ReportMetric(float64(spent(b)-before)/float64(b.N)/1000, "cpu-µs/message")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			require.NoError(b, s.Close())
		})
	}
}

func benchMessage() *channels.EmailMessage {
	m := message(1)
	m.HTML = strings.Repeat("<p>Привіт, five kilobytes of mail in short lines</p>\n", 85)
	m.Text = strings.Repeat("Привіт, one kilobyte of mail in short lines\n", 20)
	m.UnsubscribeURL, m.FeedbackID = "https://example.com/u/token", "welcome:7:email:dotyk"
	return m
}
