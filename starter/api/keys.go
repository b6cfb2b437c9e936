package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// writeKey finds what may be written with the key of a request: the user name of HTTP Basic, ?writeKey=, or writeKey
// in the body.
func (s *server) writeKey(r *http.Request, inBody func() string) (store.Key, error) {
	text, _, _ := r.BasicAuth()
	if text == "" {
		text = r.URL.Query().Get("writeKey")
	}
	if text == "" && inBody != nil {
		text = inBody()
	}
	if text == "" {
		return store.Key{}, store.ErrUnknownKey
	}
	return s.lookUp(r.Context(), text)
}

func (s *server) lookUp(ctx context.Context, text string) (store.Key, error) {
	key, err := s.keys.get(ctx, text)
	if err != nil {
		return store.Key{}, err
	}
	if !slices.Contains(key.Scopes, store.ScopeWrite) {
		return store.Key{}, &problem{status: http.StatusForbidden, Code: "forbidden", Message: "this key may not send events", Advice: "use a key with the scope write"}
	}
	return key, nil
}

func bodyKey(body []byte) func() string { return func() string { return ingest.WriteKey(body) } }

// How long an answer about a key is believed. A revoked key works for that long; a new one may not.
const (
	keyTTL        = 30 * time.Second
	unknownKeyTTL = 5 * time.Second
	keyCacheSize  = 4096
	longestKey    = 200 // bytes
)

// keyCache remembers keys, known and unknown, so that a request costs one transaction and not two.
type keyCache struct {
	find func(ctx context.Context, text string) (store.Key, error)
	now  func() time.Time

	mu      sync.Mutex
	entries map[[sha256.Size]byte]keyEntry // by hash: strangers' keys may be long, and keys are not to lie around
}

type keyEntry struct {
	key     store.Key
	unknown bool
	until   time.Time
}

func newKeyCache(find func(context.Context, string) (store.Key, error), now func() time.Time) *keyCache {
	return &keyCache{find: find, now: now, entries: map[[sha256.Size]byte]keyEntry{}}
}

func (c *keyCache) get(ctx context.Context, text string) (store.Key, error) {
	if len(text) > longestKey {
		return store.Key{}, store.ErrUnknownKey
	}
	hash := sha256.Sum256([]byte(text))
	c.mu.Lock()
	e, ok := c.entries[hash]
	c.mu.Unlock()
	if !ok || !c.now().Before(e.until) {
		key, err := c.find(ctx, text)
		if err != nil && !errors.Is(err, store.ErrUnknownKey) {
			return store.Key{}, err
		}
		e = keyEntry{key: key, unknown: err != nil, until: c.now().Add(keyTTL)}
		if e.unknown {
			e.until = c.now().Add(unknownKeyTTL)
		}
		c.put(hash, e)
	}
	if e.unknown {
		return store.Key{}, store.ErrUnknownKey
	}
	return e.key, nil
}

// put makes room where it has to: first of what is out of date, then of anything.
func (c *keyCache) put(hash [sha256.Size]byte, e keyEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.entries) >= keyCacheSize {
		now := c.now()
		for h, old := range c.entries {
			if !now.Before(old.until) {
				delete(c.entries, h)
			}
		}
		for h := range c.entries {
			if len(c.entries) < keyCacheSize {
				break
			}
			delete(c.entries, h)
		}
	}
	c.entries[hash] = e
}
