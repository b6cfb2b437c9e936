package email_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email"
	"dotyk/channels/email/smtptest"
)

// BenchmarkSend includes the receiving server, which runs in the same process.
func BenchmarkSend(b *testing.B) {
	srv := smtptest.Start(b, smtptest.Config{Discard: true})
	s := newSender(b, srv, func(c *email.Config) { c.Connections = 20 })
	m := message(1)
	m.HTML = "<p>" + strings.Repeat("five kilobytes of mail ", 200) + "</p>"
	m.Text = strings.Repeat("five kilobytes of mail ", 20)
	b.ReportAllocs()
	b.SetParallelism(20)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			_, err := s.Send(b.Context(), m)
			require.NoError(b, err)
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
