package links_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/channels/links"
)

const touch = "01890000-0000-7000-8000-000000000001"

func signer(t require.TestingT, secrets ...string) *links.Signer {
	older := make([][]byte, 0, len(secrets))
	for _, s := range secrets[1:] {
		older = append(older, []byte(s))
	}
	s, err := links.NewSigner([]byte(secrets[0]), older...)
	require.NoError(t, err)
	return s
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	token, err := s.Unsubscribe(7, touch)
	require.NoError(t, err)
	require.Regexp(t, `^[\w-]{40,130}$`, token)
	again, err := s.Unsubscribe(7, touch)
	require.NoError(t, err)
	require.Equal(t, token, again)
	got, err := s.Verify(token)
	require.NoError(t, err)
	require.Equal(t, links.Unsubscription{Workspace: 7, TouchID: touch}, got)
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	token, err := s.Unsubscribe(7, touch)
	require.NoError(t, err)
	foreign, err := signer(t, "another secret, as long").Unsubscribe(7, touch)
	require.NoError(t, err)
	for name, bad := range map[string]string{
		"nothing":         "",
		"foreign":         foreign,
		"cut":             token[:len(token)-2],
		"lengthened":      token + "AA",
		"not base64":      token[:10] + "*" + token[11:],
		"line break":      token[:10] + "\n" + token[10:],
		"padding":         token + "=",
		"only a checksum": base64.RawURLEncoding.EncodeToString(make([]byte, 16)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Verify(bad)
			require.ErrorIs(t, err, links.ErrBadToken)
		})
	}
	t.Run("any changed bit", func(t *testing.T) {
		t.Parallel()
		raw, err := base64.RawURLEncoding.DecodeString(token)
		require.NoError(t, err)
		for bit := range len(raw) * 8 {
			changed := append([]byte(nil), raw...)
			changed[bit/8] ^= 1 << (bit % 8)
			_, err := s.Verify(base64.RawURLEncoding.EncodeToString(changed))
			require.ErrorIs(t, err, links.ErrBadToken)
		}
	})
}

func TestNewSigner(t *testing.T) {
	t.Parallel()
	_, err := links.NewSigner([]byte("short"))
	require.ErrorIs(t, err, links.ErrBadSecret)
	_, err = links.NewSigner([]byte("long enough, surely"), nil)
	require.ErrorIs(t, err, links.ErrBadSecret)

	old := signer(t, "the secret of last year")
	token, err := old.Unsubscribe(7, touch)
	require.NoError(t, err)
	got, err := signer(t, "the secret of this year", "the secret of last year").Verify(token)
	require.NoError(t, err)
	require.Equal(t, touch, got.TouchID)

	for _, bad := range []string{"", strings.Repeat("x", 65)} {
		_, err = old.Unsubscribe(7, bad)
		require.ErrorIs(t, err, links.ErrBadTouch)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	rapid.Check(t, func(t *rapid.T) {
		want := links.Unsubscription{
			Workspace: rapid.Int64().Draw(t, "workspace"), TouchID: rapid.StringN(1, 16, 64).Draw(t, "touch"),
		}
		token, err := s.Unsubscribe(want.Workspace, want.TouchID)
		require.NoError(t, err)
		got, err := s.Verify(token)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzVerify(f *testing.F) {
	s := signer(f, "a secret of some length")
	token, err := s.Unsubscribe(7, touch)
	require.NoError(f, err)
	f.Add(token)
	f.Add("")
	f.Add("AXUO")
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := s.Verify(raw)
		if err != nil {
			require.ErrorIs(t, err, links.ErrBadToken)
			return
		}
		again, err := s.Unsubscribe(got.Workspace, got.TouchID)
		require.NoError(t, err)
		require.Equal(t, raw, again, "whatever is accepted was made by us")
	})
}
