package email_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"github.com/stretchr/testify/require"

	"dotyk/channels"
	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

func dkimKeys(t testing.TB, bits int) (rsaKey *rsa.PrivateKey, edKey ed25519.PrivateKey) {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	_, edKey, err = ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return rsaKey, edKey
}

var (
	spaces   = regexp.MustCompile(`[ \t]+`)
	allSpace = regexp.MustCompile(`\s+`)
	bValue   = regexp.MustCompile(`b=[^;]*$`)
)

// relaxedHeader and relaxedBody are RFC 6376 sections 3.4.2 and 3.4.4, read once more than the library that signs.
func relaxedHeader(field string) string {
	name, value, _ := strings.Cut(field, ":")
	value = spaces.ReplaceAllString(strings.ReplaceAll(value, "\r\n", ""), " ")
	return strings.ToLower(strings.TrimSpace(name)) + ":" + strings.TrimSpace(value)
}

func relaxedBody(body string) string {
	lines := strings.Split(body, "\r\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(spaces.ReplaceAllString(line, " "), " ")
	}
	body = strings.TrimRight(strings.Join(lines, "\r\n"), "\r\n")
	if body == "" {
		return ""
	}
	return body + "\r\n"
}

// checkSignature verifies one DKIM-Signature field of raw without the library that made it, and returns the names of h=.
func checkSignature(raw string, n int, key crypto.PublicKey) ([]string, error) {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	var fields []string
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			fields[len(fields)-1] += "\r\n" + line
		} else {
			fields = append(fields, line)
		}
	}
	_, value, found := strings.Cut(fields[n], "DKIM-Signature:")
	if !found {
		return nil, errors.New("not a signature")
	}
	tags := map[string]string{}
	for tag := range strings.SplitSeq(value, ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(tag), "=")
		tags[name] = allSpace.ReplaceAllString(v, "")
	}
	bodyHash := sha256.Sum256([]byte(relaxedBody(body)))
	if base64.StdEncoding.EncodeToString(bodyHash[:]) != tags["bh"] {
		return nil, errors.New("body hash differs")
	}
	names := strings.Split(tags["h"], ":")
	taken := map[int]bool{}
	signed := ""
	for _, name := range names {
		for i := len(fields) - 1; i >= 0; i-- {
			own, _, _ := strings.Cut(fields[i], ":")
			if strings.EqualFold(own, name) && !taken[i] {
				taken[i] = true
				signed += relaxedHeader(fields[i]) + "\r\n"
				break
			}
		}
	}
	signed += bValue.ReplaceAllString(relaxedHeader(fields[n]), "b=")
	hash := sha256.Sum256([]byte(signed))
	signature, err := base64.StdEncoding.DecodeString(tags["b"])
	if err != nil {
		return nil, err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return names, rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], signature)
	case ed25519.PublicKey:
		if !ed25519.Verify(key, hash[:], signature) {
			return nil, errors.New("signature does not verify")
		}
	}
	return names, nil
}

