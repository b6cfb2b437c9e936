package links

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"sync"
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
	unsubscribe = 'u'
)

// Unsubscription is what an unsubscribe link stands for.
type Unsubscription struct {
	Workspace int64
	TouchID   string // the message that carried the link
}

// Signer makes and checks tokens. It is immutable and safe for concurrent use.
type Signer struct{ secrets []*secret }

// secret keeps the states of its checksum: making one anew costs more than the checksum.
type secret struct{ states sync.Pool }

func newSecret(key []byte) *secret {
	key = bytes.Clone(key)
	return &secret{sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// NewSigner signs with secret and accepts what was signed with any of the older ones too, so that secrets can be changed
// while links made before still work: people unsubscribe from mails that are months old.
func NewSigner(secret []byte, older ...[]byte) (*Signer, error) {
	s := &Signer{}
	for _, k := range append([][]byte{secret}, older...) {
		if len(k) < minSecret {
			return nil, ErrBadSecret
		}
		s.secrets = append(s.secrets, newSecret(k))
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
	return base64.RawURLEncoding.EncodeToString(s.seal(payload, macLength)), nil
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
	if !s.genuine(payload, sum) {
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

// seal appends the first length bytes of the payload's checksum to it.
func (s *Signer) seal(payload []byte, length int) []byte {
	sum := s.secrets[0].sum(payload)
	return append(payload, sum[:length]...)
}

// genuine says whether sum is the beginning of the payload's checksum by any of the secrets.
func (s *Signer) genuine(payload, sum []byte) bool {
	found := false
	for _, secret := range s.secrets {
		want := secret.sum(payload)
		if hmac.Equal(want[:len(sum)], sum) {
			found = true
		}
	}
	return found
}

var domain = []byte("dotyk link\x00") // the same secret may sign other things elsewhere

func (s *secret) sum(payload []byte) (sum [sha256.Size]byte) {
	h := s.states.Get().(hash.Hash) //nolint:errcheck // nothing else is in there
	h.Reset()
	h.Write(domain)
	h.Write(payload)
	h.Sum(sum[:0])
	s.states.Put(h)
	return sum
}
