package links

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of this package.
var (
	// ErrBadToken is returned for whatever was not signed by us: mistyped, cut, forged or of another purpose.
	ErrBadToken = errors.New("not a valid token")
	// ErrBadSecret is returned for secrets too short to be secret.
	ErrBadSecret = errors.New("secret of fewer than 16 bytes")
	// ErrBadTouch is returned for touches that a token cannot name.
	ErrBadTouch = errors.New("touch id is empty or longer than 64 bytes")
)

const (
	version     = 1
	minSecret   = 16
	macLength   = 16 // of HMAC-SHA256's 32 bytes: 128 bits, half as long a link
	maxTouchID  = 64
	unsubscribe = 'u' // the purpose; a token for one purpose is no good for another
)

// Unsubscription is what an unsubscribe link stands for.
type Unsubscription struct {
	Workspace int64
	TouchID   string // the message that carried the link
}

// Signer makes and checks tokens. It is immutable and safe for concurrent use.
type Signer struct{ secrets [][]byte }

// NewSigner signs with secret and accepts what was signed with any of the older ones too, so that secrets can be changed
// while links made before still work: people unsubscribe from mails that are months old.
func NewSigner(secret []byte, older ...[]byte) (*Signer, error) {
	s := &Signer{}
	for _, k := range append([][]byte{secret}, older...) {
		if len(k) < minSecret {
			return nil, ErrBadSecret
		}
		s.secrets = append(s.secrets, bytes.Clone(k))
	}
	return s, nil
}

// Unsubscribe makes the token of a message's unsubscribe link: letters, digits, - and _, below 130 characters, always
// the same for the same message.
func (s *Signer) Unsubscribe(workspace int64, touchID string) (string, error) {
	if touchID == "" || len(touchID) > maxTouchID {
		return "", ErrBadTouch
	}
	payload := []byte{version, unsubscribe}
	payload = binary.AppendVarint(payload, workspace)
	payload = append(payload, touchID...)
	return base64.RawURLEncoding.EncodeToString(append(payload, mac(s.secrets[0], payload)...)), nil
}

// Workspace says which workspace a token claims to be of, so that its secret can be looked up. The claim is worth
// nothing before Verify. What is no token at all is ErrBadToken.
func Workspace(token string) (int64, error) {
	payload, _, err := decode(token)
	if err != nil {
		return 0, err
	}
	claim, err := parse(payload)
	return claim.Workspace, err
}

// Verify reads a token that Unsubscribe made. Any other is ErrBadToken.
func (s *Signer) Verify(token string) (Unsubscription, error) {
	payload, sum, err := decode(token)
	if err != nil {
		return Unsubscription{}, err
	}
	genuine := false
	for _, secret := range s.secrets {
		if hmac.Equal(mac(secret, payload), sum) {
			genuine = true
		}
	}
	if !genuine {
		return Unsubscription{}, ErrBadToken
	}
	return parse(payload)
}

func decode(token string) (payload, sum []byte, err error) {
	// Strict, so that there is one token for a message and not several that differ in unused bits.
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= macLength || bytes.ContainsAny([]byte(token), "\r\n") {
		return nil, nil, ErrBadToken
	}
	return raw[:len(raw)-macLength], raw[len(raw)-macLength:], nil
}

func parse(payload []byte) (Unsubscription, error) {
	if len(payload) < 2 || payload[0] != version || payload[1] != unsubscribe {
		return Unsubscription{}, fmt.Errorf("%w: of another version or purpose", ErrBadToken)
	}
	workspace, n := binary.Varint(payload[2:])
	if n <= 0 || len(payload) == 2+n {
		return Unsubscription{}, ErrBadToken
	}
	return Unsubscription{Workspace: workspace, TouchID: string(payload[2+n:])}, nil
}

func mac(secret, payload []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write([]byte("dotyk link\x00")) // the same secret may sign other things elsewhere
	h.Write(payload)
	return h.Sum(nil)[:macLength]
}
