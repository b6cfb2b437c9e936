package hooks

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // SNS signs so in version 1
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"dotyk/channels/email/inbound"
)

// Fetch gets a page over HTTPS. It is called only with addresses of Amazon's.
type Fetch func(ctx context.Context, url string) ([]byte, error)

// TouchHeader is the header in which our messages carry their id. SES gives messages a Message-ID of its own, and repeats
// this header where the account is set to include the original headers.
const TouchHeader = "X-Dotyk-Touch"

// snsMessage is what SNS posts.
type snsMessage struct {
	Type, MessageId, TopicArn, Subject, Message, Timestamp string //nolint:revive // as SNS names them
	SignatureVersion, Signature, SigningCertURL            string
	SubscribeURL, Token                                    string
}

// amazon are the hosts of SNS: nobody else's certificate counts, and nobody else's address is fetched.
var amazon = regexp.MustCompile(`^sns\.[a-z0-9-]{3,30}\.amazonaws\.com(?:\.cn)?$`)

// snsOldest is how long a notification is believed: SNS itself tries for up to an hour.
const snsOldest = time.Hour

// SES reads a notification of SNS about Amazon SES, after it has checked the signature (SignatureVersion 1 or 2) and that it
// is of the given topic. A request to confirm the subscription is confirmed, and has no events.
func SES(ctx context.Context, body []byte, topic string, fetch Fetch, now time.Time) ([]Event, error) {
	var m snsMessage
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrForged, err)
	}
	if topic == "" || m.TopicArn != topic {
		return nil, fmt.Errorf("%w: of another topic", ErrForged)
	}
	at, err := time.Parse(time.RFC3339, m.Timestamp)
	if err != nil || now.Sub(at) > snsOldest || at.Sub(now) > snsOldest {
		return nil, fmt.Errorf("%w: of another time", ErrForged)
	}
	if err := m.verify(ctx, fetch); err != nil {
		return nil, err
	}
	switch m.Type {
	case "SubscriptionConfirmation":
		return nil, m.confirm(ctx, fetch)
	case "Notification":
		report, err := inbound.SES([]byte(m.Message))
		if err != nil {
			return nil, fmt.Errorf("read notification of SES: %w", err)
		}
		if report.Kind == inbound.Unknown { // an open, a click, a test
			return nil, nil
		}
		return []Event{{Key: "ses:" + m.MessageId, Touch: report.Returned.Get(TouchHeader), Report: report, At: at}}, nil
	default:
		return nil, nil
	}
}

func (m *snsMessage) confirm(ctx context.Context, fetch Fetch) error {
	if !ofAmazon(m.SubscribeURL) {
		return fmt.Errorf("%w: confirms elsewhere", ErrForged)
	}
	if _, err := fetch(ctx, m.SubscribeURL); err != nil {
		return fmt.Errorf("confirm subscription to SNS: %w", err)
	}
	return nil
}

func ofAmazon(raw string) bool {
	u, err := url.Parse(raw)
	return err == nil && u.Scheme == "https" && u.User == nil && amazon.MatchString(u.Host)
}

// verify checks the signature: docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html.
func (m *snsMessage) verify(ctx context.Context, fetch Fetch) error {
	if !ofAmazon(m.SigningCertURL) || !strings.HasSuffix(m.SigningCertURL, ".pem") {
		return fmt.Errorf("%w: certificate from elsewhere", ErrForged)
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	raw, err := fetch(ctx, m.SigningCertURL)
	if err != nil {
		return fmt.Errorf("fetch certificate of SNS: %w", err)
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return fmt.Errorf("%w: no certificate", ErrForged)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: certificate without an RSA key", ErrForged)
	}
	text := []byte(m.signed())
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(text) //nolint:gosec // SNS's choice for version 1
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256(text)
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		err = fmt.Errorf("signature of version %q", m.SignatureVersion)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrForged, err)
	}
	return nil
}

// signed is what SNS signs: some fields in the order of their names, each on two lines.
func (m *snsMessage) signed() string {
	fields := []string{"Message", m.Message, "MessageId", m.MessageId}
	if m.Type == "Notification" {
		if m.Subject != "" {
			fields = append(fields, "Subject", m.Subject)
		}
	} else {
		fields = append(fields, "SubscribeURL", m.SubscribeURL)
	}
	fields = append(fields, "Timestamp", m.Timestamp)
	if m.Type != "Notification" {
		fields = append(fields, "Token", m.Token)
	}
	fields = append(fields, "TopicArn", m.TopicArn, "Type", m.Type)
	return strings.Join(fields, "\n") + "\n"
}
