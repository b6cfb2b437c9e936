package content_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

// newsletter is a mail of 5 KB of HTML and a text part with six outputs and four links.
func newsletter() content.EmailSource {
	paragraph := "<p style=\"margin:0 0 16px\">A paragraph of a hundred or so characters of text, as they stand in a letter.</p>\n"
	line := "A paragraph of a hundred or so characters of text, as they stand in a letter to somebody.\n"
	return content.EmailSource{
		Subject: "{{ customer.first_name }}, your order {{ entry.order_id }}",
		HTML: "<!doctype html><html><body>\n<h1>Hi {{ customer.first_name }}</h1>\n" + strings.Repeat(paragraph, 22) +
			`<p><a href="https://shop.example/orders/{{ entry.order_id }}">Order</a> <a href="https://shop.example/new">New</a></p>` +
			strings.Repeat(paragraph, 22) + `<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>`,
		Text: "Hi {{ customer.first_name }}\n" + strings.Repeat(line, 20) +
			"Order: https://shop.example/orders/{{ entry.order_id }}\n" + strings.Repeat(line, 20) + "{{ unsubscribe_url }}\n",
	}
}

func newsletterData() content.Bindings {
	return content.Bindings{
		"customer": map[string]any{
			"first_name": "Олена", "name": "Олена Шевченко", "email": "olena@example.com", "locale": "uk", "plan": "gold",
			"city": "Київ", "visits": 12.0, "tags": []string{"vip", "news"},
		},
		"entry":           map[string]any{"order_id": "A-10045", "total": 99.5},
		"campaign":        map[string]any{"name": "welcome", "version": 3},
		"unsubscribe_url": "https://dotyk.example/u/abcdefghijklmnopqrstuvwxyz0123456789",
	}
}

func BenchmarkNewsletter(b *testing.B) {
	e, err := content.CompileEmail(newsletter())
	require.NoError(b, err)
	data := newsletterData()
	b.ReportAllocs()
	started := cpu(b)
	for b.Loop() {
		_, err := e.Render(b.Context(), data)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-ns/op")
}

func BenchmarkNewsletterTracked(b *testing.B) {
	e, err := content.CompileEmail(newsletter())
	require.NoError(b, err)
	data := newsletterData()
	tracking := content.Tracking{
		Link:  func(string) string { return "https://go.shop.example/t/c/abcdefghijklmnopqrstuvwxyz0123456789" },
		Pixel: "https://go.shop.example/t/o/abcdefghijklmnopqrstuvwxyz.gif", UTM: map[string]string{"source": "dotyk", "medium": "email"},
	}
	b.ReportAllocs()
	started := cpu(b)
	for b.Loop() {
		_, err := e.RenderTracked(b.Context(), data, tracking)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(cpu(b)-started)/float64(b.N), "cpu-ns/op")
}

// cpu is the time that this process had of processors, which tells more than a clock where others work beside it.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
