package e2e

import (
	"context"
	"io/fs"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/analytics-go/v3"
	"github.com/stretchr/testify/require"

	"dotyk/channels/email/smtptest"
)

// testGoClient registers somebody with Segment's own client, of which only the endpoint is set.
func testGoClient(t *testing.T, s *shop) {
	ann := newPerson("go")
	begun := time.Now()
	client, err := analytics.NewWithConfig(s.key, analytics.Config{Endpoint: s.url})
	require.NoError(t, err)
	require.NoError(t, client.Enqueue(analytics.Identify{
		UserId: ann.id, Traits: analytics.NewTraits().SetEmail(ann.email).SetPhone(ann.phone).SetName("Ann Lee"),
	}))
	require.NoError(t, client.Enqueue(analytics.Track{UserId: ann.id, Event: "registered"}))
	require.NoError(t, client.Close())
	posted := time.Now()
	s.welcomed(t, ann)
	t.Logf("posting took %s; both messages were there %s later", posted.Sub(begun), time.Since(posted))
}

//nolint:gochecknoglobals // a constant in all but name
var offline = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH`)

// testNodeClient does the same with the client for Node.
func testNodeClient(t *testing.T, s *shop) {
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Skip("npm is not installed")
	}
	dir := t.TempDir()
	sources := os.DirFS("node")
	for _, name := range []string{"package.json", "package-lock.json", "register.mjs"} {
		raw, err := fs.ReadFile(sources, name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	if out, err := command(t.Context(), dir, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"); err != nil {
		if offline.MatchString(out) {
			t.Skip("npm reaches no registry")
		}
		require.NoError(t, err, out)
	}
	bob := newPerson("node")
	out, err := command(t.Context(), dir, "node", "register.mjs", s.url, s.key, bob.id, bob.email, bob.phone)
	require.NoError(t, err, out)
	s.welcomed(t, bob)
}

func command(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// welcomed wants somebody called Ann Lee to be welcomed by mail and text, with the reasons on the record.
func (s *shop) welcomed(t *testing.T, who person) {
	t.Helper()
	m := awaitMail(t, s.mail, who.email, 1)
	text := s.awaitText(t, who.phone, 1)
	require.Equal(t, "Welcome, Ann!", m.Subject())
	require.Contains(t, m.Text, "Welcome, Ann!")
	require.Contains(t, m.HTML, "<h1")
	require.Equal(t, "Hi Ann, welcome! Reply STOP to end messages.", text.Body)
	from, err := mail.ParseAddress(m.Header.Get("From"))
	require.NoError(t, err)
	require.Equal(t, mail.Address{Name: "Shop", Address: "hello@shop.example"}, *from)
	require.Regexp(t, `^<[0-9a-f-]{36}@shop\.example>$`, m.Header.Get("Message-Id"))
	require.Equal(t, "List-Unsubscribe=One-Click", m.Header.Get("List-Unsubscribe-Post"))
	link := unsubscribeLink(t, &m)
	require.True(t, strings.HasPrefix(link, s.url+"/u/"), link)
	require.Contains(t, m.Text, link)
	require.Contains(t, m.HTML, link)

	s.awaitTouch(t, who.id, "hello", "accepted")
	s.awaitTouch(t, who.id, "hello_sms", "delivered")
	require.Regexp(t, `(?s)^Ann Lee  \(client, since .*`+
		`  journey     welcome v1: active, at wait_3 until .*`+
		`\n\S+ \S+  event     registered.*`+
		`\n\S+ \S+  decision  trigger: entered  \[welcome v1\]\n +because: registered happened`+
		`\n\S+ \S+  email     accepted  Welcome, Ann!  \[welcome v1 hello\]\n +to: `+who.email+
		`\n +because: entered when registered happened\n.*history: planned \S+ > claimed \S+ > accepted \S+`+
		`\n\S+ \S+  sms       delivered  Hi Ann, .*  \[welcome v1 hello_sms\]\n +to: \`+who.phone+
		`\n +because: entered when registered happened\n`, s.succeed(t, "customer", "show", who.id))
}

func unsubscribeLink(t *testing.T, m *smtptest.Message) string {
	t.Helper()
	found := regexp.MustCompile(`^<(\S+)>$`).FindStringSubmatch(m.Header.Get("List-Unsubscribe"))
	require.NotNil(t, found, m.Header.Get("List-Unsubscribe"))
	return found[1]
}
