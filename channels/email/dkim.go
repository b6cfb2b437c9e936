package email

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/dkim"
)

// minRSA is the shortest key that verifiers accept (RFC 8301 section 3.2), in bits.
const minRSA = 1024

// errSign is the cause of messages that were not sent because they could not be signed.
var errSign = errors.New("sign message (DKIM)")

// DKIMKey signs every message in the name of a domain (RFC 6376).
type DKIMKey struct {
	Domain   string        // d=, as shop.example: the domain of the From address, or one above it, for DMARC
	Selector string        // s=: the public key stands in the TXT record of <selector>._domainkey.<domain>
	Key      crypto.Signer // RSA of at least 1024 bits, or Ed25519 (RFC 8463)
}

// ParseDKIMKey reads a private key: RSA of at least 1024 bits or Ed25519, as PEM of PKCS #8, or of PKCS #1 for RSA. Its
// errors wrap ErrConfig and never repeat what they read.
func ParseDKIMKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%w: DKIM key: no PEM block; want -----BEGIN PRIVATE KEY-----", ErrConfig)
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("%w: DKIM key: PEM block %q; want PRIVATE KEY or RSA PRIVATE KEY, not encrypted", ErrConfig,
			block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: DKIM key: %w", ErrConfig, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%w: DKIM key of type %T; want RSA or Ed25519", ErrConfig, key)
	}
	return signer, checkKey(signer)
}

func checkKey(key crypto.Signer) error {
	if key == nil {
		return fmt.Errorf("%w: DKIM: no key", ErrConfig)
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if public.N.BitLen() < minRSA {
			return fmt.Errorf("%w: DKIM key: RSA of %d bits, want at least %d, and better 2048", ErrConfig, public.N.BitLen(), minRSA)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	default:
		return fmt.Errorf("%w: DKIM key of type %T; want RSA or Ed25519", ErrConfig, public)
	}
}

func (k *DKIMKey) check() error {
	for _, name := range [...]struct{ what, value string }{{"domain", k.Domain}, {"selector", k.Selector}} {
		if !dotAtom(name.value) || strings.ContainsAny(name.value, "!#$%&'*+/=?^`{|}~") || !isASCII(name.value) {
			return fmt.Errorf("%w: DKIM %s %q; want a name of DNS", ErrConfig, name.what, name.value)
		}
	}
	return checkKey(k.Key)
}

// signedFields are signed where the message has them. From stands twice, so that one added on the way breaks the signature
// (RFC 6376 section 8.15). RFC 8058 section 4 demands both fields of List-Unsubscribe.
var signedFields = []string{
	"From", "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type",
	"Reply-To", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-ID",
}

// absent says whether the message goes without one of signedFields. Relays add some of those themselves.
func (l *letter) absent(field string) bool {
	switch field {
	case "Reply-To":
		return l.replyTo == ""
	case "List-Unsubscribe":
		return l.unsubscribe == ""
	case "List-Unsubscribe-Post":
		return l.UnsubscribeURL == ""
	case "Feedback-ID":
		return l.FeedbackID == ""
	default:
		return false
	}
}

// sign makes the DKIM-Signature field of l, whose bytes are message, before its dots are stuffed.
func (k *DKIMKey) sign(l *letter, message []byte) (string, error) {
	s, err := dkim.NewSigner(&dkim.SignOptions{
		Domain: k.Domain, Selector: k.Selector, Signer: k.Key,
		HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed,
		HeaderKeys: slices.DeleteFunc(slices.Clone(signedFields), l.absent),
	})
	if err != nil {
		return "", fmt.Errorf("%w for %s: %w", errSign, k.Domain, err)
	}
	_, err = s.Write(message)
	if closed := s.Close(); closed != nil || err != nil {
		return "", fmt.Errorf("%w for %s: %w", errSign, k.Domain, errors.Join(err, closed))
	}
	return s.Signature(), nil
}