func TestDKIM(t *testing.T) {
	t.Parallel()
	rsaKey, edKey := dkimKeys(t, 1024)
	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, func(c *email.Config) {
		c.DKIM = []email.DKIMKey{
			{Domain: "example.com", Selector: "r1", Key: rsaKey}, {Domain: "example.com", Selector: "e1", Key: edKey},
		}
	})
	full := message(1)
	full.ReplyTo, full.FeedbackID = "support@example.com", "a:b:c:d"
	full.UnsubscribeURL = "https://example.com/u/" + strings.Repeat("token", 30)
	full.UnsubscribeMail = "u+1@example.com"
	full.Subject = strings.Repeat("Вітаємо ", 20)
	full.Text = "Привіт  \t\n.\n..  крапка\n\n\n"
	bare := message(2)
	bare.HTML, bare.Text = "", "Hello\n\n\n"
	for _, m := range []*channels.EmailMessage{full, bare} {
		_, err := s.Send(t.Context(), m)
		require.NoError(t, err)
	}

	for i, got := range srv.Messages() {
		raw := string(got.Raw)
		for n, key := range []crypto.PublicKey{rsaKey.Public(), edKey.Public()} {
			names, err := checkSignature(raw, n, key)
			require.NoError(t, err)
			want := []string{"From", "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"}
			if i == 0 {
				want = append(want, "Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID")
			}
			require.Equal(t, want, names)

			_, err = checkSignature(strings.Replace(raw, "Subject: ", "Subject: x", 1), n, key)
			require.Error(t, err, "a changed header is noticed")
			_, err = checkSignature(strings.Replace(raw, "\r\nTo: ", "\r\nFrom: ceo@example.com\r\nTo: ", 1), n, key)
			require.Error(t, err, "a second From is noticed")
			_, err = checkSignature(raw+"x\r\n", n, key)
			require.Error(t, err, "a changed body is noticed")
		}
		require.NotContains(t, srv.Commands()[1], "8BITMIME", "nothing on the way has to convert what is signed")
		verified, err := dkim.VerifyWithOptions(bytes.NewReader(got.Raw), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			if name == "r1._domainkey.example.com" {
				public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
				return []string{"v=DKIM1; p=" + base64.StdEncoding.EncodeToString(public)}, err
			}
			return []string{"v=DKIM1; k=ed25519; p=" + base64.StdEncoding.EncodeToString(edKey.Public().(ed25519.PublicKey))}, nil
		}})
		require.NoError(t, err)
		require.Len(t, verified, 2)
		for _, v := range verified {
			require.NoError(t, v.Err)
		}
	}
}

// noKey is a key that lies in a device which is gone.
type noKey struct{ ed25519.PublicKey }

func (k noKey) Public() crypto.PublicKey { return k.PublicKey }

func (noKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("device is gone")
}

func TestNothingIsSentUnsigned(t *testing.T) {
	t.Parallel()
	_, edKey := dkimKeys(t, 1024)
	srv := smtptest.Start(t, smtptest.Config{})
	s := newSender(t, srv, func(c *email.Config) {
		c.DKIM = []email.DKIMKey{{Domain: "example.com", Selector: "e1", Key: noKey{edKey.Public().(ed25519.PublicKey)}}}
	})
	for range 2 {
		_, err := s.Send(t.Context(), message(1))
		require.Contains(t, sendError(t, err, channels.SenderBlocked).Detail, "device is gone")
	}
	require.Equal(t, []string{"EHLO localhost"}, srv.Commands(), "and the connection is kept")
}

func TestParseDKIMKey(t *testing.T) {
	t.Parallel()
	rsaKey, edKey := dkimKeys(t, 1024)
	pkcs8 := func(key any) []byte {
		b, err := x509.MarshalPKCS8PrivateKey(key)
		require.NoError(t, err)
		return b
	}
	public, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		block pem.Block
		want  string // in the error; empty for none
	}{
		"RSA, PKCS 8": {pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(rsaKey)}, ""},
		"RSA, PKCS 1": {pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}, ""},
		"Ed25519":     {pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8(edKey)}, ""},
		"public":      {pem.Block{Type: "PUBLIC KEY", Bytes: public}, `PEM block "PUBLIC KEY"`},
		"broken":      {pem.Block{Type: "PRIVATE KEY", Bytes: []byte("secret")}, "asn1"},
	} {
		key, err := email.ParseDKIMKey(pem.EncodeToMemory(&tc.block))
		if tc.want == "" {
			require.NoError(t, err, name)
			_, err = email.New(email.Config{Host: "h", DKIM: []email.DKIMKey{{Domain: "shop.example", Selector: "s1", Key: key}}})
			require.NoError(t, err, name)
			continue
		}
		require.ErrorIs(t, err, email.ErrConfig, name)
		require.ErrorContains(t, err, tc.want, name)
		require.NotContains(t, err.Error(), "secret", name)
	}
	_, err = email.ParseDKIMKey([]byte("not PEM"))
	require.ErrorContains(t, err, "no PEM block")
	for name, key := range map[string]email.DKIMKey{
		"domain": {Domain: "shop example", Selector: "s1", Key: edKey}, "selector": {Domain: "shop.example", Selector: "s;1", Key: edKey},
		"no key": {Domain: "shop.example", Selector: "s1"},
	} {
		_, err := email.New(email.Config{Host: "h", DKIM: []email.DKIMKey{key}})
		require.ErrorIs(t, err, email.ErrConfig, name)
		require.ErrorContains(t, err, name)
	}
}
