package campaign_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/rules/campaign"
)

// writer writes random campaigns with everything that the language has.
type writer struct {
	t     *rapid.T
	next  int
	steps int // that may still be written
}

// known is what rules at a place may name.
type known struct{ results, sent []string }

func (k known) clone() known { return known{slices.Clone(k.results), slices.Clone(k.sent)} }

type group = map[string]any

func (w *writer) chance(label string) bool { return rapid.Bool().Draw(w.t, label) }

func pick[T any](w *writer, label string, of ...T) T { return rapid.SampledFrom(of).Draw(w.t, label) }

// id gives a step an id of its own, or leaves it to be derived.
func (w *writer) id(g group) string {
	w.next++
	id := fmt.Sprintf("s%d", w.next)
	g["id"] = id
	return id
}

func (w *writer) duration() string {
	return pick(w, "duration", "90s", "1h30m", "2d", "48h", "1w", "3d4h")
}

// maybe sets fields, each or not.
func (w *writer) maybe(g group, fields group) group {
	for _, name := range slices.Sorted(keys(fields)) {
		if w.chance(name) {
			g[name] = fields[name]
		}
	}
	return g
}

func keys(g group) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range g {
			if !yield(name) {
				return
			}
		}
	}
}

func (w *writer) rule(k known) string {
	rules := []string{`customer.score > 3`, `entry.sku == "A"`, `customer.tags contains "x"`, `in_topic("news")`, `segment("vip")`}
	for _, id := range k.results {
		rules = append(rules, id+".happened", id+`.sku == "B"`)
	}
	for _, id := range k.sent {
		rules = append(rules, fmt.Sprintf(`sent("%s").status == "delivered"`, id))
	}
	return pick(w, "rule", rules...)
}

func (w *writer) assignee() group {
	return pick(w, "assignee", group{"user": "ann@example.com"}, group{"round_robin": []string{"bob@example.com", "ann@example.com"}},
		group{"rule": `customer.country == "UA" ? "ann@example.com" : customer.manager`})
}

func (w *writer) forWhom() any {
	if w.chance("owner") {
		return "owner"
	}
	return w.assignee()
}

func (w *writer) message(k *known, depth int) group {
	body := w.maybe(group{},
		group{"quiet": pick(w, "quiet", "wait", "skip", "ignore"), "expires": pick(w, "expires", "3d", "72h", "4h")})
	k.sent = append(k.sent, w.id(body))
	if depth > 0 && w.chance("fallback") {
		body["fallback"] = w.message(k, depth-1)
	}
	if w.chance("sms") {
		body[pick(w, "sms content", "text", "template")] = "Hi & <b>"
		return group{"sms": body}
	}
	if w.chance("template") {
		body["template"] = "hello"
		return group{"email": body}
	}
	body["subject"], body["text"] = "Hello", "A\nB"
	return group{"email": body}
}

func (w *writer) list(depth int, k *known) []any {
	steps := []any{}
	for range rapid.IntRange(1, 4).Draw(w.t, "steps") {
		if w.steps--; w.steps >= 0 {
			steps = append(steps, w.step(depth, k))
		}
	}
	return steps
}

func (w *writer) step(depth int, k *known) group {
	kinds := []func(*known) group{
		func(k *known) group { return w.message(k, 2) }, w.work, w.note, w.owner, w.update, w.coupon, w.webhook, w.journey,
		w.wait, w.until, w.waitFor, w.decide,
	}
	if depth > 0 {
		kinds = append(kinds,
			func(k *known) group { return w.branch(depth-1, k) },
			func(k *known) group { return w.split(depth-1, k) },
			func(k *known) group { return w.repeat(depth-1, k) })
	}
	return kinds[rapid.IntRange(0, len(kinds)-1).Draw(w.t, "kind")](k)
}

func (w *writer) work(*known) group {
	body := w.maybe(group{"title": "Call {{ customer.name }}"}, group{"for": w.forWhom(), "due": w.duration()})
	w.id(body)
	if w.chance("call") {
		return group{"call": w.maybe(body, group{"script": "Say hello", "dial": true})}
	}
	return group{"task": w.maybe(body, group{"text": "more"})}
}

