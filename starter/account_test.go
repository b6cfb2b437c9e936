package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/email/smtptest"
	"dotyk/starter/server"
)

func TestAccountCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.ok("key", "create")
	key, err := store.NewSecretKey()
	require.NoError(t, err)
	with := func(args ...string) []string { return append(args, "--secret-key", key) }

	require.Contains(t, s.ok("account", "list"), "sends over SMTP_URL")
	require.Contains(t, s.fails("account", "add", "main", "--url", "smtp://shop:topsecret@mail.example.com"), "openssl rand -base64 32")
	require.Contains(t, s.fails(with("account", "add", "main")...), "needs the address of its server")
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "ftp://x")...), "want smtp or smtps")
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "")...), "is empty")
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "smtp://x.example", "--warm-up", "soon")...), "2026-03-01")
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "smtp://x.example", "--warm-up-days", "5,x")...), `"x" is no number`)
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "smtp://x.example", "--from", "x")...), "Shop <news@shop.example>")
	require.Contains(t, s.fails("account", "add", "main", "--url", "smtp://x.example", "--secret-key", "short"), "DOTYK_SECRET_KEY")

	mail := smtptest.Start(t, smtptest.Config{Username: "shop", Password: "topsecret"})
	out := s.ok(with("account", "add", "main", "--url", mail.URL(), "--from", "Shop <news@shop.example>", "--per-day", "1000", "--warm-up", "today", "--warm-up-days", "50,100")...)
	require.Contains(t, out, "account main sends over smtp://shop@127.0.0.1")
	require.Contains(t, s.fails(with("account", "add", "main", "--url", "smtp://x.example")...), "exists already")
	out = s.ok("account", "list")
	require.Contains(t, out, "1000/d warm-up 50")
	require.NotContains(t, out+s.ok("account", "list", "--json"), "topsecret")

	require.Contains(t, s.ok(with("account", "test", "main", "--to", "ann@example.net")...), "sent a mail to ann@example.net: 2.0.0 OK")
	require.Len(t, mail.Messages(), 1)
	require.Contains(t, mail.Messages()[0].Header.Get("From"), "news@shop.example")
	require.Contains(t, s.fails("account", "test", "main", "--to", "ann@example.net"), "no secret key")
	require.Contains(t, s.fails(with("account", "test", "main", "--to", "nobody")...), "ann@example.com")

	require.Contains(t, s.fails("account", "set", "main"), "nothing to set")
	require.Contains(t, s.ok("account", "set", "main", "--weight", "5", "--warm-up", "off", "--per-hour", "20", "--rename", "bulk", "--from", ""), "changed")
	require.Contains(t, s.fails(with("account", "test", "bulk", "--to", "ann@example.net")...), "give one with --from")
	s.ok("workspace", "set", "--from", "Shop <hello@shop.example>")
	require.Contains(t, s.ok(with("account", "test", "bulk", "--to", "ann@example.net")...), "sent a mail to ann@example.net")
	require.Contains(t, s.fails("account", "set", "bulk", "--dkim-domain", "shop.example"), "DKIM needs")
	require.Contains(t, s.ok("account", "pause", "bulk", "--reason", "listed"), "is paused")
	require.Contains(t, s.ok("account", "list"), "paused: listed")
	require.Contains(t, s.ok("account", "resume", "bulk"), "sends")
	require.Contains(t, s.ok("account", "list"), "20/h 1000/d")
	require.Contains(t, s.ok("account", "remove", "bulk"), "removed")
	for _, command := range []string{"pause", "resume", "remove"} {
		require.Contains(t, s.fails("account", command, "bulk"), `sending account "bulk": not found`)
	}

	t.Run("Reads the standalone program's key", func(t *testing.T) {
		t.Parallel()
		d, c := database{Data: t.TempDir()}, secret{}
		keys, err := c.keys(&d)
		require.NoError(t, err)
		require.Equal(t, store.SecretKeys{}, keys)
		file := filepath.Join(d.Data, server.SecretKeyFile)
		require.NoError(t, os.WriteFile(file, []byte(key+"\n"), 0o600))
		keys, err = c.keys(&d)
		require.NoError(t, err)
		require.NotEqual(t, store.SecretKeys{}, keys)
		d.DatabaseURL = "postgres://elsewhere"
		keys, err = c.keys(&d)
		require.NoError(t, err)
		require.Equal(t, store.SecretKeys{}, keys, "another database has another key")
		d.DatabaseURL = ""
		require.NoError(t, os.WriteFile(file, []byte("broken"), 0o600))
		_, err = c.keys(&d)
		require.ErrorContains(t, err, file)
	})
}

func TestAccountURLFromInput(t *testing.T) {
	t.Parallel()
	dash := "-"
	o := accountOptions{URL: &dash}
	secrets, err := o.secrets(strings.NewReader("smtp://a:b@c.example\n"))
	require.NoError(t, err)
	require.Equal(t, "smtp://a:b@c.example", secrets.URL)
	_, err = o.secrets(strings.NewReader("\n"))
	require.ErrorContains(t, err, "is empty")
}

func TestErrorClassCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.ok("key", "create")
	require.Contains(t, s.ok("error-class", "list"), "21610")
	require.Contains(t, s.ok("error-class", "list", "--own"), "what is built in holds")
	require.Equal(t, "email code 5.7.* is a temporary failure\n", s.ok("error-class", "set", "email", "5.7.*", "temporary", "--text", "try again", "--note", "odd server"))
	s.ok("error-class", "set", "sms", "30003", "bad_address", "--all")
	require.Contains(t, s.fails("error-class", "set", "email", "5*", "unknown"), "may have been sent")
	require.Contains(t, s.fails("error-class", "set", "email", "5*", "perhaps"), "sender_blocked")
	require.Contains(t, s.fails("error-class", "set", "email", "5*", "temporary", "--text", "("), "no regular expression")
	out := s.ok("error-class", "list", "--own")
	require.Contains(t, out, "odd server")
	require.Contains(t, out, "installation")
	require.Contains(t, s.ok("error-class", "list", "--own", "--json"), `"source": "workspace"`)
	require.Contains(t, s.fails("error-class", "remove", "email", "5.7.*"), "nothing was said")
	s.ok("error-class", "remove", "email", "5.7.*", "--text", "try again")
	s.ok("error-class", "remove", "sms", "30003", "--all")
	require.Contains(t, s.ok("error-class", "list", "--own"), "what is built in holds")
}
