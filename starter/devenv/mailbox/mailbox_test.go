package mailbox

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	gomail "github.com/wneessen/go-mail"
	"go.uber.org/goleak"
)

// helperDir names the variable that turns the test's program into a mailbox that runs until it is killed.
const helperDir = "MAILBOX_TEST_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		box, err := Start(context.Background(), Config{Dir: dir})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(box.Addr())
		select {}
	}
	goleak.VerifyTestMain(m)
}

func start(t *testing.T, config Config) *Mailbox {
	t.Helper()
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	box, err := Start(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Stop()) })
	return box
}

// serve mounts the mailbox as a program does.
func serve(t *testing.T, box *Mailbox) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/dev/mailbox", box.Handler())
	mux.Handle("/dev/mailbox/", box.Handler())
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

func send(t *testing.T, addr string, to []string, raw string) {
	t.Helper()
	require.NoError(t, smtp.SendMail(addr, nil, "bounce+1@shop.example", to, []byte(strings.ReplaceAll(raw, "\n", "\r\n"))))
}

func request(t *testing.T, method, url, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for pair := range slices.Chunk(header, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	res, err := client.Do(r)
	require.NoError(t, err)
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, string(text)
}

func TestReceive(t *testing.T) {
	t.Parallel()

	t.Run("WhatOurSenderSends", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		host, port, err := net.SplitHostPort(box.Addr())
		require.NoError(t, err)
		n, err := strconv.Atoi(port)
		require.NoError(t, err)
		msg := gomail.NewMsg()
		require.NoError(t, msg.FromFormat("Крамниця", "news@shop.example"))
		require.NoError(t, msg.To("olena@example.com"))
		require.NoError(t, msg.EnvelopeFrom("b+7@bounce.shop.example"))
		msg.Subject("Вітаємо, Олено! Ваш кошик чекає на вас уже другий день поспіль")
		msg.SetMessageIDWithValue("touch-1@shop.example")
		require.NoError(t, msg.SetListUnsubscribeOneClick("https://shop.example/u/abc"))
		msg.SetBodyString(gomail.TypeTextPlain, "Привіт\nдругий рядок")
		msg.AddAlternativeString(gomail.TypeTextHTML, "<p>Привіт</p>")
		require.NoError(t, msg.AttachReader("terms.txt", strings.NewReader("not the text")))
		client, err := gomail.NewClient(host, gomail.WithPort(n), gomail.WithTLSPolicy(gomail.NoTLS))
		require.NoError(t, err)
		require.NoError(t, client.DialAndSendWithContext(t.Context(), msg))

		got := box.Messages("OLENA@example.com")
		require.Len(t, got, 1)
		m := got[0]
		require.Equal(t, "news@shop.example", m.From)
		require.Equal(t, "olena@example.com", m.To)
		require.Equal(t, "b+7@bounce.shop.example", m.EnvelopeFrom)
		require.Equal(t, "Вітаємо, Олено! Ваш кошик чекає на вас уже другий день поспіль", m.Subject)
		require.Equal(t, "Привіт\nдругий рядок", m.Text)
		require.Equal(t, "<p>Привіт</p>", m.HTML)
		require.Equal(t, "<touch-1@shop.example>", m.Headers["Message-ID"])
		require.Equal(t, "List-Unsubscribe=One-Click", m.Headers["List-Unsubscribe-Post"])
		require.Equal(t, "<https://shop.example/u/abc>", m.Headers["List-Unsubscribe"])
		require.NotEmpty(t, m.ID)
		require.False(t, m.At.IsZero())
	})

	t.Run("DuplicatesShow", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		for range 2 {
			send(t, box.Addr(), []string{"a@example.com"}, "Message-ID: <same@shop>\nSubject: once\n\nhello")
		}
		got := box.Messages("")
		require.Len(t, got, 2)
		require.NotEqual(t, got[0].ID, got[1].ID)
		require.Equal(t, got[0].Headers, got[1].Headers)
	})

	t.Run("OnePerRecipient", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		send(t, box.Addr(), []string{"a@example.com", "b@example.com"}, "Subject: two\n\nhello")
		require.Len(t, box.Messages(""), 2)
		require.Len(t, box.Messages("b@example.com"), 1)
		require.Empty(t, box.Messages("c@example.com"))
		require.Equal(t, "bounce+1@shop.example", box.Messages("a@example.com")[0].From, "no From: the envelope's")
	})

	t.Run("RefusesNonsense", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		err := smtp.SendMail(box.Addr(), nil, "a@example.com", []string{"nobody"}, []byte("\r\n"))
		require.ErrorContains(t, err, "501")
		err = smtp.SendMail(box.Addr(), nil, "a@example.com", []string{"a@example.com"}, make([]byte, maxMessageBytes+1))
		require.Error(t, err)
		require.Empty(t, box.Messages(""))
	})

	t.Run("Many", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		var wg sync.WaitGroup
		for sender := range 10 {
			wg.Go(func() {
				for n := range 20 {
					to := fmt.Sprintf("c%d-%d@example.com", sender, n)
					if err := smtp.SendMail(box.Addr(), nil, "a@example.com", []string{to}, []byte("Subject: x\r\n\r\nx")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		require.Len(t, box.Messages(""), 200)
	})
}

func TestKeep(t *testing.T) {
	t.Parallel()

	t.Run("SurvivesKill", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		cmd := osexec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), helperDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		addr, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		send(t, strings.TrimSpace(addr), []string{"a@example.com"}, "Subject: kept\n\nhello")
		require.NoError(t, cmd.Process.Kill()) // the 250 has come: the message must be there
		require.Error(t, cmd.Wait())

		got := start(t, Config{Dir: dir}).Messages("")
		require.Len(t, got, 1)
		require.Equal(t, "kept", got[0].Subject)
	})

	t.Run("OldestGoFirst", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		box := start(t, Config{Dir: dir, MaxMessages: 10})
		for n := range 25 {
			require.NoError(t, box.keep(Message{ID: strconv.Itoa(n)}))
			require.LessOrEqual(t, len(box.Messages("")), 10)
		}
		got := box.Messages("")
		require.Equal(t, "24", got[len(got)-1].ID)
		require.LessOrEqual(t, box.journal.Len(), 10)
		require.NoError(t, box.Stop())
		require.Equal(t, got, start(t, Config{Dir: dir}).Messages(""))
	})

	t.Run("LargestGoFirst", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{MaxBytes: 10_000})
		for n := range 10 {
			require.NoError(t, box.keep(Message{ID: strconv.Itoa(n), Text: strings.Repeat("x", 3000)}))
			require.LessOrEqual(t, box.bytes, 10_000)
		}
		require.NoError(t, box.keep(Message{ID: "huge", Text: strings.Repeat("x", 30_000)}))
		got := box.Messages("")
		require.Len(t, got, 1, "the newest is always kept")
		require.Equal(t, "huge", got[0].ID)
	})

	t.Run("RefusesWhatItCannotKeep", func(t *testing.T) {
		t.Parallel()
		box, err := Start(t.Context(), Config{Dir: t.TempDir()})
		require.NoError(t, err)
		require.NoError(t, box.journal.Close())
		err = smtp.SendMail(box.Addr(), nil, "a@example.com", []string{"a@example.com"}, []byte("Subject: x\r\n\r\nx"))
		require.ErrorContains(t, err, "451")
		require.Empty(t, box.Messages(""))
		require.ErrorIs(t, box.Stop(), os.ErrClosed)
	})

	t.Run("CannotStart", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		_, err := Start(t.Context(), Config{Dir: t.TempDir(), Addr: box.Addr()})
		require.ErrorContains(t, err, "address already in use")
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err = Start(t.Context(), Config{Dir: file})
		require.ErrorContains(t, err, "start mailbox")
	})

	t.Run("StopEndsIdleConnections", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		conn, err := smtp.Dial(box.Addr())
		require.NoError(t, err)
		require.NoError(t, conn.Mail("a@example.com"))
		require.NoError(t, box.Stop())
		require.NoError(t, box.Stop())
		require.Error(t, conn.Noop())
	})
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	browser := []string{"Accept", "text/html,*/*;q=0.8"}

	t.Run("ListAndClear", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		srv := serve(t, box)
		status, body := request(t, http.MethodGet, srv.URL+"/dev/mailbox", "")
		require.Equal(t, 200, status)
		require.JSONEq(t, "[]", body)
		send(t, box.Addr(), []string{"a@example.com"}, "From: Shop <news@shop.example>\nSubject: one\n\nhello")
		send(t, box.Addr(), []string{"b@example.com"}, "Subject: two\n\nhello")
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox?to=A@example.com", "")
		var list []map[string]any
		require.NoError(t, json.Unmarshal([]byte(body), &list))
		require.Len(t, list, 1)
		for _, field := range []string{"id", "at", "from", "to", "subject", "headers", "text", "html"} {
			require.Contains(t, list[0], field)
		}
		require.Equal(t, "news@shop.example", list[0]["from"])
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox/", "", "Accept", "application/json")
		require.NoError(t, json.Unmarshal([]byte(body), &list))
		require.Equal(t, "two", list[1]["subject"], "newest last")
		status, _ = request(t, http.MethodDelete, srv.URL+"/dev/mailbox", "")
		require.Equal(t, http.StatusNoContent, status)
		require.Empty(t, box.Messages(""))
	})

	t.Run("Pages", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		srv := serve(t, box)
		_, body := request(t, http.MethodGet, srv.URL+"/dev/mailbox/", "", browser...)
		require.Contains(t, body, "Nothing was received yet")
		send(t, box.Addr(), []string{"a@example.com"}, "Subject: <b>bold</b>\nContent-Type: text/html\nMessage-Id: <1@shop>\n\n"+
			"<html><HEAD><title>x</title></HEAD><script>alert(1)</script>hi</html>")
		require.NoError(t, box.keep(Message{ID: "plain", Text: "x", HTML: "<p>bare"}))
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox/", "", browser...)
		require.Contains(t, body, "&lt;b&gt;bold&lt;/b&gt;")
		require.Contains(t, body, "(no subject)")
		id := box.Messages("a@example.com")[0].ID
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox/?id="+id, "", browser...)
		require.Contains(t, body, `<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" src="/dev/mailbox/html?id=`+id)
		require.Contains(t, body, `name="in_reply_to" value="1@shop"`)
		require.NotContains(t, body, "alert(1)")

		res, err := http.Get(srv.URL + "/dev/mailbox/html?id=" + id) //nolint:noctx // the short form reads better here
		require.NoError(t, err)
		raw, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		http.DefaultClient.CloseIdleConnections()
		require.True(t, strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "sandbox allow-popups"))
		require.NotContains(t, res.Header.Get("Content-Security-Policy"), "script")
		require.Contains(t, string(raw), `<HEAD><base target="_blank"><title>`)
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox/html?id=plain", "")
		require.Equal(t, `<base target="_blank"><p>bare`, body)

		for range maxListed {
			require.NoError(t, box.keep(Message{ID: "more"}))
		}
		_, body = request(t, http.MethodGet, srv.URL+"/dev/mailbox/", "", browser...)
		require.Contains(t, body, "2 older ones")
	})

	t.Run("Failures", func(t *testing.T) {
		t.Parallel()
		box := start(t, Config{})
		srv := serve(t, box)
		for _, tc := range []struct {
			method, path, body string
			header             []string
			status             int
			want               string
		}{
			{"GET", "/dev/mailbox/?id=none", "", browser, 404, "no such message"},
			{"GET", "/dev/mailbox/html?id=none", "", nil, 404, "no such message"},
			{"GET", "/dev/mailbox/other", "", nil, 404, ""},
			{"PUT", "/dev/mailbox", "", nil, 405, ""},
			{"POST", "/dev/mailbox/inbound", `{"from": "a@example.com"}`, nil, 501, "nobody reads"},
			{"POST", "/dev/mailbox/inbound", `{`, nil, 400, "read JSON"},
			{"DELETE", "/dev/mailbox", "", []string{"Sec-Fetch-Site", "cross-site"}, 403, ""},
		} {
			status, body := request(t, tc.method, srv.URL+tc.path, tc.body, tc.header...)
			require.Equal(t, tc.status, status, tc.path)
			require.Contains(t, body, tc.want)
		}
	})
}
