package mailbox

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		raw  string
		want Message
	}{
		"Plain": {
			"From: a@b.example\nSubject: =?utf-8?q?=D0=9F?=\n\nhello",
			Message{From: "a@b.example", Subject: "П", Text: "hello", Headers: map[string]string{"From": "a@b.example", "Subject": "П"}},
		},
		"Alternative": {
			"Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGk=\n" +
				"--x\nContent-Type: text/html; charset=windows-1251\n\n\xcf\n--x--\n",
			Message{Text: "hi", HTML: "П", Headers: map[string]string{"Content-Type": "multipart/alternative; boundary=x"}},
		},
		"RepeatedHeader": {
			"received: one\nReceived: two\nreceived: three\n\nx",
			Message{Text: "x", Headers: map[string]string{"received": "one\nthree", "Received": "two"}},
		},
		"UnknownCharset":  {"Content-Type: text/plain; charset=none\n\nx\xff", Message{Text: "x\uFFFD", Headers: map[string]string{"Content-Type": "text/plain; charset=none"}}},
		"UnknownEncoding": {"Content-Transfer-Encoding: rot13\n\nuv", Message{Text: "uv", Headers: map[string]string{"Content-Transfer-Encoding": "rot13"}}},
		"BadContentType":  {"Content-Type: ;;\n\nx", Message{Text: "x", Headers: map[string]string{"Content-Type": ";;"}}},
		"NoHeader":        {"no header here\n\nx", Message{Text: "no header here\n\nx", Headers: map[string]string{}}},
		"Empty":           {"", Message{Headers: map[string]string{}}},
		"BrokenMultipart": {
			"Content-Type: multipart/mixed; boundary=x\n\n--x\nbroken",
			Message{Text: "Content-Type: multipart/mixed; boundary=x\n\n--x\nbroken", Headers: map[string]string{"Content-Type": "multipart/mixed; boundary=x"}},
		},
		"AttachmentIsNotText": {
			"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: attachment; filename=a.txt\nContent-Type: text/plain\n\nno\n--x--\n",
			Message{Headers: map[string]string{"Content-Type": "multipart/mixed; boundary=x"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, parse([]byte(strings.ReplaceAll(tc.raw, "\n", "\r\n"))).withUnixLines())
		})
	}
}

// withUnixLines undoes what a message that is shown whole keeps.
func (m Message) withUnixLines() Message {
	m.Text = strings.ReplaceAll(m.Text, "\r\n", "\n")
	return m
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("From: a@b\r\nSubject: =?utf-8?b?0J8=?=\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nhi\r\n--x--\r\n"))
	f.Add([]byte("Content-Type: multipart/alternative; boundary=\"\"\r\n\r\n--\r\n"))
	f.Add([]byte(":\r\n\xff\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := parse(raw)
		text, err := json.Marshal(m)
		require.NoError(t, err)
		var again Message
		require.NoError(t, json.Unmarshal(text, &again))
		require.Equal(t, m, again, "what is kept is what is shown")
		require.True(t, utf8.ValidString(m.Text+m.HTML+m.Subject+m.From))
	})
}
