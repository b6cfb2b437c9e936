package equal

import (
	"testing"

	"dotyk/rules"
)

// handWritten are rules that say something about each part of the language.
var handWritten = []string{
	`customer.email == "ann@example.com"`, `customer.email != ""`, `customer.kind == "client" and customer.stage != "won"`, `customer.external_id == ""`,
	`customer.tags contains "vip"`, `"it's" in customer.tags`, `customer.tags == ["new", "vip"]`, `count(customer.tags) >= 2`, `len(customer.tags) == 1`,
	`customer.age == 30`, `customer.age != 30`, `customer.age >= 30`, `not (customer.age >= 30)`, `customer.age > customer.plan`, `customer.age == customer.plan`, `customer.age == null`,
	`customer.age == "30"`, `customer.age in 0..30`, `customer.age in [1, 2, 30, "a"]`, `customer.age not in [1, 2]`, `customer.city in customer.list`, `"n" in customer.obj`, `null in customer.list`,
	`customer.age + 1 > 2`, `customer.age + customer.plan == 31`, `customer.city + "!" == "a!"`, `customer.city + customer.plan != null`, `customer.age * 3 == 0.3`, `customer.age / 3 > 0.03333`, `1 / customer.age == 10`, `customer.age % 2 == 0`,
	`customer.age / customer.plan == 1`, `-customer.age < 0`, `abs(customer.age) == 2.5`, `round(customer.age) == 3`, `floor(customer.age) == -3`, `ceil(customer.age) == 100`,
	`customer.flag`, `not customer.flag`, `customer.flag == true`, `customer.flag ? customer.age > 1 : customer.city == "a"`, `(customer.age ?? 5) == 5`, `(customer.age ?? customer.plan ?? "x") == "x"`,
	`customer.city contains "i"`, `customer.list contains 1`, `customer.list contains "a"`, `customer.city startsWith "K"`, `customer.city endsWith "v"`, `customer.city contains customer.plan`, `customer.city matches "^[A-Zа-я]"`, `customer.city matches "(?i)kYIV|київ"`, `customer.city matches "^.$"`, `customer.city matches "\\bx"`,
	`lower(customer.city) == "kyiv"`, `upper(customer.city) == "КИЇВ"`, `lower(customer.city) == "i̇stanbul" or lower(customer.city) == "istanbul"`, `trim(customer.city) == "pad"`, `trim(customer.city) == "x"`, `len(customer.city) == 1`, `len(customer.list) == 3`, `len(customer.plan) > 1`,
	`customer.list[0] == 1`, `customer.list[1] == 2`, `customer.obj.n == 1`, `customer.obj.n.n == 2`, `customer.obj.zip == "79000"`, `customer["it's"] == "it's"`, `customer.київ != null`, `customer.age.x == null`, `customer.list.x == null`, `customer.city[0] == null`,
	`sum(customer.list) == 6`, `sum(customer.list) == 1`, `avg(customer.list) == 2`, `min(customer.list) == 1`, `max(customer.list) == "b"`, `max(customer.list) == 0.1`, `any(customer.list, # == 2)`, `all(customer.list, # > 0)`, `none(customer.list, # == "a")`, `count(customer.list, # >= 2) == 2`,
	`any(customer.list, .sku == "A")`, `sum(customer.list, .price) == 10.1`, `customer.list == [1, 2, 3]`, `customer.list == []`, `first(customer.list) == 3`, `last(customer.list) == null`, `max(customer.age, 3) == 3`, `min([3, customer.age]) < 1`, `sum(map(customer.list, sum(#))) == 3`,
	`any(customer.list, any(#, # == 2))`, `count(filter(customer.list, # > 1)) == 2`, `[1, 2][1] == customer.age`, `customer.obj == customer.plan`,
	`customer.created_at < now`, `customer.created_at < "2026-03-01"`, `customer.created_at == "2026-03-29T01:00:00Z"`, `now - customer.created_at > "30d"`, `now - customer.created_at == "30d"`, `days_since(customer.created_at) == 30`, `days_since(customer.created_at) < 0`, `customer.created_at + "7d" > now`,
	`customer.when < now`, `time(customer.when) == "2026-03-29"`, `time(customer.when) > "2026-01-01"`, `days_since(customer.when) == 1`, `customer.when == now`, `(customer.when ?? now) == now`, `now - days(customer.age) < "2026-03-01"`, `time(customer.when) + "1d" > now`, `time(customer.when) - "36500d" == null`, `now - customer.when > "1d"`,
	`local(now, customer.timezone).hour == 12`, `local(now, customer.timezone).hour == null`, `local(customer.created_at, customer.timezone).weekday == "sunday"`, `local(customer.created_at, "Europe/Kyiv").date == "2026-03-29"`, `local(customer.when, customer.city).year == 2026`, `now.hour == 9 and customer.created_at.month == 3`, `customer.created_at.minute == 30`, `customer.created_at.day == 29`,
	`local(customer.created_at, "Asia/Kathmandu").minute == 45`, `local(customer.created_at, "Nowhere/City").hour == null`, `local(now, "Europe/Kyiv").hour >= 9 and customer.email != ""`, `max(customer.created_at, now - "7d") == now - "7d"`,
	`count(events("order_completed")) >= 2`, `count(events("order_completed")) == 0`, `count(events("order_completed", "90d")) == 1`, `count(events("order_completed", "90d")) < 1`, `count(events("order_completed"), .total > 1) >= 1`, `sum(events("order_completed", "90d"), .total) > 0`, `sum(events("order_completed"), .total) == 0`, `avg(events("order_completed"), .total) > 1`, `min(events("order_completed"), .total) < 3`, `max(events("order_completed"), .total) == "b"`,
	`any(events("order_completed", "7d"), .sku == "a")`, `all(events("order_completed"), .total != null)`, `none(events("it's; DROP TABLE customers"), .total > 0)`, `any(events("order_completed"), .at == now)`, `any(events("order_completed"), .total == customer.age)`, `any(events("order_completed"), any(events("page viewed"), .total > 1))`,
	`last(events("order_completed")).total == 1`, `first(events("order_completed")).sku == null`, `last(events("order_completed")).at > now - "7d"`, `first(events("order_completed", "30d")).at < now`, `last(events("order_completed")) == null`, `first(events("order_completed")) != null`, `last(events("order_completed")).items[0].sku == "A"`, `events("order_completed")[1].total != null`, `events("order_completed")[1] == null`,
	`last(filter(events("order_completed"), .total > 1)).total > 2`, `last(map(events("order_completed"), .total)) == 2`, `sum(map(filter(events("order_completed"), .total > 1), .total * 2)) > 5`, `any(events("order_completed"), any(.items, .sku == "A"))`, `sum(map(events("order_completed"), sum(.items, .price))) == 10.1`, `count(filter(events("order_completed"), .on)) == 0`, `len(events("order_completed")) == 3`,
	`most_within(events("order_completed"), "7d") >= 2`, `most_within(filter(events("order_completed"), .total != null), "1d") == 1`, `days_since(last(events("order_completed")).at) >= 7`, `count(events("order_completed"), .at >= "2026-03-01" and .at < "2026-03-29T01:00:00Z") >= 1`, `max(events("order_completed"), .at) > now - "2d"`, `max(events("page viewed"), time(.due)) > "2026-01-01"`, `any(events("page viewed"), local(.at, customer.timezone).hour == 4)`,
	`sum(events("order_completed"), .total) > sum(events("page viewed"), .total)`, `count(events("order_completed", "30d")) > count(events("order_completed", "7d"))`, `count(events("order_completed")) + count(events("page viewed")) > 4`, `(last(events("order_completed")) ?? first(events("page viewed"))).total == 1`, `count(events("order_completed")) > 0 ? customer.age > 0 : customer.flag`,
	`segment("vip")`, `not segment("it's")`, `segment("nobody")`, `in_topic("news")`, `in_topic("news", "sms")`, `not in_topic("offers", "email")`, `in_topic("unknown")`, `customer.unsubscribed`, `journeys("welcome").active`, `journeys("win/back").count >= 2`, `journeys("welcome").status == "converted"`, `journeys("welcome").converted`, `journeys("welcome").entered_at < now - "7d"`, `journeys("welcome").ended_at == null`, `days_since(journeys("win/back").ended_at) > 1`,
	`sent("welcome", "hello").delivered`, `sent("welcome", "hello").opened`, `not sent("win/back", "hello").clicked`, `sent("welcome", "hello").status == "accepted"`, `sent("win/back", "hello").at > now - "7d"`, `sent("welcome", "nothing").status == null`, `rfm.monetary > 2`, `rfm.recency == null`, `score.churn < 0.5`, `next_best("product") == "a"`, `score.churn + rfm.recency > 0`,
	`lower(lower(lower(lower(customer.city)))) == "b"`, `upper(lower(upper(trim(lower(customer.city))))) == "КИЇВ"`, `max([max([max([max([customer.age, 1]), 1]), 1]), 1]) == 30`,
	`time(customer.when) + "1d" + "1d" + "1d" + "1d" > now`, `(((customer.age + customer.age) + customer.age) + customer.age) == 4`, `first(map([first(map([first(map([customer.age], # ?? 1))], # ?? 2))], # ?? 3)) == 30`,
	`any(customer.tags, any(customer.list, any(customer.list, # == 1)))`, `count(filter(events("order_completed"), any(customer.list, any(customer.tags, # == "vip")))) >= 1`, `any(events("order_completed"), segment("vip") and any(customer.list, segment("vip") and in_topic("news")))`,
	`true`, `1 > 2`, `customer.age > 1 or true`, `null == customer.age`, `customer.age > 1 and customer.city matches "\\bK" or customer.flag`, `not (customer.city matches "\\bK" and customer.flag)`, `not (customer.city matches "\\bK") and customer.age == 1`,
}

func TestHandWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	translated := 0
	for _, src := range handWritten {
		r, err := rules.Compile(src, rules.Options{})
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		c, err := w.choose(t.Context(), r)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		if same, who := c.agree(); !same {
			t.Errorf("%s: go and %s differ: %s\n%s", src, who, w.odd(t.Context(), r, c), c.sql)
		}
		if c.exact {
			translated++
		}
	}
	t.Logf("%d of %d rules are answered by Postgres alone", translated, len(handWritten))
}
