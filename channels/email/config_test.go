package email_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email"
)

func TestParseURL(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		url  string
		want email.Config
	}{
		"everything": {
			"smtp://user:p%40ss@mail.example.com:2525?tls=opportunistic&pool=3&helo=crm.example.com&timeout=2s&idle=1m",
			email.Config{
				Host: "mail.example.com", Port: 2525, Username: "user", Password: "p@ss", TLS: email.TLSOpportunistic,
				Connections: 3, HELO: "crm.example.com", Timeout: 2 * time.Second, Idle: time.Minute,
			},
		},
		"defaults": {
			"smtp://mail.example.com",
			email.Config{
				Host: "mail.example.com", Port: 587, TLS: email.TLSMandatory, Connections: 10, HELO: "localhost",
				Timeout: 15 * time.Second, Idle: 30 * time.Second,
			},
		},
		"loopback is clear text": {
			"smtp://127.0.0.1:1025",
			email.Config{
				Host: "127.0.0.1", Port: 1025, TLS: email.TLSNone, Connections: 10, HELO: "localhost",
				Timeout: 15 * time.Second, Idle: 30 * time.Second,
			},
		},
		"IPv6 loopback": {
			"smtp://[::1]:1025/?pool=1",
			email.Config{
				Host: "::1", Port: 1025, TLS: email.TLSNone, Connections: 1, HELO: "localhost",
				Timeout: 15 * time.Second, Idle: 30 * time.Second,
			},
		},
		"implicit TLS": {
			"smtps://mail.example.com",
			email.Config{
				Host: "mail.example.com", Port: 465, TLS: email.TLSImplicit, Connections: 10, HELO: "localhost",
				Timeout: 15 * time.Second, Idle: 30 * time.Second,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := email.ParseURL(tc.url)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()

	for url, want := range map[string]string{
		"":                                   `scheme ""`,
		"http://mail.example.com":            `scheme "http"`,
		"smtp://":                            "no host",
		"smtp://h:0":                         "",
		"smtp://h:99999":                     "port 99999",
		"smtp://h:port":                      "read URL",
		"smtp://h/inbox":                     `path "/inbox"`,
		"smtp://h?tls=yes":                   `tls="yes"`,
		"smtps://h?tls=none":                 `tls="none"`,
		"smtp://h?pool=0":                    `pool="0"`,
		"smtp://h?pool=9999":                 "9999 connections",
		"smtp://h?pool=ten":                  `pool="ten"`,
		"smtp://h?timeout=15":                `timeout="15"`,
		"smtp://h?idle=-1s":                  `idle="-1s"`,
		"smtp://h?helo=a%20b":                `helo "a b"`,
		"smtp://h?retries=3":                 `unknown parameter "retries"`,
		"smtp://h?tls=none&tls=mandatory":    "given 2 times",
		"smtp://h?%zz":                       "read parameters",
		"smtp://user@h":                      "needs a password",
		"smtp://us er:topsecret@h:587":       "read URL",
		"smtp://user:topsecret@h?pool=three": "pool",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			_, err := email.ParseURL(url)
			if url == "smtp://h:0" { // port 0 is "not given"
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, email.ErrConfig)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "topsecret")
		})
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()

	for name, cfg := range map[string]email.Config{
		"no host":              {},
		"policy":               {Host: "h", TLS: "sometimes"},
		"negative timeout":     {Host: "h", Timeout: -1},
		"too many":             {Host: "h", Connections: 100_000},
		"password but no user": {Host: "h", Password: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := email.New(cfg)
			require.ErrorIs(t, err, email.ErrConfig)
		})
	}
}

func FuzzParseURL(f *testing.F) {
	for _, s := range []string{
		"smtp://user:pass@host:587?tls=mandatory&pool=10&helo=name&timeout=15s", "smtps://h", "smtp://[::1]:25", "smtp://%zz",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		cfg, err := email.ParseURL(raw)
		if err != nil {
			require.ErrorIs(t, err, email.ErrConfig)
			return
		}
		_, err = email.New(cfg)
		require.NoError(t, err, "what ParseURL takes, New takes")
		require.NotEmpty(t, cfg.Host)
		require.False(t, strings.ContainsAny(cfg.HELO, "\r\n"))
	})
}