func (w *writer) note(*known) group {
	if w.chance("short") {
		return group{"note": "Asked"}
	}
	body := group{"text": "Asked"}
	w.id(body)
	return group{"note": body}
}

func (w *writer) owner(*known) group {
	return group{"owner": w.maybe(group{"to": w.assignee()}, group{"replace": true})}
}

func (w *writer) update(k *known) group {
	return group{"update": w.maybe(group{"add_tags": []string{"b", "a", "b"}}, group{
		"set": group{"stage": `"new"`, "n": w.rule(*k)}, "add": group{"score": "10", "visits": 1}, "remove_tags": []string{"c"},
		"add_to": []string{"buyers"}, "remove_from": []string{"leads"},
	})}
}

func (w *writer) coupon(k *known) group {
	body := w.maybe(group{pick(w, "codes", "pool", "prefix"): "BDAY-"}, group{
		"expires": w.duration(), "transferable": true, "redeemed": group{"event": pick(w, "event", "order_completed", "order_paid")},
	})
	k.results = append(k.results, w.id(body))
	return group{"coupon": body}
}

func (w *writer) webhook(k *known) group {
	body := w.maybe(group{"url": "https://shop.example/stock?a=1"}, group{
		"method": pick(w, "method", "POST", "PUT"), "headers": group{"X-Shop": "1"}, "body": group{"sku": "entry.sku", "n": 5},
		"wait": true, "timeout": pick(w, "timeout", "1h", "60m", "10m"),
	})
	if id := w.id(body); body["wait"] != nil {
		k.results = append(k.results, id)
	}
	return group{"webhook": body}
}

func (w *writer) journey(k *known) group {
	body := w.maybe(group{"campaign": "other"}, group{"data": group{"sku": "entry.sku"}})
	if id := w.id(body); w.chance("wait") {
		body["wait"], body["timeout"] = true, w.duration()
		k.results = append(k.results, id)
	}
	return group{"journey": body}
}

func (w *writer) wait(*known) group {
	if w.chance("short") {
		return group{"wait": w.duration()}
	}
	body := group{"for": w.duration()}
	w.id(body)
	return group{"wait": body}
}

func (w *writer) until(k *known) group {
	zone := pick(w, "zone", "customer", "workspace", "Europe/Kyiv")
	body := w.maybe(group{"until": "09:30"}, group{"weekday": pick(w, "weekday", "mon-fri", "sat,sun"), "zone": zone})
	if w.chance("moment") {
		body = w.maybe(group{"until": "entry.starts_at"}, group{
			"offset": pick(w, "offset", "-7d", "1h30m", "+2d"), "at": "09:00", "zone": zone, "yearly": true,
			"if_past": pick(w, "past", "go", "skip", "exit"),
		})
	}
	k.results = append(k.results, w.id(body))
	return group{"wait": body}
}

func (w *writer) waitFor(k *known) group {
	body := group{"timeout": "9d"}
	if w.chance("rule") {
		body["rule"] = w.rule(*k)
	} else {
		w.maybe(body, group{"when": "event.total > 0", "quiet": "1h"})["event"] = "order_completed"
	}
	k.results = append(k.results, w.id(body))
	return group{"wait_for": body}
}

func (w *writer) decide(k *known) group {
	body := group{"first": []any{
		group{"when": w.rule(*k), "value": pick[any](w, "value", "text", 5, 1.5, true, group{"discount": 15, "list": []any{nil, "a", group{}}})},
		group{"else": group{"discount": 5}},
	}}
	k.results = append(k.results, w.id(body))
	return group{"decide": body}
}

func (w *writer) branch(depth int, k *known) group {
	arms, after := []any{}, k.clone()
	for range rapid.IntRange(1, 2).Draw(w.t, "arms") {
		inner := k.clone()
		arms = append(arms, group{"when": w.rule(inner), "steps": w.list(depth, &inner)})
		after.results, after.sent = append(after.results, inner.results...), append(after.sent, inner.sent...)
	}
	if w.chance("else") {
		inner := k.clone()
		arms = append(arms,
			group{"else": append(w.list(depth, &inner), group{"exit": pick[any](w, "exit", nil, "lost", group{"reason": "x"})})})
	}
	*k = after
	if w.chance("short") {
		return group{"branch": arms}
	}
	return group{"branch": group{"arms": arms}}
}

