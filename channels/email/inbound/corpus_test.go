package inbound_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/inbound"
)

// expectedMail is a line of the expectations that come with the corpus.
type expectedMail struct {
	File      string
	Stable    bool
	NotBounce bool `json:"not_a_bounce"`
	Expected  []struct {
		Recipient, Alias, Status, Reason, Klass, Verdict string
		StatusPseudo                                     bool   `json:"status_pseudo"`
		Code                                             string `json:"smtp_code"`
	}
}

// corpus reads the real mails, or skips the test where they are not at hand.
func corpus(tb testing.TB) (string, []expectedMail) {
	tb.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		dir = "../../../../shared/data"
	}
	dir = filepath.Join(dir, "bounces")
	f, err := os.Open(filepath.Join(dir, "expected-dev.jsonl"))
	if os.IsNotExist(err) {
		tb.Skipf("no corpus of bounces at %s", dir)
	}
	require.NoError(tb, err)
	defer f.Close() //nolint:errcheck // only read
	var list []expectedMail
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e expectedMail
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &e))
		list = append(list, e)
	}
	require.NoError(tb, lines.Err())
	return filepath.Join(dir, "dev"), list
}

// odd are mails whose recipient, as it is expected, stands nowhere in the file: it was lost when names were removed.
var odd = map[string]bool{"lhost-apachejames-01.eml": true, "rfc3464-28.eml": true}

// TestCorpus scores what is read from real mails. A wrong address, a customer who is suppressed without cause and one
// who is not where she must be are faults.
func TestCorpus(t *testing.T) {
	t.Parallel()
	dir, list := corpus(t)
	kinds := map[string]*[2]int{}
	var wrong []string
	count := func(kind string, ok bool, format string, args ...any) {
		if kinds[kind] == nil {
			kinds[kind] = &[2]int{}
		}
		kinds[kind][1]++
		if ok {
			kinds[kind][0]++
		} else {
			wrong = append(wrong, kind+": "+fmt.Sprintf(format, args...))
		}
	}
	for _, e := range list {
		raw, err := os.ReadFile(filepath.Join(dir, e.File))
		require.NoError(t, err)
		r := inbound.Parse(raw)
		if e.NotBounce {
			count("not a bounce", r.Kind == inbound.Reply, "%s is %s", e.File, r.Kind)
			continue
		}
		if !e.Stable {
			continue
		}
		var want, got []string
		for _, x := range e.Expected {
			want = append(want, x.Recipient)
		}
		for _, x := range r.Recipients {
			got = append(got, x.Address)
		}
		if odd[e.File] {
			continue
		}
		slices.Sort(want)
		slices.Sort(got)
		count("recipients", slices.Equal(want, got), "%s: %v, want %v", e.File, got, want)
		for _, x := range e.Expected {
			i := slices.IndexFunc(r.Recipients, func(y inbound.Recipient) bool { return y.Address == x.Recipient })
			if i < 0 {
				count("found", false, "%s: no %s", e.File, x.Recipient)
				continue
			}
			y := r.Recipients[i]
			if !x.StatusPseudo && x.Status != "" {
				count("status", y.Status == x.Status, "%s: %q, want %q: %s", e.File, y.Status, x.Status, y.Diagnostic)
			}
			if x.Code != "" {
				count("code", y.Code == x.Code, "%s: %q, want %q: %s", e.File, y.Code, x.Code, y.Diagnostic)
			}
			var ok bool
			switch x.Verdict {
			case "must_suppress":
				ok = y.Verdict == inbound.VerdictHard
			case "must_not_suppress_on_first":
				ok = y.Verdict == inbound.VerdictSoft || y.Verdict == inbound.VerdictPolicy || y.Verdict == inbound.VerdictUnknown
			case "must_suppress_marketing":
				ok = y.Verdict == inbound.VerdictComplaint
			case "must_unsubscribe":
				ok = y.Verdict == inbound.VerdictOptOut
			case "must_ignore":
				ok = y.Verdict == inbound.VerdictNone || y.Verdict == inbound.VerdictAuto
			default:
				ok = true
			}
			count(x.Verdict, ok, "%s: %s (%s), want %s: %s", e.File, y.Verdict, y.Reason, x.Reason, y.Diagnostic)
		}
	}
	for kind, n := range kinds {
		t.Logf("%-28s %3d of %3d", kind, n[0], n[1])
	}
	require.Empty(t, wrong, strings.Join(wrong, "\n"))
}

// TestBroken reads real mails cut anywhere, with line ends of every kind. What was cut must not make an address bad that
// the whole mail does not: only reading must end, without a panic.
func TestBroken(t *testing.T) {
	t.Parallel()
	dir, list := corpus(t)
	ends := []string{"\n", "\r\n", "\r"}
	for n, e := range list {
		raw, err := os.ReadFile(filepath.Join(dir, e.File))
		require.NoError(t, err)
		unix := strings.ReplaceAll(string(raw), "\r", "")
		whole := inbound.Parse([]byte(unix))
		for i, end := range ends {
			if got := inbound.Parse([]byte(strings.ReplaceAll(unix, "\n", end))); i > 0 {
				require.Equal(t, whole.Kind, got.Kind, "%s with %q", e.File, end)
				require.Equal(t, whole.Recipients, got.Recipients, "%s with %q", e.File, end)
			}
		}
		for i := range 4 { // other places in other mails
			cut := (i*len(raw) + n*len(raw)/len(list)) / 4
			inbound.Parse(raw[:min(cut, len(raw))])
		}
	}
}

// FuzzParse looks for mails that cannot be read without a panic.
func FuzzParse(f *testing.F) {
	f.Add([]byte("From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<a@b.example>:\n550 5.1.1 no such user\n--- Below this line is a copy of the message.\n\nReceived: x\nTo: a@b.example\n"))
	f.Add([]byte("Content-Type: multipart/report; report-type=delivery-status; boundary=x\n\n--x\n\nhi\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns;a\n\nFinal-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.1.1\n--x--\n"))
	f.Add([]byte("Content-Type: text/plain; charset=iso-2022-jp\nContent-Transfer-Encoding: base64\n\nGyRC\n"))
	f.Add([]byte("Content-Type: multipart/mixed; boundary=\n\n--\n--\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := inbound.Parse(raw)
		require.NotEmpty(t, r.Kind)
		require.LessOrEqual(t, len(r.Recipients), 1000)
	})
}
