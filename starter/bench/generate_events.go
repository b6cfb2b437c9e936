package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// The names of events that are made up.
const (
	pageViewed     = "page_viewed"
	productViewed  = "product_viewed"
	cartUpdated    = "cart_updated"
	orderCompleted = "order_completed"
	emailClicked   = "email_clicked"
)

// happening draws the name of an event.
func happening(r *rand.Rand) string {
	switch luck := r.IntN(100); {
	case luck < 60:
		return pageViewed
	case luck < 75:
		return productViewed
	case luck < 85:
		return cartUpdated
	case luck < 95:
		return orderCompleted
	default:
		return emailClicked
	}
}

var categories = [...]string{"shirts", "shoes", "coats", "hats", "bags", "socks", "toys", "books"} //nolint:gochecknoglobals // constants

// properties makes the JSON of an event's properties.
func properties(r *rand.Rand, name string) []byte {
	switch name {
	case productViewed:
		return fmt.Appendf(nil, `{"sku":%q,"category":%q,"price":%s,"currency":"EUR"}`,
			sku(r), often(r, categories[:]), decimal(price(r)))
	case cartUpdated:
		return fmt.Appendf(nil, `{"cart_id":"cart-%08x","sku":%q,"quantity":%d,"total":%s,"currency":"EUR"}`,
			r.Uint32(), sku(r), 1+r.IntN(3), decimal(price(r)))
	case orderCompleted:
		return order(r)
	case emailClicked:
		return fmt.Appendf(nil, `{"campaign":"news-%d","link":"https://shop.example/offers/%d"}`, r.IntN(40), r.IntN(200))
	default:
		return fmt.Appendf(nil, `{"path":"/p/%d","title":"Page %d","referrer":"https://search.example/"}`, r.IntN(5000), r.IntN(5000))
	}
}

func order(r *rand.Rand) []byte {
	var items []byte
	first, total := "", 0
	for i := range 1 + r.IntN(3) {
		article, quantity, each := sku(r), 1+r.IntN(2), price(r)
		if i == 0 {
			first = article
		} else {
			items = append(items, ',')
		}
		total += quantity * each
		items = fmt.Appendf(items, `{"sku":%q,"quantity":%d,"price":%s}`, article, quantity, decimal(each))
	}
	return fmt.Appendf(nil, `{"order_id":"o-%08x","total":%s,"currency":"EUR","sku":%q,"items":[%s]}`,
		r.Uint32(), decimal(total), first, items)
}

func sku(r *rand.Rand) string { return "sku-" + strconv.Itoa(min(r.IntN(2000), r.IntN(2000))) }

// price is in hundredths; most are low.
func price(r *rand.Rand) int { return 500 + min(r.IntN(25_000), r.IntN(25_000)) }

// eventContext is what a library sends along.
const eventContext = `{"library":{"name":"analytics.js","version":"4.1.0"},"locale":"uk-UA","page":{"url":"https://shop.example/"}}`

// eventColumns are those of table events that event gives.
func eventColumns() []string {
	return []string{
		"workspace_id", "id", "customer_id", "source_id", "message_id", "call", "name", "properties", "context", "occurred_at",
		"received_at", "sent_at", "original_timestamp",
	}
}

// event gives the row of an event.
func (p *population) event(i int) []any {
	r := p.random(eventSeries, i)
	at := p.occurred(i)
	received := at.Add(time.Duration(50+r.IntN(2000)) * time.Millisecond)
	name := happening(r)
	return []any{
		p.Workspace, p.id(eventSeries, i, received), p.customerID(p.who(r, at)), p.Source, "made-" + strconv.Itoa(i), "track",
		name, properties(r, name), []byte(eventContext), at, received, at, at,
	}
}
