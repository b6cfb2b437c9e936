package email

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message/mail"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/channels"
)

// readable is what a reader of text sees: line ends of one kind.
func readable(text string) string {
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
}

// wireOf is m as the wire has it, or the reason why it cannot go there.
func wireOf(m *channels.EmailMessage, eightBit bool) (message, wire []byte, err error) {
	l, err := open(m)
	if err != nil {
		return nil, nil, err
	}
	message = l.appendMessage(nil, eightBit, time.Unix(1_800_000_000, 0))
	return message, appendStuffed(nil, message), nil
}

// requireRoundTrip reads the wire with another library and compares what comes out with what went in.
func requireRoundTrip(t require.TestingT, m *channels.EmailMessage, eightBit bool) {
	message, wire, err := wireOf(m, eightBit)
	if strings.ContainsAny(m.Subject+m.FromName+m.ToName+m.FeedbackID, "\r\n\x00") || m.Text == "" {
		require.Error(t, err)
		return
	}
	require.NoError(t, err)
	requireWire(t, message, wire, eightBit)

	r, err := mail.CreateReader(bytes.NewReader(message))
	require.NoError(t, err)
	requireHeader(t, r.Header, m)
	parts := []struct{ mediaType, text string }{{"text/plain", m.Text}, {"text/html", m.HTML}}
	if m.HTML == "" {
		parts = parts[:1]
	}
	for _, want := range parts {
		p, err := r.NextPart()
		require.NoError(t, err)
		require.Contains(t, p.Header.Get("Content-Type"), want.mediaType)
		b, err := io.ReadAll(p.Body)
		require.NoError(t, err)
		got, expected := readable(string(b)), readable(want.text)
		if m.HTML == "" {
			got, expected = strings.TrimSuffix(got, "\n"), strings.TrimSuffix(expected, "\n")
		}
		require.Equal(t, expected, got)
	}
	_, err = r.NextPart()
	require.ErrorIs(t, err, io.EOF)
}

// requireWire checks the rules of SMTP: whole lines of bounded length, no bare CR or LF, no final dot but the client's.
func requireWire(t require.TestingT, message, wire []byte, eightBit bool) {
	require.True(t, bytes.HasSuffix(wire, []byte("\r\n")))
	require.NotContains(t, "\r\n"+string(wire), "\r\n.\r\n")
	for line := range strings.SplitSeq(strings.TrimSuffix(string(message), "\r\n"), "\r\n") {
		require.LessOrEqual(t, len(line), maxLine)
		require.False(t, strings.ContainsAny(line, "\r\n\x00"), "%q", line)
		require.True(t, eightBit || isASCII(line))
	}
	back, err := io.ReadAll(textproto.NewReader(bufio.NewReader(
		io.MultiReader(bytes.NewReader(wire), strings.NewReader(".\r\n")))).DotReader())
	require.NoError(t, err)
	require.Equal(t, strings.ReplaceAll(string(message), "\r\n", "\n"), string(back))
}

func requireHeader(t require.TestingT, h mail.Header, m *channels.EmailMessage) {
	want := map[string]int{
		"From": 1, "To": 1, "Subject": 1, "Date": 1, "Message-Id": 1, "Mime-Version": 1, "Content-Type": 1,
	}
	if m.FeedbackID != "" {
		want["Feedback-Id"] = 1
	}
	if m.HTML == "" {
		want["Content-Transfer-Encoding"] = 1
	}
	got := map[string]int{}
	for f := h.Fields(); f.Next(); {
		got[f.Key()]++
	}
	require.Equal(t, want, got, "the fields we set, and no others")
	subject, err := h.Subject()
	require.NoError(t, err)
	require.Equal(t, strings.ToValidUTF8(m.Subject, "\uFFFD"), subject)
	for field, owner := range map[string][2]string{"From": {m.FromName, m.From}, "To": {m.ToName, m.To}} {
		list, err := h.AddressList(field)
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, strings.ToValidUTF8(owner[0], "\uFFFD"), list[0].Name)
		require.Equal(t, owner[1], list[0].Address)
	}
}

