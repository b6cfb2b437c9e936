package email

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

// BenchmarkBuild is the cost of one message without the network: fields to bytes.
func BenchmarkBuild(b *testing.B) {
	for _, bm := range []struct {
		name, html string
	}{
		{"6 KB, 8bit", strings.Repeat("<p>Привіт, world</p>\n", 250)},
		{"6 KB, quoted-printable for its long line", strings.Repeat("<p>Привіт, world</p>", 250)},
	} {
		b.Run(bm.name, func(b *testing.B) {
			m := &channels.EmailMessage{
				TouchID: "t", From: "shop@example.com", FromName: "Крамниця", To: "olena@example.net", Subject: "Вітаємо",
				Text: strings.Repeat("text ", 20), HTML: bm.html,
				UnsubscribeURL: "https://example.com/u/token",
			}
			b.ReportAllocs()
			var message, wire []byte
			for b.Loop() {
				l, err := open(m)
				require.NoError(b, err)
				message = l.appendMessage(message[:0], true, time.Unix(0, 0))
				wire = appendStuffed(wire[:0], message)
			}
			require.NotEmpty(b, wire)
		})
	}
}
