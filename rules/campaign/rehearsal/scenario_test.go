package rehearsal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

// played is a scenario with its campaigns in place.
type played struct {
	name      string
	campaigns []string
	scenario  string
}

// play plays it; campaigns stand in the text of the test, not in files.
func (p played) play(t require.TestingT) *rehearsal.Result {
	var definitions []*campaign.Definition
	for _, src := range p.campaigns {
		d, err := campaign.Parse([]byte(src))
		require.NoError(t, err)
		definitions = append(definitions, d)
	}
	s, err := rehearsal.Read([]byte("scenario: test\ncampaigns: [test.yaml]\nwithin: 0s\n" + p.scenario))
	require.NoError(t, err)
	result, err := s.Play(definitions, nil)
	require.NoError(t, err)
	return result
}

func (p played) run(t *testing.T) {
	t.Run(p.name, func(t *testing.T) {
		t.Parallel()
		result := p.play(t)
		for _, d := range result.Differences {
			t.Error(d.String())
		}
		if t.Failed() {
			for _, e := range result.Log {
				t.Log(e.String())
			}
		}
	})
}

const hello = `
campaign: hello
trigger: {event: registered}
topic: news
steps: [{email: {id: hello, subject: Hello, text: "{{ unsubscribe_url }}"}}]
`