func (w *writer) split(depth int, k *known) group {
	body := group{}
	id := w.id(body)
	k.results = append(k.results, id)
	inner := k.clone()
	a := group{"name": "a", "share": pick(w, "share", "10%", "0.5%"), "steps": w.list(depth, &inner)}
	arms := []any{a, group{"name": "b", "share": "20%"}, group{"name": "c", "share": "rest"}}
	if w.chance("experiment") {
		arms[2] = group{"name": "winner", "share": "rest"}
		w.maybe(body, group{"alpha": pick(w, "alpha", 0.05, 0.01), "default": pick(w, "default", "a", "b")})
		body["by"], body["after"] = pick(w, "by", "clicks", "opens", "goal"), w.duration()
	}
	body["arms"] = arms
	*k = inner
	return group{"split": body}
}

func (w *writer) repeat(depth int, k *known) group {
	steps := append(w.list(depth, k), group{"wait": "1d"})
	body := w.maybe(group{"max": rapid.IntRange(1, 20).Draw(w.t, "max"), "steps": steps}, group{"while": w.rule(*k)})
	return group{"repeat": body}
}

func (w *writer) trigger() group {
	return pick(w, "trigger",
		group{"event": "order_completed"}, group{"event": "order_completed", "when": "event.total > 0"},
		group{"segment": "vip"}, group{"segment": group{"entered": "vip", "existing": true}, "when": "customer.score > 1"},
		group{"segment": group{"left": "vip"}},
		group{"schedule": group{"cron": "0 9 * * mon", "zone": "customer", "audience": "customer.score > 1"}},
		group{"schedule": group{
			"rrule": "FREQ=MONTHLY;BYDAY=1MO;BYHOUR=9;BYMINUTE=0", "audience": "true",
			"from": "2026-01-01T00:00:00+02:00", "to": "2027-01-01T00:00:00Z",
		}},
		group{"date": group{"attribute": "birthday", "offset": "-3d", "at": "09:00", "yearly": true, "zone": "customer"}},
		group{"date": group{"attribute": "renewal", "at": "10:30", "zone": "Europe/Kyiv"}, "when": "customer.score > 1"},
		group{"audience": true}, group{"audience": group{"rule": "customer.score > 1", "once": false}},
		group{"audience": group{"rule": "customer.score > 1", "at": "2026-12-01T09:00:00+02:00"}},
		group{"api": true}, group{"api": group{"when": "entry.sku == \"A\""}})
}

// drawFile writes a random campaign file, as JSON.
func drawFile(t *rapid.T) []byte {
	w := &writer{t: t, steps: 40}
	var k known
	file := w.maybe(group{"campaign": "c", "topic": "news", "trigger": w.trigger(), "goal": group{"event": "won", "within": "14d"}}, group{
		"reenter":   pick[any](w, "again", "never", "always", group{"after": "30d"}, group{"when": "previous.reason == \"lost\""}),
		"reachable": []string{"sms", "email", "sms"}, "holdout": pick(w, "holdout", "5%", "0.0001%", "12.5%"),
		"transactional": true, "priority": rapid.IntRange(0, 100).Draw(t, "priority"),
		"brakes": pick[any](w, "brakes", "none", group{"bounces": "3%"}, group{"spend": 12.5, "per": "90m", "after": 10}),
		"exit":   pick[any](w, "leave", "customer.unsubscribed", []any{"customer.unsubscribed", group{"event": "lost", "when": "event.n == 1"}}),
	})
	if again := file["reenter"]; again != nil && again != "never" && w.chance("concurrent") {
		file["concurrent"] = true
	}
	file["steps"] = w.list(3, &k)
	src, err := json.Marshal(file)
	require.NoError(t, err)
	return src
}

func drawWhole(t *rapid.T) *campaign.Definition {
	src := drawFile(t)
	d, err := campaign.Parse(src)
	require.NoError(t, err, "%s", src)
	return d
}
