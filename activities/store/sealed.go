package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrNoSecretKey says that a secret cannot be kept or read, because the program has no key for it.
var ErrNoSecretKey = errors.New("no secret key is set")

// ErrSealed says that a secret cannot be read with the keys that the program has.
var ErrSealed = errors.New("the secret was kept with another key")

const (
	secretKeySize = 32
	keyNameSize   = 4
	sealedVersion = 1
)

// SecretKeys keep secrets of other systems in the database: AES-256-GCM. The first seals, all open, so that a key can be
// replaced. The zero value has none, and refuses both.
type SecretKeys struct{ keys []secretKey }

type secretKey struct {
	name []byte // the first bytes of SHA-256 of the key
	aead cipher.AEAD
}

// NewSecretKey makes a random key, as ParseSecretKeys reads it.
func NewSecretKey() (string, error) {
	key := make([]byte, secretKeySize)
	if _, err := rand.Read(key); err != nil {
		return "", fmt.Errorf("make secret key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(key), nil
}

// ParseSecretKeys reads keys of 32 bytes in base64 with commas between them. No text is no keys. The error does not repeat
// them.
func ParseSecretKeys(text string) (SecretKeys, error) {
	var s SecretKeys
	if strings.TrimSpace(text) == "" {
		return s, nil
	}
	for i, part := range strings.Split(text, ",") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(part))
		if err != nil || len(key) != secretKeySize {
			return SecretKeys{}, fmt.Errorf(
				"secret key %d: %w: give 32 random bytes in base64, as of: openssl rand -base64 32", i+1, ErrInvalid)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return SecretKeys{}, fmt.Errorf("use secret key %d: %w", i+1, err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return SecretKeys{}, fmt.Errorf("use secret key %d: %w", i+1, err)
		}
		sum := sha256.Sum256(key)
		s.keys = append(s.keys, secretKey{name: sum[:keyNameSize], aead: aead})
	}
	return s, nil
}

// seal encrypts a secret for one place. The text is version, name of the key, nonce, and what GCM makes of it.
func (s SecretKeys) seal(secret, place string) ([]byte, error) {
	if len(s.keys) == 0 {
		return nil, fmt.Errorf("%w: set DOTYK_SECRET_KEY to 32 random bytes in base64, as of openssl rand -base64 32, "+
			"for every program that works on this database", ErrNoSecretKey)
	}
	key := s.keys[0]
	nonce := make([]byte, key.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, fmt.Errorf("seal secret: %w", err)
	}
	sealed := append([]byte{sealedVersion}, key.name...)
	sealed = append(sealed, nonce...)
	return key.aead.Seal(sealed, nonce, []byte(secret), []byte(place)), nil
}

// open decrypts what was sealed for the place.
func (s SecretKeys) open(sealed []byte, place string) (string, error) {
	if len(s.keys) == 0 {
		return "", fmt.Errorf("%w: set DOTYK_SECRET_KEY to the key with which the secret was kept", ErrNoSecretKey)
	}
	if len(sealed) < 1+keyNameSize || sealed[0] != sealedVersion {
		return "", fmt.Errorf("open secret: %w: it is not of a form that this version knows", ErrSealed)
	}
	name, rest := sealed[1:1+keyNameSize], sealed[1+keyNameSize:]
	for _, key := range s.keys {
		if !bytes.Equal(key.name, name) || len(rest) < key.aead.NonceSize() {
			continue
		}
		nonce, text := rest[:key.aead.NonceSize()], rest[key.aead.NonceSize():]
		secret, err := key.aead.Open(nil, nonce, text, []byte(place))
		if err != nil {
			return "", fmt.Errorf("open secret: %w: it was changed, or belongs elsewhere", ErrSealed)
		}
		return string(secret), nil
	}
	return "", fmt.Errorf("open secret: %w: add the key to DOTYK_SECRET_KEY, with a comma between, or save the secret again", ErrSealed)
}

// sealedPlace binds a secret to its column and row.
func sealedPlace(workspace int64, id, column string) string {
	return "accounts/" + strconv.FormatInt(workspace, 10) + "/" + id + "/" + column
}
