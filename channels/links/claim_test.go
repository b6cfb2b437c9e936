package links_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/channels/links"
)

const target = "https://shop.example/sale?a=1&b=%D1%96#top"

// claimed are the tokens of every purpose for one message.
func claimed(t require.TestingT, s *links.Signer, workspace int64, id, target string) map[links.Purpose]string {
	made := map[links.Purpose]string{}
	for purpose, sign := range map[links.Purpose]func() (string, error){
		links.Click:           func() (string, error) { return s.Click(workspace, id, target) },
		links.Open:            func() (string, error) { return s.Open(workspace, id) },
		links.Honeypot:        func() (string, error) { return s.Honeypot(workspace, id) },
		links.Preferences:     func() (string, error) { return s.Preferences(workspace, id) },
		links.Confirm:         func() (string, error) { return s.Confirm(workspace, id) },
		links.Bounce:          func() (string, error) { return s.Bounce(workspace, id) },
		links.UnsubscribeMail: func() (string, error) { return s.UnsubscribeMail(workspace, id) },
	} {
		token, err := sign()
		require.NoError(t, err)
		made[purpose] = token
	}
	return made
}

func TestClaims(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	tokens := claimed(t, s, 7, touch, target)
	for purpose, token := range tokens {
		want := links.Claim{Workspace: 7, ID: touch}
		if purpose == links.Click {
			want.Target = target
		}
		got, err := s.Read(purpose, token)
		require.NoError(t, err)
		require.Equal(t, want, got)
		workspace, err := links.WorkspaceOf(purpose, token)
		require.NoError(t, err)
		require.EqualValues(t, 7, workspace)
		for other := range tokens {
			if other != purpose {
				_, err := s.Read(other, token)
				require.ErrorIs(t, err, links.ErrBadToken, "%c read as %c", purpose, other)
			}
		}
		_, err = s.Read(links.Unsubscribe, token)
		require.ErrorIs(t, err, links.ErrBadToken)
		_, err = s.Verify(token)
		require.ErrorIs(t, err, links.ErrBadToken)
		_, err = signer(t, "another secret, as long").Read(purpose, token)
		require.ErrorIs(t, err, links.ErrBadToken)
		_, err = signer(t, "a secret of this year", "a secret of some length").Read(purpose, token)
		require.NoError(t, err)
	}
	require.Len(t, tokens[links.Open], 46)
	require.Equal(t, "https://go.example/t/c/"+tokens[links.Click], links.URL("https://go.example/", links.Click, tokens[links.Click]))
	require.Equal(t, "https://go.example/t/o/x.gif", links.URL("https://go.example", links.Open, "x"))
	require.Equal(t, "https://go.example/u/p/x", links.URL("https://go.example", links.Preferences, "x"))
	require.Equal(t, "https://go.example/u/c/x", links.URL("https://go.example", links.Confirm, "x"))
	require.Equal(t, "https://go.example/u/x", links.URL("https://go.example", links.Unsubscribe, "x"))
}

func TestClaimsRefuse(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	for purpose, token := range claimed(t, s, 7, touch, target) {
		for i := range len(token) {
			for _, bad := range []string{token[:i], token[i+1:], token[:i] + "!" + token[i+1:], token[:i] + "\n" + token[i:]} {
				_, err := s.Read(purpose, bad)
				require.ErrorIs(t, err, links.ErrBadToken, "%c %q", purpose, bad)
			}
			for _, c := range "aAzZ079_-" {
				bad := token[:i] + string(c) + token[i+1:]
				mail := purpose == links.Bounce || purpose == links.UnsubscribeMail
				if bad == token || mail && strings.EqualFold(bad, token) {
					continue
				}
				_, err := s.Read(purpose, bad)
				require.ErrorIs(t, err, links.ErrBadToken, "%c %q", purpose, bad)
			}
		}
	}
}

func TestMailTokens(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	for _, workspace := range []int64{1, 1 << 20, 1<<55 - 1} {
		token, err := s.Bounce(workspace, touch)
		require.NoError(t, err)
		require.Regexp(t, `^[a-z2-7]{40,60}$`, token)
		got, err := s.Read(links.Bounce, strings.ToUpper(token))
		require.NoError(t, err)
		require.Equal(t, links.Claim{Workspace: workspace, ID: touch}, got)
	}
	_, err := s.Bounce(1<<55, touch)
	require.ErrorIs(t, err, links.ErrBadWorkspace)
}

func TestSigningRefuses(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	for _, id := range []string{"", "hello", strings.ToUpper("0189000a-0000-7000-8000-000000000001"), touch + "0", strings.Replace(touch, "-", "0", 1)} {
		_, err := s.Open(7, id)
		require.ErrorIs(t, err, links.ErrBadID, id)
	}
	for _, workspace := range []int64{0, -1, math.MinInt64} {
		_, err := s.Open(workspace, touch)
		require.ErrorIs(t, err, links.ErrBadWorkspace)
	}
	for _, bad := range []string{
		"", "/sale", "//shop.example/", "javascript:alert(1)", "mailto:a@b.example", "https:///sale", "https://:443/",
		"https://shop.example/\r\nSet-Cookie: a=b", "https://shop.example\\@evil.example/", "https://shop.example/a b",
		" https://shop.example/", "https://[::1/", "https://shop.example/" + strings.Repeat("a", links.MaxTarget),
	} {
		_, err := s.Click(7, touch, bad)
		require.ErrorIs(t, err, links.ErrBadTarget, bad)
	}
}

func TestClaimsRoundTrip(t *testing.T) {
	t.Parallel()
	s := signer(t, "a secret of some length")
	rapid.Check(t, func(t *rapid.T) {
		want := links.Claim{
			Workspace: rapid.Int64Range(1, math.MaxInt64).Draw(t, "workspace"),
			ID:        rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`).Draw(t, "id"),
			Target:    "https://shop.example/" + rapid.StringMatching(`[^\x00-\x20\x7f\\%]{0,50}`).Draw(t, "path"),
		}
		token, err := s.Click(want.Workspace, want.ID, want.Target)
		require.NoError(t, err)
		got, err := s.Read(links.Click, token)
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func FuzzRead(f *testing.F) {
	s := signer(f, "a secret of some length")
	for purpose, token := range claimed(f, s, 7, touch, target) {
		f.Add(byte(purpose), token)
	}
	f.Add(byte('c'), "IQ")
	f.Fuzz(func(t *testing.T, purpose byte, raw string) {
		_, _ = links.WorkspaceOf(links.Purpose(purpose), raw)
		got, err := s.Read(links.Purpose(purpose), raw)
		if err != nil {
			require.ErrorIs(t, err, links.ErrBadToken)
			return
		}
		if got.Target == "" {
			got.Target = target
		}
		again := claimed(t, s, got.Workspace, got.ID, got.Target)[links.Purpose(purpose)]
		require.True(t, raw == again || strings.EqualFold(raw, again) && len(raw) <= links.MaxMailToken, "whatever is accepted was made by us")
	})
}

func BenchmarkClick(b *testing.B) {
	s := signer(b, "a secret of some length")
	for b.Loop() {
		if _, err := s.Click(7, touch, "https://shop.example/products/summer-sale?utm_source=dotyk&utm_campaign=june"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := signer(b, "a secret of some length")
	token, err := s.Click(7, touch, "https://shop.example/products/summer-sale?utm_source=dotyk&utm_campaign=june")
	require.NoError(b, err)
	for b.Loop() {
		if _, err := s.Read(links.Click, token); err != nil {
			b.Fatal(err)
		}
	}
}
