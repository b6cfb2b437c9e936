package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
)

func fixed() time.Time { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }

func TestKeyCacheIsBounded(t *testing.T) {
	t.Parallel()
	now := fixed()
	c := newKeyCache(func(context.Context, string) (store.Key, error) { return store.Key{}, store.ErrUnknownKey }, func() time.Time { return now })
	for i := range 2 * keyCacheSize {
		_, err := c.get(t.Context(), fmt.Sprint(i))
		require.ErrorIs(t, err, store.ErrUnknownKey)
	}
	require.Len(t, c.entries, keyCacheSize)
	now = now.Add(time.Minute)
	_, err := c.get(t.Context(), "another")
	require.Error(t, err)
	require.Len(t, c.entries, 1, "what is out of date goes first")
}

func TestLimiterIsBounded(t *testing.T) {
	t.Parallel()
	now := fixed()
	l := newLimiter(1, 60, func() time.Time { return now })
	addr := netip.MustParseAddr("10.0.0.0")
	for range 2 * limiterSize {
		addr = addr.Next()
		require.Zero(t, l.wait(addr))
	}
	require.LessOrEqual(t, len(l.buckets), limiterSize)
	now = now.Add(time.Minute)
	for len(l.buckets) < limiterSize {
		addr = addr.Next()
		require.Zero(t, l.wait(addr))
	}
	now = now.Add(time.Minute)
	require.Zero(t, l.wait(addr.Next()))
	require.Len(t, l.buckets, 1, "full buckets need not be remembered")
}

// FuzzForm reads whatever bytes as each kind of form.
func FuzzForm(f *testing.F) {
	f.Add([]byte("a=1&a=2&_id=x&consent_text=%D0%96"))
	f.Add([]byte(`{"a":"1","_b":2,"c":[1,{"d":null}]}`))
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"\"\r\n\r\n\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, read := range []func(*submission) error{
			func(s *submission) error { return s.readURLEncoded(body) },
			func(s *submission) error { return s.readMultipart(body, "x") },
			func(s *submission) error { return s.readJSON(body) },
		} {
			s := &submission{fields: map[string]any{}, steering: url.Values{}}
			if read(s) == nil && s.check() == nil {
				_, err := json.Marshal(s.fields)
				require.NoError(t, err)
				require.LessOrEqual(t, len(s.fields), maxFormFields)
			}
		}
	})
}

// FuzzFormToken looks for a token that was not issued and is taken.
func FuzzFormToken(f *testing.F) {
	secret := []byte("a secret of at least sixteen bytes")
	f.Add(formToken(secret, "contact", fixed()))
	f.Fuzz(func(t *testing.T, token string) {
		if at, ok := readFormToken(secret, "contact", token); ok {
			require.Equal(t, formToken(secret, "contact", at), token)
		}
	})
}

// FuzzPixel reads whatever query as a message.
func FuzzPixel(f *testing.F) {
	f.Add("data=eyJhIjoxfQ&b=1")
	f.Add("a=1&a.b=2&c.d.e=3&.=4&..=5")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		body, err := pixelBody(values)
		if err == nil && values.Get("data") == "" {
			require.True(t, json.Valid(body))
		}
	})
}
