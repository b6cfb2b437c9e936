package importer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
)

const orderMap = `import: orders
order_id: Order
customer: Customer
occurred_at: {column: Placed, layout: "DD.MM.YYYY HH:mm", timezone: Europe/Kyiv}
currency: Currency
item: {sku: SKU, name: Article, quantity: Qty, price: Price}
properties: {channel: Channel}
attributes: {city: City}
`

const orderHeader = "Order,Customer,Placed,Currency,SKU,Article,Qty,Price,Channel,City\n"

func TestOrders(t *testing.T) {
	t.Parallel()

	t.Run("Become one event each", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Orders, orderHeader+
			"1001,c1,01.07.2026 12:30,uah,A,Pen,2,10.10,,Київ\n"+
			"1001,c1,01.07.2026 12:29,UAH,B,\"Ink, blue\",3,0.1,web,\n"+
			"1002,c2,02.01.2026 09:00,,C,,1.5,2,app,Lviv\n", orderMap)
		require.Equal(t, Lines{Read: 3, Stored: 3, Skipped: map[string]int{}}, sum.Lines)
		require.Equal(t, Messages{Stored: 2}, sum.Messages)
		require.Equal(t, 2, sum.Customers)
		require.Equal(t, map[string]string{
			"order_completed:1001": `{"channel":"web","currency":"UAH","items":[{"sku":"A","name":"Pen","quantity":2,"price":10.1},{"sku":"B","name":"Ink, blue","quantity":3,"price":0.1}],"order_id":"1001","total":20.5}`,
			"order_completed:1002": `{"channel":"app","items":[{"sku":"C","quantity":1.5,"price":2}],"order_id":"1002","total":3}`,
		}, to.properties())
		first := to.messages[0]
		require.Equal(t, time.Date(2026, 7, 1, 9, 29, 0, 0, time.UTC), first.OccurredAt, "the earliest line, in summer time")
		require.True(t, first.Historical)
		require.Equal(t, store.CallTrack, first.Call)
		require.Equal(t, map[string]any{"city": "Київ"}, to.customer(t, "c1").Customer.Attributes)
	})

	t.Run("Money is exact", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		imported(t, to, Orders, orderHeader+
			strings.Repeat("1,c1,01.07.2026 12:30,,A,,1,0.1,,\n", 3)+
			"2,c1,01.07.2026 12:30,,A,,1,9007199254740993.01,,\n", orderMap)
		all := to.properties()
		require.Contains(t, all["order_completed:1"], `"total":0.3}`)
		require.Contains(t, all["order_completed:2"], `"total":9007199254740993.01}`)
	})

	t.Run("A line that cannot be taken keeps its whole order out", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		const good, bad = "2,c1,01.07.2026 12:30,,A,,1,1,,\n", "2,c1,31.06.2026,,A,,1,1,,\n"
		sum := imported(t, to, Orders, orderHeader+"1,c1,01.07.2026 12:30,,A,,1,1,,\n"+good+bad+good+"3,c1,01.07.2026 12:30,,A,,1,1,,\n", orderMap)
		require.Equal(t, Lines{Read: 5, Stored: 2, Rejected: 3, Skipped: map[string]int{}}, sum.Lines)
		report := readReport(t, sum)
		require.Contains(t, report, `4,"column Placed: ""31.06.2026"" is not a date as DD.MM.YYYY HH:mm","write it like 31.03.2026 14:05, or set layout in the mapping to how the file writes dates","2,c1,31.06.2026,,A,,1,1,,"`)
		require.Contains(t, report, `3,"line 4 of the same order ""2"" cannot be taken, and an order is stored whole or not at all","mend line 4, and import the lines of this order again"`)

		mended := imported(t, to, Orders, orderHeader+good+strings.Replace(bad, "31.06.2026", "30.06.2026 12:00", 1)+good, orderMap)
		require.Equal(t, Messages{Stored: 1}, mended.Messages)
		require.Contains(t, to.properties()["order_completed:2"], `"total":3}`)
	})

	t.Run("A line of the wrong length keeps its order out too", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Orders, orderHeader+"1,c1,01.07.2026 12:30,,A,,1,1,,\n1,c1,too,short\n2,c1,01.07.2026 12:30,,A,,1,1,,,,\n", orderMap)
		require.Equal(t, Lines{Read: 3, Stored: 1, Rejected: 2, Skipped: map[string]int{}}, sum.Lines)
		require.Contains(t, readReport(t, sum), `3,"the line has 4 columns, and the header has 10"`)
	})

	t.Run("Lines that do not stand together are sorted first", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		var text strings.Builder
		text.WriteString(orderHeader)
		for i := range 30 {
			fmt.Fprintf(&text, "%d,c%d,01.07.2026 12:30,,A%d,,1,1,,\n", i%10, i%10, i)
		}
		text.WriteString("7,c7,broken\n")
		sum := imported(t, to, Orders, text.String(), orderMap)
		require.True(t, sum.Sorted)
		require.Equal(t, Lines{Read: 31, Stored: 27, Rejected: 4, Skipped: map[string]int{}}, sum.Lines)
		require.Contains(t, to.properties()["order_completed:3"], `[{"sku":"A3","quantity":1,"price":1},{"sku":"A13","quantity":1,"price":1},{"sku":"A23","quantity":1,"price":1}]`)
		require.Contains(t, readReport(t, sum), `32,"the line has 3 columns`)
	})

	t.Run("Rules skip, reject, or make another event", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		rules := orderMap + `rules:
  - {when: {Order: {starts_with: C}}, event: order_cancelled}
  - {when: {Channel: {one_of: [test, demo]}}, skip: test order}
  - {when: {Qty: {at_most: 0}, Price: {above: 0}}, skip: no quantity}
  - {when: {Price: {below: 0}}, reject: a price below zero}
  - {when: {SKU: {equals: POST}}, skip: postage}
  - {when: {Article: {contains: gift, ends_with: "!"}}, event: gift_given}
  - {when: {City: {at_least: 7}}, skip: city is a number}
`
		sum := imported(t, to, Orders, orderHeader+
			"C1,c1,01.07.2026 12:30,,A,,-1,5,,\n"+
			"2,c1,01.07.2026 12:30,,A,,1,5,demo,\n"+
			"3,c1,01.07.2026 12:30,,A,,0,5,,\n"+
			"3,c1,01.07.2026 12:30,,POST,,1,5,,\n"+
			"3,c1,01.07.2026 12:30,,A,,2,5,,\n"+
			"3,c1,01.07.2026 12:30,,B,a gift!,1,0,,\n"+
			"3,c1,01.07.2026 12:30,,B,,1,1,,\n"+
			"4,c1,01.07.2026 12:30,,A,,2,-5,,\n"+
			"5,c1,01.07.2026 12:30,,A,,2,5,,7.0\n", rules)
		require.Equal(t, Lines{
			Read: 9, Stored: 4, Rejected: 1,
			Skipped: map[string]int{"test order": 1, "no quantity": 1, "postage": 1, "city is a number": 1},
		}, sum.Lines)
		require.Equal(t, map[string]string{
			"order_cancelled:C1": `{"items":[{"sku":"A","quantity":-1,"price":5}],"order_id":"C1","total":-5}`,
			"order_completed:3":  `{"items":[{"sku":"A","quantity":2,"price":5},{"sku":"B","quantity":1,"price":1}],"order_id":"3","total":11}`,
			"gift_given:3":       `{"items":[{"sku":"B","name":"a gift!","quantity":1,"price":0}],"order_id":"3","total":0}`,
		}, to.properties())
		require.Contains(t, readReport(t, sum), "9,a price below zero,a rule of the mapping refuses such lines")
	})

	t.Run("Says what is wrong with a line", func(t *testing.T) {
		t.Parallel()
		const first = "1,c1,01.07.2026 12:30,UAH,A,,1,1,,\n"
		to := newShop(t)
		for lines, want := range map[string]string{
			",c1,01.07.2026 12:30,,A,,1,1,,":             "column Order is empty, so the line belongs to no order",
			"nan,c1,01.07.2026 12:30,,A,,1,1,,":          `column Order: ""nan"": this is no id, and all lines with it would become one`,
			"1,NaN,01.07.2026 12:30,,A,,1,1,,":           `column Customer: ""NaN"": this is no id`,
			"1,,01.07.2026 12:30,,A,,1,1,,":              "the order has no customer",
			"1,c1,,,A,,1,1,,":                            "column Placed is empty",
			"1,c1,23.11.2026 14:01,,A,,1,1,,":            `column Placed: ""23.11.2026 14:01"": this lies in the future`,
			"1,c1,01.07.2026 12:30,euro,A,,1,1,,":        `column Currency: ""EURO"": this is no currency`,
			"1,c1,01.07.2026 12:30,,A,,,1,,":             "column Qty is empty",
			"1,c1,01.07.2026 12:30,,A,,two,1,,":          `column Qty: ""two"" is not a number with the decimal mark "".""`,
			"1,c1,01.07.2026 12:30,,A,,1,\"1,234\",,":    `column Price: ""1,234"" is not a number`,
			first + "1,c2,01.07.2026 12:30,,A,,1,1,,":    `column Customer: ""c2"", but ""c1"" on another line of the same order`,
			first + "1,c1,01.07.2026 12:30,USD,A,,1,1,,": `column Currency: ""USD"", but ""UAH"" on another line`,
			"1,c1,01.07.2026 12:30,,A,\"Pen,1,1,,":       "a quote is opened and not closed",
		} {
			sum := imported(t, to, Orders, orderHeader+lines+"\n", orderMap)
			require.Zero(t, sum.Lines.Stored, lines)
			require.Contains(t, readReport(t, sum), want, lines)
		}
	})

	t.Run("A total of its own stands for the sum", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		const mapping = "import: orders\norder_id: No\nemail: Mail\noccurred_at: At\ntotal: Sum\nitem: {sku: Art, quantity: N}\nproperties: {paid: {column: Paid, type: boolean}, due: {column: Due, type: date, layout: DD.MM.YYYY}, weight: {column: Kg, type: number}}\nattributes: {vip: {column: Vip, type: boolean}}\n"
		sum := imported(t, to, Orders, "No,Mail,At,Sum,Art,N,Paid,Due,Kg,Vip\n"+
			"1,Ann@Example.COM,2026-01-02,99.90,A,2,yes,31.01.2026,0.50,yes\n1,ann@example.com,2026-01-02,99.9,B,,,,,\n"+
			"2,not an address,2026-01-02,1,A,1,,,,\n"+
			"3,bob@example.com,2026-01-02,1,A,1,,,,\n3,bob@example.com,2026-01-02,2,A,1,,,,\n"+
			"4,bob@example.com,2026-01-02,1,A,1,perhaps,,,\n"+
			"5,bob@example.com,2026-01-02,1,A,1,,yesterday,,\n"+
			"6,bob@example.com,2026-01-02,1,A,1,,,heavy,\n"+
			"7,bob@example.com,2026-01-02,1,A,1,,,,perhaps\n", mapping)
		require.Equal(t, Lines{Read: 9, Stored: 2, Rejected: 7, Skipped: map[string]int{}}, sum.Lines)
		require.JSONEq(t, `{"due":"2026-01-31T00:00:00Z","items":[{"sku":"A","quantity":2},{"sku":"B"}],"order_id":"1","paid":true,"total":99.9,"weight":0.5}`, to.properties()["order_completed:1"])
		report := readReport(t, sum)
		for _, want := range []string{
			`column Mail: ""not an address"": this is not an e-mail address`, "column Sum: 2, but 1 on another line of the same order",
			`column Paid: ""perhaps"" is neither yes nor no`, `column Due: ""yesterday"" is not a date`, `column Kg: ""heavy"" is not a number`,
			`column Vip: ""perhaps"" is neither`,
		} {
			require.Contains(t, report, want)
		}
		require.Equal(t, map[string]any{"vip": true}, to.customer(t, "ann@example.com").Customer.Attributes)
	})

	t.Run("An absurd order is rejected and not held", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		sum := imported(t, to, Orders, orderHeader+"0,c1,01.07.2026 12:30,,A,,1,1,,\n"+
			strings.Repeat("1,c1,01.07.2026 12:30,,A,,1,1,,\n", maxOrderLines+10)+"2,c1,01.07.2026 12:30,,A,,1,1,,\n", orderMap)
		require.Equal(t, Lines{Read: maxOrderLines + 12, Stored: 2, Rejected: maxOrderLines + 10, Skipped: map[string]int{}}, sum.Lines)
		require.LessOrEqual(t, sum.Buffered, maxOrderLines+3)
		require.Contains(t, readReport(t, sum), `is Order the column with the order's id?`)
	})

	t.Run("A long order id is derived from", func(t *testing.T) {
		t.Parallel()
		to := newShop(t)
		long := strings.Repeat("x", 200)
		text := orderHeader + long + ",c1,01.07.2026 12:30,,A,,1,1,,\n" + long + "x" + strings.Repeat("y", 400) + ",c1,01.07.2026 12:30,,A,,1,1,,\n"
		sum := imported(t, to, Orders, text, orderMap)
		require.Equal(t, 1, sum.Messages.Stored)
		require.Contains(t, readReport(t, sum), "the id is longer than 512 bytes")
		require.Equal(t, Messages{Known: 1}, imported(t, to, Orders, text, orderMap).Messages)
	})
}