func TestSending(t *testing.T) {
	t.Parallel()
	const quiet = `
policy: {quiet: [{from: "21:00", to: "09:00"}]}
customers: {ann: {email: ann@example.com, phone: "+380501234567", timezone: Europe/Kyiv}}
events: [{at: 2026-01-05T20:00:00Z, customer: ann, event: registered}]
nothing_else: true
`
	sms := func(how string) string {
		return `{campaign: nudge, trigger: {event: registered}, topic: news, steps: [{sms: {id: nudge, text: Hi, ` + how + `}}]}`
	}
	leaves := func(how, then string) string {
		return `{campaign: nudge, trigger: {event: registered}, topic: news, ` + how + `, steps: [{sms: {id: nudge, text: Hi}}, ` +
			then + `]}`
	}
	bought := strings.Replace(quiet, "registered}", "registered}, {at: 2026-01-05T21:00:00Z, customer: ann, event: bought}", 1)
	for _, p := range []played{
		{"Waits for the end of quiet hours", []string{hello}, quiet + `
expect: [{at: 2026-01-06T07:00:00Z, customer: ann, email: hello}]`},
		{"Leaves out what was held back when the goal was reached meanwhile", []string{
			leaves(`goal: {event: bought}`, `{wait: 3d}`),
		}, bought},
		{"Leaves out what was held back when an exit event happened meanwhile", []string{
			leaves(`exit: [{event: bought}]`, `{wait: 3d}`),
		}, bought},
		{"Leaves out what was held back when an exit rule came to hold meanwhile", []string{
			leaves(`exit: ['count(events("bought")) > 0']`, `{wait: 3d}`),
		}, bought},
		{"Sends what was held back when the journey has come to its end", []string{
			leaves(`goal: {event: bought}`, `{wait: 1m}`),
		}, bought + `
expect: [{at: 2026-01-06T07:00:00Z, customer: ann, sms: nudge}]`},
		{"Sends what was held back when the journey has left by a step of its own", []string{
			leaves(`goal: {event: bought}`, `{wait: 1m}, {exit: done}`),
		}, bought + `
expect: [{at: 2026-01-06T07:00:00Z, customer: ann, sms: nudge}]`},
		{"Leaves out in quiet hours what is to skip them", []string{sms("quiet: skip")}, quiet},
		{"Ignores quiet hours where it is told to", []string{sms("quiet: ignore")}, quiet + `
expect: [{at: 2026-01-05T20:00:00Z, customer: ann, sms: nudge}]`},
		{"Leaves out what expires before quiet hours end", []string{sms("expires: 4h")}, quiet},
		{"Sends transactional messages in quiet hours", []string{
			`{campaign: code, transactional: true, trigger: {event: registered}, steps: [{sms: {id: code, text: Hi}}]}`,
		}, quiet + `
expect: [{at: 2026-01-05T20:00:00Z, customer: ann, sms: code}]`},
		{"Knows the quiet hours of a country", []string{hello}, `
country: pl
policy: {quiet: [{country: UA, from: "00:00", to: "23:00"}]}
customers:
  ann: {email: ann@example.com, attributes: {country: ua}}
  bob: {email: bob@example.com}
events:
  - {at: 2026-01-05T20:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T20:00:00Z, customer: bob, event: registered}
expect:
  - {at: 2026-01-05T20:00:00Z, customer: bob, email: hello}
  - {at: 2026-01-05T23:00:00Z, customer: ann, email: hello}
nothing_else: true`},
		{"Falls back where a message cannot be sent, as far as there is something", []string{`
campaign: nudge
trigger: {event: registered}
topic: news
steps:
  - sms: {id: nudge, text: Hi, fallback: {email: {id: second, subject: Hi, text: "{{ unsubscribe_url }}", fallback: {sms: {id: third, text: Hi}}}}}
`}, `
customers:
  ann: {email: ann@example.com}
  bob: {phone: "+380501234567", refuses: {sms: [news]}, email: bob@example.com}
  cid: {phone: "+380501234568", suppressed: {sms: opted out}}
  dee: {}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: bob, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: cid, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: dee, event: registered}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: second}
  - {at: 2026-01-05T10:00:00Z, customer: bob, email: second}
nothing_else: true`},
		{"Gives the last place under a cap to the campaign of higher priority, wherever it stands", []string{
			hello,
			`{campaign: first, priority: 9, trigger: {event: registered}, topic: news, steps: [{email: {id: prior, subject: Hi, text: "{{ unsubscribe_url }}"}}]}`,
			`{campaign: code, transactional: true, trigger: {event: registered}, steps: [{email: {id: code, subject: Hi, text: Hi}}]}`,
		}, `
policy: {caps: [{channel: email, most: 2, within: 7d}]}
customers: {ann: {email: ann@example.com, received: [{at: 2026-01-01T10:00:00Z, channel: email, topic: news}]}}
events: [{at: 2026-01-05T10:00:00Z, customer: ann, event: registered}]
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: prior}
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: code}
nothing_else: true`},
		{"Forgets what is longer ago than a cap looks", []string{hello}, `
policy: {caps: [{channel: email, most: 1, within: 7d}]}
customers: {ann: {email: ann@example.com, received: [{at: 2025-12-28T10:00:00Z, channel: email, topic: news}]}}
events: [{at: 2026-01-05T10:00:00Z, customer: ann, event: registered}]
expect: [{at: 2026-01-05T10:00:00Z, customer: ann, email: hello}]
nothing_else: true`},
		{"Heeds what is said between two steps", []string{`
campaign: two
trigger: {event: registered}
topic: news
steps: [{email: {id: one, subject: Hi, text: "{{ unsubscribe_url }}"}}, {wait: 1d}, {email: {id: two, subject: Hi, text: "{{ unsubscribe_url }}"}}]
`}, `
customers: {ann: {email: ann@example.com}, bob: {email: bob@example.com}, cid: {email: cid@example.com}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: bob, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: cid, event: registered}
  - {at: 2026-01-05T12:00:00Z, customer: ann, unsubscribe: {email: news}}
  - {at: 2026-01-05T12:00:00Z, customer: bob, suppress: {email: hard bounce}}
  - {at: 2026-01-05T12:00:00Z, customer: cid, unsubscribe: {email: "*"}}
  - {at: 2026-01-05T13:00:00Z, customer: cid, consent: {email: news}}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, email: one}
  - {at: 2026-01-05T10:00:00Z, customer: bob, email: one}
  - {at: 2026-01-05T10:00:00Z, customer: cid, email: one}
  - {at: 2026-01-06T10:00:00Z, customer: cid, email: two}
nothing_else: true`},
	} {
		p.run(t)
	}
}

