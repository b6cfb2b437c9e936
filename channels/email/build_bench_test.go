package email

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

// BenchmarkBuild is the cost of one message without the network: fields to bytes.
func BenchmarkBuild(b *testing.B) {
	for _, kb := range []int{1, 10} {
		b.Run(fmt.Sprintf("%d KB", kb), func(b *testing.B) {
			m := &channels.EmailMessage{
				TouchID: "t", From: "shop@example.com", FromName: "Крамниця", To: "olena@example.net", Subject: "Вітаємо",
				Text: strings.Repeat("text ", 20), HTML: strings.Repeat("<p>Привіт, world</p>", 50*kb),
				UnsubscribeURL: "https://example.com/u/token",
			}
			b.ReportAllocs()
			for b.Loop() {
				out, err := build(m, time.Unix(0, 0))
				require.NoError(b, err)
				_, err = out.msg.WriteTo(io.Discard)
				require.NoError(b, err)
			}
		})
	}
}
