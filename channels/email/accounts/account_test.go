package accounts_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email/accounts"
)

func pemOf(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestCheck(t *testing.T) {
	t.Parallel()
	_, signer, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))

	whole := accounts.Account{
		Settings: accounts.Settings{
			Name: "bulk-1", Weight: 2, From: "news@shop.example", FromName: "Крамниця", Limits: accounts.Limits{Second: 1, Hour: 2, Day: 3},
			WarmUp: accounts.WarmUp{Start: time.Now(), PerDay: []int{1, 2}}, DKIM: accounts.DKIM{Domain: "shop.example", Selector: "s1"},
		},
		Secrets: accounts.Secrets{URL: "smtp://user:hidden@mail.example.com", DKIMKey: pemOf(t, signer)},
	}
	require.NoError(t, whole.Check())
	require.Equal(t, "smtp://user@mail.example.com", whole.Shown())
	for name, c := range map[string]struct {
		change func(*accounts.Account)
		want   string // "" for none
	}{
		"RSA":              {func(a *accounts.Account) { a.DKIMKey = pkcs1 }, ""},
		"no name":          {func(a *accounts.Account) { a.Name = "" }, "name"},
		"a path":           {func(a *accounts.Account) { a.Name = "a/b" }, "name"},
		"weight":           {func(a *accounts.Account) { a.Weight = -1 }, "weight -1"},
		"from":             {func(a *accounts.Account) { a.From = "News <news@shop.example>" }, "from"},
		"name alone":       {func(a *accounts.Account) { a.From = "" }, "needs an address"},
		"two lines":        {func(a *accounts.Account) { a.FromName = "a\r\nBcc: b" }, "one line"},
		"limit":            {func(a *accounts.Account) { a.Limits.Hour = -1 }, "-1 messages a hour"},
		"warm-up of none":  {func(a *accounts.Account) { a.WarmUp.PerDay = []int{5, 0} }, "day 2"},
		"warm-up of never": {func(a *accounts.Account) { a.WarmUp.Start = time.Time{} }, "the day on which it starts"},
		"no selector":      {func(a *accounts.Account) { a.DKIM.Selector = "" }, "DKIM needs"},
		"no domain":        {func(a *accounts.Account) { a.DKIM = accounts.DKIM{} }, "DKIM needs"},
		"domain":           {func(a *accounts.Account) { a.DKIM.Domain = "shop example" }, "names of the DNS"},
		"no key":           {func(a *accounts.Account) { a.DKIMKey = "" }, "DKIM needs"},
		"key is no PEM":    {func(a *accounts.Account) { a.DKIMKey = "hidden" }, "no PEM block"},
		"key is broken": {func(a *accounts.Account) {
			a.DKIMKey = "-----BEGIN PRIVATE KEY-----\naGlkZGVu\n-----END PRIVATE KEY-----\n"
		}, "DKIM key"},
		"key of a curve": {func(a *accounts.Account) { a.DKIMKey = pemOf(t, curve) }, "want RSA or Ed25519"},
		"no server":      {func(a *accounts.Account) { a.URL = "" }, "the address of its server"},
		"scheme":         {func(a *accounts.Account) { a.URL = "http://user:hidden@mail.example.com" }, "want smtp or smtps"},
		"no host":        {func(a *accounts.Account) { a.URL = "smtp://user:hidden@" }, "no host"},
	} {
		a := whole
		c.change(&a)
		err := a.Check()
		if c.want == "" {
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, accounts.ErrAccount, name)
		require.ErrorContains(t, err, c.want, name)
		require.NotContains(t, err.Error(), "hidden", name)
	}
}

func TestLookUp(t *testing.T) {
	t.Parallel()
	asked := map[string]int{}
	clock := newClock()
	a := &server{connections: 1}
	r := accounts.New(accounts.Config{
		Allowance: &allowance{}, Now: clock.Now, Wait: clock.wait,
		Open: func(accounts.Account) (channels.EmailSender, error) { return a, nil },
		LookUp: func(_ context.Context, domain string) (string, error) {
			asked[domain]++
			switch domain {
			case "school.example":
				return "ASPMX.L.Google.com.", nil
			case "works.example":
				return "works-example.mail.protection.outlook.com", nil
			}
			return "", errors.New("no such domain")
		},
	})
	require.NoError(t, r.Set([]accounts.Account{account("a")}))
	send := func(address string) error {
		_, err := r.Send(t.Context(), to(address))
		return err
	}
	a.fail(slower, nil)
	require.Error(t, send("x@gmail.com"))
	a.fail(nil, nil)
	require.Error(t, send("x@gmail.com"))
	require.ErrorContains(t, send("x@School.example"), "google takes no more")
	require.NoError(t, send("x@works.example"))
	require.NoError(t, send("x@nowhere.example"))
	require.NoError(t, send("x@nowhere.example"))
	require.Equal(t, map[string]int{"school.example": 1, "works.example": 1, "nowhere.example": 1}, asked)
	clock.add(2 * time.Hour)
	require.NoError(t, send("x@works.example"))
	require.Equal(t, 2, asked["works.example"])
	require.NoError(t, r.Close())
}