func TestEntering(t *testing.T) {
	t.Parallel()
	for _, p := range []played{
		{"Keeps out by re-entry, key, consent and holdout", []string{
			`{campaign: once, trigger: {event: registered}, steps: [{update: {add: {once: "1"}}}]}`,
			`{campaign: after, trigger: {event: registered}, reenter: {after: 2d}, steps: [{update: {add: {after: "1"}}}]}`,
			`{campaign: always, trigger: {event: registered}, reenter: always, steps: [{update: {add: {always: "1"}}}, {wait: 30h}]}`,
			`{campaign: keyed, trigger: {event: registered}, key: entry.site, steps: [{update: {add: {keyed: "1"}}}]}`,
			`{campaign: many, trigger: {event: registered}, reenter: always, concurrent: true, steps: [{update: {add: {many: "1"}}}, {wait: 30d}]}`,
			`{campaign: consenting, trigger: {event: registered}, topic: news, reachable: [email], steps: [{update: {add: {consenting: "1"}}}]}`,
		}, `
topics: {news: opt_in}
customers: {ann: {email: ann@example.com}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered, properties: {site: a}}
  - {at: 2026-01-06T10:00:00Z, customer: ann, event: registered, properties: {site: b}}
  - {at: 2026-01-07T10:00:00Z, customer: ann, consent: {email: news}, event: registered, properties: {site: a}}
  - {at: 2026-01-08T10:00:00Z, customer: ann, update: {done: true}}
counts:
  - {entered: once, is: 1}
  - {entered: after, is: 2}
  - {entered: always, is: 2}
  - {entered: keyed, is: 2}
  - {entered: many, is: 3}
  - {entered: consenting, is: 1}
  - {not_entered: consenting, is: 2}
expect:
  - {at: 2026-01-07T10:00:00Z, customer: ann, record: {consenting: 1}}
  - {at: 2026-01-07T10:00:00Z, customer: ann, record: {many: 3}}`},
		{"Holds out as the policy says, once and for all", []string{hello}, `
policy: {holdout: 50%}
customers: {"c{{n}}": {count: 100, email: "c{{n}}@example.com"}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: "c{{n}}", event: registered}
  - {at: 2026-01-06T10:00:00Z, customer: "c{{n}}", event: registered}
counts:
  - {held_out: hello, min: 30, max: 70}
  - {sum: [{held_out: hello}, {email: hello}], is: 100}
  - {not_entered: hello, is: 100}`},
		{"Follows segments as events, changes and time move customers", []string{
			`{campaign: in, trigger: {segment: {entered: active, existing: true}}, reenter: always, steps: [{note: in}]}`,
			`{campaign: out, trigger: {segment: {left: active}}, reenter: always, steps: [{note: out}]}`,
			`{campaign: rich, trigger: {segment: rich}, reenter: always, steps: [{note: rich}]}`,
		}, `
segments:
  active: count(events("visited", "7d")) > 0
  rich: segment("active") and customer.money > 100
customers:
  ann: {attributes: {money: 10}}
  bob: {history: [{at: 2026-01-04T00:00:00Z, event: visited}]}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: visited}
  - {at: 2026-01-06T10:00:00Z, customer: ann, update: {money: 200}}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, note: note_1, campaign: in}
  - {at: 2026-01-05T10:00:00Z, customer: bob, note: note_1, campaign: in}
  - {at: 2026-01-06T10:00:00Z, customer: ann, note: note_1, campaign: rich}
  - {at: 2026-01-11T00:00:00.000001Z, customer: bob, note: note_1, campaign: out}
  - {at: 2026-01-12T10:00:00.000001Z, customer: ann, note: note_1, campaign: out}
counts: [{entered: in, is: 2}, {entered: out, is: 2}, {entered: rich, is: 1}]`},
		{"Follows lists", []string{
			`{campaign: adds, trigger: {event: registered}, steps: [{update: {add_to: [buyers]}}, {wait: 1d}, {update: {remove_from: [buyers]}}]}`,
			`{campaign: joined, trigger: {segment: buyers}, reenter: always, steps: [{note: joined}]}`,
			`{campaign: gone, trigger: {segment: {left: buyers}}, steps: [{note: left}]}`,
		}, `
lists: [buyers]
customers: {ann: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-07T10:00:00Z, customer: ann, join: buyers}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, entered: joined}
  - {at: 2026-01-06T10:00:00Z, customer: ann, entered: gone}
  - {at: 2026-01-07T10:00:00Z, customer: ann, entered: joined}
counts: [{entered: joined, is: 2}]`},
		{"Lets those enter later for whom the rule of an audience comes to hold", []string{
			`{campaign: vip, trigger: {audience: {rule: customer.money > 100, once: false}}, steps: [{note: vip}]}`,
			`{campaign: now, trigger: {audience: customer.money > 100}, steps: [{note: now}]}`,
		}, `
customers: {ann: {attributes: {money: 200}}, bob: {attributes: {money: 1}}}
events: [{at: 2026-01-05T10:00:00Z, customer: bob, update: {money: 200}}]
start: 2026-01-04T00:00:00Z
expect:
  - {at: 2026-01-04T00:00:00Z, customer: ann, entered: vip}
  - {at: 2026-01-04T00:00:00Z, customer: ann, entered: now}
  - {at: 2026-01-05T10:00:00Z, customer: bob, entered: vip}
never: [{customer: bob, entered: now}]`},
		{"Follows a date that changes", []string{
			`{campaign: day, trigger: {date: {attribute: renews_on, offset: -1d, zone: workspace}}, steps: [{note: soon}]}`,
		}, `
zone: Europe/Kyiv
start: 2026-01-01T00:00:00Z
customers:
  ann: {attributes: {renews_on: 2026-01-10}}
  bob: {attributes: {renews_on: 2026-01-10}}
events: [{at: 2026-01-05T10:00:00Z, customer: bob, update: {renews_on: 2026-02-10}}]
expect:
  - {at: 2026-01-09T07:00:00Z, customer: ann, entered: day}
  - {at: 2026-02-09T07:00:00Z, customer: bob, entered: day}
counts: [{entered: day, is: 2}]`},
		{"Plays schedules by zones, between their ends, as the customer moves", []string{
			`{campaign: daily, reenter: always, trigger: {schedule: {cron: "0 9 * * *", zone: customer, audience: "true",
			 from: "2026-03-28T00:00:00Z", to: "2026-03-30T23:00:00Z"}}, steps: [{note: morning}]}`,
		}, `
start: 2026-03-01T00:00:00Z
zone: Europe/Kyiv
customers: {ann: {timezone: Europe/Berlin}, bob: {timezone: Nowhere/Nothing}}
events: [{at: 2026-03-29T20:00:00Z, customer: bob, update: {timezone: America/New_York}}]
expect:
  - {at: 2026-03-28T08:00:00Z, customer: ann, entered: daily}
  - {at: 2026-03-29T07:00:00Z, customer: ann, entered: daily}
  - {at: 2026-03-30T07:00:00Z, customer: ann, entered: daily}
  - {at: 2026-03-28T07:00:00Z, customer: bob, entered: daily}
  - {at: 2026-03-29T06:00:00Z, customer: bob, entered: daily}
  - {at: 2026-03-30T13:00:00Z, customer: bob, entered: daily}
counts: [{entered: daily, is: 6}]`},
		{"Lets in on request, with data", []string{
			`{campaign: asked, trigger: {api: {when: entry.size > 1}}, reenter: always, steps: [{update: {set: {size: entry.size}}}]}`,
		}, `
customers: {ann: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, request: asked, data: {size: 1}}
  - {at: 2026-01-05T11:00:00Z, customer: ann, request: asked, data: {size: 2}}
  - {at: 2026-01-05T12:00:00Z, customer: ann, request: unknown}
expect: [{at: 2026-01-05T11:00:00Z, customer: ann, record: {size: 2}}]
counts: [{entered: asked, is: 1}, {not_entered: asked, is: 1}]`},
	} {
		p.run(t)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	for _, p := range []played{
		{"Moves a timer with the date and the zone that it follows", []string{`
campaign: meet
trigger: {event: registered}
steps: [{wait: {until: customer.meeting, at: "09:00"}}, {note: today}]
`}, `
customers:
  ann: {timezone: Europe/Berlin, attributes: {meeting: 2026-01-20}}
  bob: {timezone: Europe/Berlin, attributes: {meeting: 2026-01-20}}
  cid: {timezone: Europe/Berlin, attributes: {meeting: 2026-01-20}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: bob, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: cid, event: registered}
  - {at: 2026-01-10T10:00:00Z, customer: bob, update: {meeting: 2026-01-15}}
  - {at: 2026-01-10T10:00:00Z, customer: cid, update: {timezone: America/New_York}}
expect:
  - {at: 2026-01-20T08:00:00Z, customer: ann, note: note_2}
  - {at: 2026-01-15T08:00:00Z, customer: bob, note: note_2}
  - {at: 2026-01-20T14:00:00Z, customer: cid, note: note_2}`},
		{"Waits for a rule that events, other campaigns and time bring about", []string{`
campaign: waits
trigger: {event: registered}
steps:
  - wait_for: {id: calm, rule: 'count(events("visited", "1d")) == 0 and count(events("visited")) > 0', timeout: 10d}
  - branch: [{when: calm.happened, steps: [{note: calm}]}, {else: [{note: restless}]}]
`}, `
customers: {ann: {}, bob: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: bob, event: registered}
  - {at: 2026-01-06T10:00:00Z, customer: ann, event: visited}
expect:
  - {at: 2026-01-07T10:00:00.000001Z, customer: ann, note: note_2_1_1}
  - {at: 2026-01-15T10:00:00Z, customer: bob, note: note_2_2_1}`},
		{"Waits for a sub-journey, and hears when nobody is let in", []string{`
campaign: outer
trigger: {event: registered}
steps:
  - journey: {id: sub, campaign: inner, data: {n: "7"}, wait: true, timeout: 9d}
  - update: {set: {outcome: sub.status, why: sub.reason}}
`, `
campaign: inner
trigger: {api: {when: customer.good}}
steps: [{wait: 2d}, {update: {set: {n: entry.n}}}, {exit: enough}]
`}, `
customers: {ann: {attributes: {good: true}}, bob: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:00Z, customer: bob, event: registered}
expect:
  - {at: 2026-01-07T10:00:00Z, customer: ann, record: {n: 7}}
  - {at: 2026-01-07T10:00:00Z, customer: ann, record: {outcome: exited, why: enough}}
  - {at: 2026-01-05T10:00:00Z, customer: bob, record: {outcome: not entered}}`},
		{"Hears what servers answer, and when they do not", []string{`
campaign: asks
trigger: {event: registered}
steps:
  - webhook: {id: stock, url: "https://shop.example/stock", body: {sku: entry.sku}, wait: true, timeout: 1h}
  - webhook: {id: slow, url: "https://shop.example/slow", wait: true, timeout: 1h}
  - webhook: {id: told, url: "https://shop.example/told"}
  - update: {set: {left: stock.body.left, status: stock.status, slow: slow.happened}}
`}, `
webhooks:
  stock: {status: 200, body: {left: 3}, after: 2s}
  slow: {status: 200, after: 2h}
customers: {ann: {}}
events: [{at: 2026-01-05T10:00:00Z, customer: ann, event: registered, properties: {sku: tea}}]
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, webhook: stock}
  - {at: 2026-01-05T10:00:02Z, customer: ann, webhook: slow}
  - {at: 2026-01-05T11:00:02Z, customer: ann, webhook: told}
  - {at: 2026-01-05T11:00:02Z, customer: ann, record: {left: 3, status: 200, slow: false}}`},
		{"Gives work to owners, in turn, by rule, and to nobody", []string{`
campaign: work
trigger: {event: registered}
steps:
  - owner: {to: {round_robin: [olha@example.com, petro@example.com]}}
  - task: {id: owned, title: Call}
  - task: {id: ruled, title: Write, for: {rule: 'customer.big ? "petro@example.com" : "nobody@example.com"'}}
  - call: {id: ring, title: Ring, for: {user: olha@example.com}}
  - wait_for: {id: rung, event: call_completed, when: event.step == "ring", timeout: 2d}
  - note: {id: said, text: "{{ rung.outcome }}"}
`}, `
users: [olha@example.com, petro@example.com]
customers: {ann: {attributes: {big: true}}, bob: {}, cid: {attributes: {owner: petro@example.com}}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T11:00:00Z, customer: bob, event: registered}
  - {at: 2026-01-05T12:00:00Z, customer: cid, event: registered}
  - {at: 2026-01-06T10:00:00Z, customer: ann, complete: ring, outcome: reached, by: olha@example.com}
  - {at: 2026-01-06T10:00:00Z, customer: ann, complete: ring, outcome: again}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, task: owned, for: olha@example.com}
  - {at: 2026-01-05T10:00:00Z, customer: ann, task: ruled, for: petro@example.com}
  - {at: 2026-01-05T10:00:00Z, customer: ann, call: ring, for: olha@example.com}
  - {at: 2026-01-05T11:00:00Z, customer: bob, task: owned, for: petro@example.com}
  - {at: 2026-01-05T11:00:00Z, customer: bob, task: ruled}
  - {at: 2026-01-05T11:00:00Z, customer: bob, call: ring}
  - {at: 2026-01-05T12:00:00Z, customer: cid, task: owned, for: petro@example.com}
  - {at: 2026-01-05T12:00:00Z, customer: cid, task: ruled}
  - {at: 2026-01-05T12:00:00Z, customer: cid, call: ring}
  - {at: 2026-01-06T10:00:00Z, customer: ann, note: said}
  - {at: 2026-01-07T11:00:00Z, customer: bob, note: said}
never: [{customer: bob, task: ruled, for: nobody@example.com}]
nothing_else: true`},
		{"Redeems a coupon once, by its owner, while it is good", []string{`
campaign: gift
trigger: {event: registered}
exit: [gift.redeemed]
steps: [{coupon: {id: gift, pool: spring, expires: 2d}}, {wait: 5d}, {note: unused}]
`}, `
pools: {spring: [AAA, BBB, CCC]}
customers: {ann: {}, bob: {}, cid: {}, dee: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-05T10:00:01Z, customer: bob, event: registered}
  - {at: 2026-01-05T10:00:02Z, customer: cid, event: registered}
  - {at: 2026-01-05T10:00:03Z, customer: dee, event: registered}
  - {at: 2026-01-05T11:00:00Z, customer: bob, event: order_completed, properties: {coupon: AAA}}
  - {at: 2026-01-06T10:00:00Z, customer: ann, event: order_completed, properties: {coupon: aaa}}
  - {at: 2026-01-06T11:00:00Z, customer: ann, event: order_completed, properties: {coupon: AAA}}
  - {at: 2026-01-08T10:00:00Z, customer: cid, event: order_completed, properties: {coupon: CCC}}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, coupon: gift}
  - {at: 2026-01-06T10:00:00Z, customer: ann, left: gift, reason: gift.redeemed}
  - {at: 2026-01-10T10:00:01Z, customer: bob, note: note_3}
  - {at: 2026-01-10T10:00:02Z, customer: cid, note: note_3}
  - {at: 2026-01-10T10:00:03Z, customer: dee, note: note_3}
never: [{customer: ann, note: note_3}, {customer: dee, coupon: gift}]`},
		{"Repeats, and counts each time", []string{`
campaign: nag
trigger: {event: registered}
goal: {event: order_completed}
steps: [{repeat: {max: 4, steps: [{task: {id: nag, title: Nag}}, {wait: 1d}]}}]
`}, `
customers: {ann: {}}
events:
  - {at: 2026-01-05T10:00:00Z, customer: ann, event: registered}
  - {at: 2026-01-07T12:00:00Z, customer: ann, event: order_completed}
expect:
  - {at: 2026-01-05T10:00:00Z, customer: ann, task: nag}
  - {at: 2026-01-06T10:00:00Z, customer: ann, task: nag}
  - {at: 2026-01-07T10:00:00Z, customer: ann, task: nag}
  - {at: 2026-01-07T12:00:00Z, customer: ann, left: nag}
nothing_else: true`},
		{"Chooses the arm of an experiment that reached the goal more often", []string{`
campaign: offer
trigger: {audience: "true"}
goal: {event: order_completed}
steps:
  - split: {id: offer, by: goal, after: 1d, arms: {a: {share: 10%, steps: [{task: {id: a, title: A}}]}, b: {share: 10%, steps: [{task: {id: b, title: B}}]}, winner: rest}}
  - wait: 9d
`}, `
start: 2026-01-05T10:00:00Z
customers: {"c{{n}}": {count: 1000}}
events: [{at: 2026-01-05T20:00:00Z, customer: "c{{n}}", arm: {offer: b}, event: order_completed}]
counts:
  - {task: b, from: 2026-01-06T10:00:00Z, to: 2026-01-06T10:00:00Z, min: 700}
  - {sum: [{task: a}, {task: b}], is: 1000}`},
	} {
		p.run(t)
	}
}
