package hooks_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/hooks"
	"dotyk/channels/email/inbound"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const (
	topic = "arn:aws:sns:eu-west-1:123:bounces"
	touch = "0192aaaa-0000-7000-8000-000000000001"
)

// amazon signs as SNS does.
type amazon struct {
	t       *testing.T
	key     *rsa.PrivateKey
	pem     []byte
	fetched []string
}

func newAmazon(t *testing.T) *amazon {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	return &amazon{t: t, key: key, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

func (a *amazon) fetch(_ context.Context, url string) ([]byte, error) {
	a.fetched = append(a.fetched, url)
	return a.pem, nil
}

func (a *amazon) notification(version string, change map[string]string) []byte {
	a.t.Helper()
	m := map[string]string{
		"Type": "Notification", "MessageId": "id-1", "TopicArn": topic, "Timestamp": now.Format(time.RFC3339), "SignatureVersion": version,
		"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem",
		"Message":        `{"notificationType":"Bounce","bounce":{"bounceType":"Permanent","bouncedRecipients":[{"emailAddress":"Ann@example.com","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}]},"mail":{"messageId":"ses-1","headers":[{"name":"X-Dotyk-Touch","value":"` + touch + `"}]}}`,
	}
	maps.Copy(m, change)
	text := "Message\n" + m["Message"] + "\nMessageId\nid-1\n"
	if m["Type"] != "Notification" {
		text += "SubscribeURL\n" + m["SubscribeURL"] + "\n"
	}
	text += "Timestamp\n" + m["Timestamp"] + "\n"
	if m["Type"] != "Notification" {
		text += "Token\n" + m["Token"] + "\n"
	}
	text += "TopicArn\n" + m["TopicArn"] + "\nType\n" + m["Type"] + "\n"
	var signature []byte
	var err error
	if version == "1" {
		sum := sha1.Sum([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA1, sum[:])
	} else {
		sum := sha256.Sum256([]byte(text))
		signature, err = rsa.SignPKCS1v15(rand.Reader, a.key, crypto.SHA256, sum[:])
	}
	require.NoError(a.t, err)
	m["Signature"] = base64.StdEncoding.EncodeToString(signature)
	raw, err := json.Marshal(m)
	require.NoError(a.t, err)
	return raw
}

func TestSES(t *testing.T) {
	t.Parallel()
	a := newAmazon(t)
	for _, version := range []string{"1", "2"} {
		events, err := hooks.SES(t.Context(), a.notification(version, nil), topic, a.fetch, now)
		require.NoError(t, err)
		require.Len(t, events, 1)
		require.Equal(t, touch, events[0].Touch)
		require.Equal(t, "ann@example.com", events[0].Report.Recipients[0].Address)
		require.Equal(t, inbound.VerdictHard, events[0].Report.Recipients[0].Verdict)
	}
	confirm := map[string]string{"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"}
	_, err := hooks.SES(t.Context(), a.notification("2", confirm), topic, a.fetch, now)
	require.NoError(t, err)
	require.Contains(t, a.fetched, confirm["SubscribeURL"])

	a.fetched = nil
	for name, body := range map[string][]byte{
		"another topic":      a.notification("2", map[string]string{"TopicArn": "arn:aws:sns:eu-west-1:666:bounces"}),
		"another host":       a.notification("2", map[string]string{"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"}),
		"a user in the host": a.notification("2", map[string]string{"SigningCertURL": "https://sns.eu-west-1.amazonaws.com@evil.example/x.pem"}),
		"not encrypted":      a.notification("2", map[string]string{"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"}),
		"old":                a.notification("2", map[string]string{"Timestamp": now.Add(-2 * time.Hour).Format(time.RFC3339)}),
		"cut":                a.notification("2", nil)[:200],
		"nothing":            nil,
	} {
		_, err := hooks.SES(t.Context(), body, topic, a.fetch, now)
		require.ErrorIs(t, err, hooks.ErrForged, name)
	}
	require.Empty(t, a.fetched, "nothing of a stranger's is fetched")
	var changed map[string]string
	require.NoError(t, json.Unmarshal(a.notification("2", nil), &changed))
	changed["Message"] += " "
	raw, err := json.Marshal(changed)
	require.NoError(t, err)
	_, err = hooks.SES(t.Context(), raw, topic, a.fetch, now)
	require.ErrorIs(t, err, hooks.ErrForged)
	elsewhere := map[string]string{"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": "https://evil.example/"}
	_, err = hooks.SES(t.Context(), a.notification("2", elsewhere), topic, a.fetch, now)
	require.ErrorIs(t, err, hooks.ErrForged)
	require.NotContains(t, a.fetched, "https://evil.example/")
}

func TestSendGrid(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	require.NoError(t, err)
	public := base64.StdEncoding.EncodeToString(der)
	require.NoError(t, hooks.CheckSendGridKey(public))
	require.Error(t, hooks.CheckSendGridKey("SG.secret"))
	body := []byte(`[{"email":"ann@example.com","event":"bounce","sg_event_id":"e1","smtp-id":"<` + touch + `@shop.example>","timestamp":1763900000,"reason":"550 5.1.1 user unknown","status":"5.1.1","type":"bounce"},
		{"email":"ann@example.com","event":"open","sg_event_id":"e2"},
		{"email":"ann@example.com","event":"spamreport","sg_event_id":"e3","timestamp":1763900000},
		{"email":"ann@example.com","event":"bounce","sg_event_id":"e4","reason":"550 5.7.1 blocked using spamhaus","status":"5.7.1","type":"blocked"}]`)
	stamp := strconv.FormatInt(now.Unix(), 10)
	sum := sha256.Sum256(append([]byte(stamp), body...))
	raw, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	require.NoError(t, err)
	signature := base64.StdEncoding.EncodeToString(raw)
	events, err := hooks.SendGrid(body, signature, stamp, public, now)
	require.NoError(t, err)
	require.Len(t, events, 3)
	require.Equal(t, touch+"@shop.example", events[0].Report.OriginalID)
	require.Equal(t, inbound.VerdictHard, events[0].Report.Recipients[0].Verdict)
	require.Equal(t, inbound.Complaint, events[1].Report.Kind)
	require.Equal(t, inbound.VerdictPolicy, events[2].Report.Recipients[0].Verdict)
	for name, try := range map[string]func() ([]hooks.Event, error){
		"changed":      func() ([]hooks.Event, error) { return hooks.SendGrid(body[1:], signature, stamp, public, now) },
		"another time": func() ([]hooks.Event, error) { return hooks.SendGrid(body, signature, stamp+"1", public, now) },
		"replayed": func() ([]hooks.Event, error) {
			return hooks.SendGrid(body, signature, stamp, public, now.AddDate(0, 0, 3))
		},
		"unsigned": func() ([]hooks.Event, error) { return hooks.SendGrid(body, "", stamp, public, now) },
	} {
		_, err := try()
		require.ErrorIs(t, err, hooks.ErrForged, name)
	}
}

func TestMailgun(t *testing.T) {
	t.Parallel()
	body := func(key, event string) []byte {
		stamp := strconv.FormatInt(now.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(stamp + "token"))
		return fmt.Appendf(nil, `{"signature":{"timestamp":"%s","token":"token","signature":"%s"},"event-data":%s}`, stamp, hex.EncodeToString(mac.Sum(nil)), event)
	}
	const failed = `{"id":"e1","event":"failed","severity":"permanent","recipient":"ann@example.com","timestamp":1763900000.5,"delivery-status":{"code":550,"message":"5.1.1 user unknown"},"message":{"headers":{"message-id":"x@shop.example"}},"user-variables":{"touch":"` + touch + `"}}`
	events, token, err := hooks.Mailgun(body("key", failed), "key", now)
	require.NoError(t, err)
	require.Equal(t, "token", token)
	require.Len(t, events, 1)
	require.Equal(t, touch, events[0].Touch)
	require.Equal(t, inbound.VerdictHard, events[0].Report.Recipients[0].Verdict)
	events, _, err = hooks.Mailgun(body("key", `{"id":"e2","event":"failed","severity":"temporary","recipient":"ann@example.com"}`), "key", now)
	require.NoError(t, err)
	require.Equal(t, inbound.Delayed, events[0].Report.Kind)
	for name, raw := range map[string][]byte{"another key": body("other", failed), "cut": body("key", failed)[:80], "no object": []byte("[]")} {
		_, _, err := hooks.Mailgun(raw, "key", now)
		require.ErrorIs(t, err, hooks.ErrForged, name)
	}
	_, _, err = hooks.Mailgun(body("key", failed), "key", now.Add(time.Hour))
	require.ErrorIs(t, err, hooks.ErrForged)
	_, _, err = hooks.Mailgun(body("", failed), "", now)
	require.ErrorIs(t, err, hooks.ErrForged, "no key is set")
}

func TestPostmark(t *testing.T) {
	t.Parallel()
	secret := hooks.PostmarkSecret("dotyk", "word")
	for body, want := range map[string]inbound.Verdict{
		`{"RecordType":"Bounce","ID":1,"Type":"HardBounce","Email":"ann@example.com","Metadata":{"touch":"` + touch + `"}}`:                inbound.VerdictHard,
		`{"RecordType":"Bounce","ID":2,"Type":"SoftBounce","Email":"ann@example.com"}`:                                                     inbound.VerdictSoft,
		`{"RecordType":"Bounce","ID":3,"Type":"Blocked","Email":"ann@example.com"}`:                                                        inbound.VerdictPolicy,
		`{"RecordType":"SpamComplaint","ID":4,"Email":"ann@example.com"}`:                                                                  inbound.VerdictComplaint,
		`{"RecordType":"SubscriptionChange","Recipient":"ann@example.com","SuppressSending":true,"SuppressionReason":"ManualSuppression"}`: inbound.VerdictOptOut,
		`{"RecordType":"Delivery","Recipient":"ann@example.com"}`:                                                                          inbound.VerdictNone,
	} {
		events, err := hooks.Postmark([]byte(body), "dotyk", "word", secret, now)
		require.NoError(t, err)
		require.Len(t, events, 1, body)
		require.Equal(t, want, events[0].Report.Recipients[0].Verdict, body)
		require.Equal(t, "ann@example.com", events[0].Report.Recipients[0].Address)
		_, err = hooks.Postmark([]byte(body), "dotyk", "wrong", secret, now)
		require.ErrorIs(t, err, hooks.ErrForged)
	}
	for _, body := range []string{`{"RecordType":"Open"}`, `{"RecordType":"Bounce","Type":"AutoResponder"}`} {
		events, err := hooks.Postmark([]byte(body), "dotyk", "word", secret, now)
		require.NoError(t, err)
		require.Empty(t, events)
	}
	_, err := hooks.Postmark(nil, "", "", "", now)
	require.ErrorIs(t, err, hooks.ErrForged)
}
