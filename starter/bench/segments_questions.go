package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// question is a rule, and the SQL that somebody would write who knows the tables and needs no more than this answer. Its
// parameters are the workspace and the moment.
type question struct {
	name string
	rule string
	hand string

	selection, written rules.Selection // once prepared
}

// questions are all that rules are compared by. That SQL joins customers is part of every question: records that another
// took over, and those that are gone, do not count.
func questions() []question {
	return []question{
		{
			name: "frequent", rule: `count(events("order_completed", "90d")) >= 3`,
			hand: `SELECT c.id FROM customers c JOIN (
					SELECT customer_id FROM events WHERE workspace_id = $1 AND name = 'order_completed'
						AND occurred_at BETWEEN $2::timestamptz - interval '90 days' AND $2
					GROUP BY customer_id HAVING count(*) >= 3) o ON o.customer_id = c.id
				WHERE c.workspace_id = $1 AND c.merged_into IS NULL`,
		},
		{
			name: "spenders", rule: `sum(events("order_completed", "180d"), .total) >= 500 and customer.plan == "pro"`,
			hand: `SELECT c.id FROM customers c JOIN (
					SELECT customer_id FROM events WHERE workspace_id = $1 AND name = 'order_completed'
						AND occurred_at BETWEEN $2::timestamptz - interval '180 days' AND $2
					GROUP BY customer_id HAVING sum((properties->>'total')::numeric) >= 500) o ON o.customer_id = c.id
				WHERE c.workspace_id = $1 AND c.merged_into IS NULL AND c.attributes->>'plan' = 'pro'`,
		},
		{
			name: "lookers", rule: `any(events("product_viewed", "30d"), .category == "shoes") and none(events("order_completed", "30d"), true)`,
			hand: `SELECT c.id FROM customers c
				WHERE c.workspace_id = $1 AND c.merged_into IS NULL AND c.id IN (
					SELECT customer_id FROM events WHERE workspace_id = $1 AND name = 'product_viewed'
						AND occurred_at BETWEEN $2::timestamptz - interval '30 days' AND $2 AND properties->>'category' = 'shoes')
				AND NOT EXISTS (SELECT FROM events e WHERE e.workspace_id = $1 AND e.name = 'order_completed'
					AND e.customer_id = c.id AND e.occurred_at BETWEEN $2::timestamptz - interval '30 days' AND $2)`,
		},
		{
			name: "locals", rule: `customer.city == "Kyiv" and customer.age >= 30`,
			hand: `SELECT c.id FROM customers c WHERE c.workspace_id = $1 AND c.merged_into IS NULL AND $2::timestamptz IS NOT NULL
				AND c.attributes->>'city' = 'Kyiv' AND jsonb_typeof(c.attributes->'age') = 'number' AND c.attributes->'age' >= '30'`,
		},
		{
			name: "lapsed", rule: `last(events("order_completed")).at < now - "60d"`,
			hand: `SELECT c.id FROM customers c JOIN (
					SELECT customer_id FROM events WHERE workspace_id = $1 AND name = 'order_completed' AND occurred_at <= $2::timestamptz
					GROUP BY customer_id HAVING max(occurred_at) < $2::timestamptz - interval '60 days') o ON o.customer_id = c.id
				WHERE c.workspace_id = $1 AND c.merged_into IS NULL`,
		},
		{
			name: "somebody", rule: `customer.email == "c123@example.com" and count(events("page_viewed")) > 3`,
			hand: `SELECT c.id FROM customers c WHERE c.workspace_id = $1 AND c.merged_into IS NULL AND c.email = 'c123@example.com'
				AND (SELECT count(*) FROM events e WHERE e.workspace_id = $1 AND e.customer_id = c.id AND e.name = 'page_viewed'
					AND e.occurred_at <= $2::timestamptz) > 3`,
		},
	}
}

// prepare chooses how to ask, and makes sure that both ways give the same customers.
func (q *question) prepare(ctx context.Context, l *lab, s *segmentation) error {
	rule, err := rules.Compile(q.rule, rules.Options{})
	if err != nil {
		return err
	}
	selection, chosen, err := s.choose(ctx, l, &s.full, rule)
	if err != nil {
		return err
	}
	q.selection, q.written = selection, rules.Selection{SQL: q.hand, Args: []any{s.full.Workspace, s.full.Now}}
	ours, err := l.checksum(ctx, s.full.Workspace, q.selection)
	if err != nil {
		return err
	}
	theirs, err := l.checksum(ctx, s.full.Workspace, q.written)
	if err != nil {
		return fmt.Errorf("by hand: %w", err)
	}
	if ours != theirs {
		return fmt.Errorf("the rule and SQL by hand give different customers: %+v and %+v", ours, theirs)
	}
	l.note("%s: %d customers, %s (cost %.0f; the other form %.0f)", q.name, ours.Count, chosen.Form, chosen.Cost, chosen.Alternative)
	return nil
}

