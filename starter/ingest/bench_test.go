package ingest

import (
	"fmt"
	"strings"
	"testing"

	"dotyk/activities/store"
)

// BenchmarkParse reads a batch as Segment's Go client sends it: 250 orders of about 600 bytes.
func BenchmarkParse(b *testing.B) {
	var items []string
	for i := range 250 {
		items = append(items, fmt.Sprintf(`{"type":"track","messageId":"9a52b57f-0000-4000-8000-%012d","userId":"user-%d","event":"Order Completed","timestamp":"2026-03-01T11:59:59.123Z",
			"properties":{"order_id":"%d","total":125.50,"currency":"UAH","coupon":null,"products":[{"sku":"G-32","name":"Monopoly: 3rd Edition","price":19,"quantity":1,"category":"Games"},
			{"sku":"F-33","name":"Ігри","price":3,"quantity":2,"category":"Games"}]},"context":{"timezone":"Europe/Kyiv","locale":"uk-UA","page":{"url":"https://shop.example/cart"}}}`, i, i, i))
	}
	body := []byte(`{"sentAt":"2026-03-01T12:00:00Z","context":{"library":{"name":"analytics-go","version":"3.0.0"}},"batch":[` + strings.Join(items, ",") + `]}`)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		p, err := Parse(Batch, body, params())
		if err != nil || len(p.Messages) != 250 {
			b.Fatal(err, p.DeadLetters)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/250, "ns/message")
}

// BenchmarkProfile reads an identify with an address to check and a number to parse.
func BenchmarkProfile(b *testing.B) {
	body := []byte(`{"userId":"u","traits":{"email":"Anna@Example.com","phone":"067 123 45 67","name":"Anna","plan":"pro"}}`)
	for b.Loop() {
		p, err := Parse(store.CallIdentify, body, params())
		if err != nil || len(p.DeadLetters) > 0 {
			b.Fatal(err, p.DeadLetters)
		}
	}
}