func plainMessage() *channels.EmailMessage {
	return &channels.EmailMessage{
		From: "shop@example.com", To: "olena@example.net", MessageID: "7@example.com", Subject: "Hello", Text: "Hello\n",
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	words := rapid.StringOfN(rapid.RuneFrom([]rune("ab  .:<>@,;\"\\\t=?_ї'é\u2028🎉\x7f\x01(")), 0, 200, -1)
	spaced := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{"word", "", "a", "longer-than-most-words-are", "=?x?="}), 0, 60),
		func(s []string) string { return strings.Join(s, " ") })
	lines := rapid.Map(rapid.SliceOfN(rapid.SampledFrom([]string{
		"\n", "\r\n", "\r", "\n.", ".", "..", "=", "--", " ", "\t", "x", "Привіт", "🎉", "\x00", "From here", strings.Repeat("y", 990),
	}), 1, 40), func(s []string) string { return strings.Join(s, "") })
	rapid.Check(t, func(t *rapid.T) {
		m := plainMessage()
		m.Subject = rapid.OneOf(words, spaced, rapid.String()).Draw(t, "subject")
		m.FromName = rapid.OneOf(words, spaced).Draw(t, "from")
		m.ToName = rapid.OneOf(words, rapid.String()).Draw(t, "to")
		m.FeedbackID = rapid.OneOf(words, rapid.Just("")).Draw(t, "feedback")
		m.Text = lines.Draw(t, "text")
		m.HTML = rapid.OneOf(lines, rapid.String(), rapid.Just("")).Draw(t, "html")
		requireRoundTrip(t, m, rapid.Bool().Draw(t, "8bit"))
	})
}

func FuzzRoundTrip(f *testing.F) {
	f.Add("Вітаємо", "Olena \"K\", <x@y>", "Hi\n.\n..\r\n.\rbye", "<p>\x00</p>", "a:b:c:d", true)
	f.Add(strings.Repeat("word ", 200), "=?utf-8?Q?x?=", "\r", "", "", false)
	f.Add("a\r\nBcc: all@example.com", "b\nX: y", strings.Repeat("z", 3000), "\n\n", "x\x00", true)
	f.Fuzz(func(t *testing.T, subject, name, text, html, feedback string, eightBit bool) {
		m := plainMessage()
		m.Subject, m.FromName, m.ToName, m.Text, m.HTML, m.FeedbackID = subject, name, name, text, html, feedback
		requireRoundTrip(t, m, eightBit)
	})
}

// Whatever stands in the address fields, nothing but an address gets onto the wire.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"a@b", `"a b"@c.example`, "олена@пошта.укр", "a@[127.0.0.1]", "a@b>\r\nRCPT TO:<c@d", `"a\"b"@c`, "a b@c", "a@b SIZE=1", `"o ї"@c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		wire, err := address("To", s)
		if err != nil {
			return
		}
		require.False(t, hasControls(wire), "%q", wire)
		require.NotContains(t, wire, ">")
		local, domain := wire[:strings.LastIndexByte(wire, '@')], wire[strings.LastIndexByte(wire, '@')+1:]
		require.True(t, isASCII(domain))
		require.NotContains(t, domain, " ")
		if !dotAtom(local) {
			require.True(t, strings.HasPrefix(local, `"`) && strings.HasSuffix(local, `"`), "%q", wire)
		}
		again, err := address("To", wire)
		require.NoError(t, err, "%q", wire)
		require.Equal(t, wire, again)
	})
}

func TestBoundaryIsNowhereInTheParts(t *testing.T) {
	t.Parallel()
	m := plainMessage()
	l, err := open(m)
	require.NoError(t, err)
	first := l.boundary()
	require.Equal(t, first, l.boundary(), "the same each time")
	m.Text = "a\n--" + first + "\nContent-Type: text/html\n\nfake\n"
	m.HTML = fmt.Sprintf("--%s_1--\n<p>real</p>", first)
	requireRoundTrip(t, m, true)
	requireRoundTrip(t, m, false)
}

func TestHeaderLinesAreFolded(t *testing.T) {
	t.Parallel()
	m := plainMessage()
	m.Subject = strings.Repeat("a subject of many words ", 20) + "ends"
	m.FromName = strings.Repeat("Крамниця ", 20) + "«Дотик»"
	m.ToName = strings.Repeat("Olena ", 20) + "K"
	message, _, err := wireOf(m, true)
	require.NoError(t, err)
	head, _, _ := strings.Cut(string(message), "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		require.LessOrEqual(t, len(line), lineLength, "%q", line)
		require.NotEmpty(t, strings.TrimSpace(line))
	}
	requireRoundTrip(t, m, true)
}