// set is what tells one set of customers from another.
type set struct {
	Count int
	Sum   string // of the hashes of their ids
}

func (l *lab) checksum(ctx context.Context, ws int64, s rules.Selection) (set, error) {
	var got set
	err := l.store.Query(ctx, ws, `SELECT count(*), coalesce(sum(uuid_hash_extended(s.id, 0)::numeric), 0)::text FROM (`+s.SQL+`) s`,
		s.Args, 0, func(rows pgx.Rows) error { return rows.Scan(&got.Count, &got.Sum) })
	return got, err
}

// fiftyRules are such as marketers write.
func fiftyRules() []string {
	return []string{
		// What they bought.
		`count(events("order_completed", "30d")) >= 1`,
		`count(events("order_completed", "90d")) >= 2`,
		`count(events("order_completed", "180d")) >= 3`,
		`count(events("order_completed", "365d")) >= 5`,
		`count(events("order_completed")) == 1`,
		`count(events("order_completed")) >= 10`,
		`none(events("order_completed"), true)`,
		`sum(events("order_completed", "90d"), .total) >= 300`,
		`sum(events("order_completed", "180d"), .total) >= 500 and customer.plan == "pro"`,
		`sum(events("order_completed", "365d"), .total) >= 1000`,
		`sum(events("order_completed"), .total) >= 2000 and "vip" not in customer.tags`,
		`avg(events("order_completed"), .total) > 250`,
		`max(events("order_completed", "365d"), .total) >= 600`,
		`any(events("order_completed", "90d"), .sku == "sku-10")`,
		`any(events("order_completed", "180d"), .total > 400)`,
		`count(filter(events("order_completed", "365d"), .total < 50)) >= 2`,
		`first(events("order_completed")).at > now - "60d"`,
		`last(events("order_completed")).at < now - "60d"`,
		`last(events("order_completed")).at < now - "180d" and customer.newsletter == true`,
		`days_since(last(events("order_completed")).at) > 365`,
		// What they looked at, and did not buy.
		`any(events("product_viewed", "30d"), .category == "shoes") and none(events("order_completed", "30d"), true)`,
		`any(events("product_viewed", "14d"), .category == "coats") and none(events("order_completed", "14d"), true)`,
		`count(events("product_viewed", "7d")) >= 3`,
		`count(filter(events("product_viewed", "90d"), .category == "bags")) >= 2`,
		`any(events("product_viewed", "30d"), .price >= 150)`,
		`last(events("product_viewed")).category == "toys"`,
		`any(events("cart_updated", "3d"), true) and none(events("order_completed", "3d"), true)`,
		`any(events("cart_updated", "7d"), .total >= 100) and none(events("order_completed", "7d"), true)`,
		`count(events("cart_updated", "30d")) >= 2 and count(events("order_completed", "30d")) == 0`,
		`count(events("page_viewed", "7d")) >= 5`,
		`count(events("page_viewed", "90d")) == 0`,
		`last(events("page_viewed")).at < now - "120d"`,
		// How they answer.
		`any(events("email_clicked", "30d"), true)`,
		`count(events("email_clicked", "90d")) >= 2 and customer.newsletter == true`,
		`none(events("email_clicked", "180d"), true) and customer.newsletter == true`,
		`any(events("email_clicked", "60d"), .campaign == "news-7")`,
		// Who they are.
		`customer.city == "Kyiv" and customer.age >= 30`,
		`customer.city in ["Warsaw", "Kraków"] and customer.newsletter == true`,
		`customer.age in 18..25`,
		`customer.age >= 60 and customer.plan != "free"`,
		`customer.plan == "enterprise" or customer.plan == "team"`,
		`customer.score >= 92.5`,
		`customer.score < 10 and customer.plan == "pro"`,
		`customer.address.zip startsWith "01"`,
		`"vip" in customer.tags`,
		`"wholesale" in customer.tags and customer.stage == "customer"`,
		`customer.timezone == "Europe/Kyiv" and customer.phone != ""`,
		`customer.created_at > now - "30d"`,
		`days_since(customer.created_at) >= 365 and customer.stage == "lead"`,
		`customer.plan == null`,
	}
}
