package campaigns_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
	"dotyk/starter/examples"
)

// files makes a file system of a campaign and its templates.
func files(campaign string, templates map[string]string) fstest.MapFS {
	all := fstest.MapFS{"c.yaml": {Data: []byte(campaign)}}
	for name, text := range templates {
		all["templates/"+name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

const marketing = "campaign: c\ntopic: news\ntrigger: {event: e}\nsteps:\n"

func TestLoad(t *testing.T) {
	t.Parallel()
	t.Run("The examples have neither faults nor warnings", func(t *testing.T) {
		t.Parallel()
		for _, name := range examples.Names() {
			loaded, err := campaigns.Load(examples.Files, name, campaigns.Known{})
			require.NoError(t, err)
			require.Empty(t, loaded.Warnings, name)
		}
	})

	t.Run("A marketing e-mail without a link to unsubscribe is a warning", func(t *testing.T) {
		t.Parallel()
		const without = "---\nsubject: Hi\n---\n<p>Hi</p>"
		for name, c := range map[string]struct {
			src  string
			want int
		}{
			"in place":         {marketing + "  - email: {subject: Hi, text: Hello}", 1},
			"in place with it": {marketing + "  - email: {subject: Hi, text: 'Hello. {{ unsubscribe_url }}'}", 0},
			"only said":        {marketing + "  - email: {subject: Hi, text: unsubscribe_url}", 1},
			"template":         {marketing + "  - email: {template: plain}", 1},
			"template with it": {marketing + "  - email: {template: linked}", 0},
			"fallback":         {marketing + "  - sms: {text: Hi, fallback: {email: {template: plain}}}", 1},
			"service":          {strings.Replace(marketing, "topic: news", "transactional: true", 1) + "  - email: {template: plain}", 0},
		} {
			loaded, err := campaigns.Load(files(c.src, map[string]string{
				"plain.html": without, "linked.html": without + "{{ unsubscribe_url }}",
			}), "c.yaml", campaigns.Known{})
			require.NoError(t, err, name)
			require.Len(t, loaded.Warnings, c.want, name)
			for _, w := range loaded.Warnings {
				require.Equal(t, campaign.CodeNoUnsubscribe, w.Code, name)
				require.Equal(t, 5, w.Line, name)
			}
		}
	})

	t.Run("A name that nothing stands behind is a warning", func(t *testing.T) {
		t.Parallel()
		known := campaigns.Known{Schema: &rules.Schema{Attributes: map[string]rules.Type{"city": rules.TypeText}}}
		for name, c := range map[string]struct {
			steps string
			known campaigns.Known
			want  string
		}{
			"typing error":     {"  - sms: {text: 'Hi {{ custmer.name }}'}", campaigns.Known{}, `nothing is called "custmer"`},
			"in a fallback":    {"  - sms: {text: Hi, fallback: {sms: {text: '{{ gift.code }}'}}}", known, `nothing is called "gift"`},
			"no result":        {"  - sms: {id: one, text: Hi}\n  - sms: {text: '{{ one.at }}'}", known, `nothing is called "one"`},
			"in a template":    {"  - email: {template: t}", known, `no attribute is called "nmae"`},
			"unknown data":     {"  - sms: {text: '{{ customer.nmae }}'}", campaigns.Known{}, ""},
			"fields":           {"  - sms: {text: '{{ customer.first_name }}{{ customer.city }}{{ entry.x }}{{ campaign.name }}'}", known, ""},
			"a code":           {"  - coupon: {id: gift, prefix: G-}\n  - sms: {text: '{{ gift.code }}'}", known, ""},
			"set by a step":    {"  - update: {set: {tier: '1'}, add: {points: 1}}\n  - sms: {text: '{{ customer.tier }}{{ customer.points }}'}", known, ""},
			"made in a letter": {"  - sms: {text: '{% assign x = 1 %}{{ x }}'}", known, ""},
		} {
			loaded, err := campaigns.Load(files(marketing+c.steps, map[string]string{
				"t.html": "---\nsubject: Hi\n---\n{{ customer.nmae }}{{ unsubscribe_url }}",
			}), "c.yaml", c.known)
			require.NoError(t, err, name)
			if c.want == "" {
				require.Empty(t, loaded.Warnings, name)
				continue
			}
			require.Len(t, loaded.Warnings, 1, name)
			require.Contains(t, loaded.Warnings[0].Message, c.want, name)
			require.Equal(t, campaign.CodeUnknownName, loaded.Warnings[0].Code, name)
			require.Positive(t, loaded.Warnings[0].Line, name)
		}
	})

	t.Run("What a message says is checked at its place, also of a fallback", func(t *testing.T) {
		t.Parallel()
		for name, c := range map[string]struct{ steps, code, path string }{
			"broken":        {"  - sms: {id: s, text: '{{ broken'}", campaigns.CodeBadContent, "steps[0].sms.id"},
			"no subject":    {"  - email: {template: bare}", campaigns.CodeBadContent, "steps[0].email"},
			"fallback":      {"  - sms: {text: a, fallback: {sms: {text: '{{ broken'}}}", campaigns.CodeBadContent, "steps[0].sms.fallback.sms"},
			"task":          {"  - task: {title: '{{ broken'}", campaigns.CodeBadContent, "steps[0].task"},
			"task's text":   {"  - repeat: {max: 2, steps: [{wait: 1d}, {task: {title: a, text: '{% if a %}'}}]}", campaigns.CodeBadContent, "steps[0].repeat.steps[1].task"},
			"call's script": {"  - call: {title: a, script: '{{ a | nofilter }}'}", campaigns.CodeBadContent, "steps[0].call"},
			"note":          {"  - note: '{{ broken'", campaigns.CodeBadContent, "steps[0].note"},
			"no template":   {"  - email: {template: nowhere}", campaign.CodeUnknownTemplate, "steps[0].email"},
			"outside":       {"  - email: {template: ../c}", campaign.CodeUnknownTemplate, "steps[0].email"},
			"sms template":  {"  - sms: {template: nowhere}", campaign.CodeUnknownTemplate, "steps[0].sms"},
			"header":        {"  - webhook: {url: 'https://a.example', headers: {X-Shop: a, host: b}}", campaign.CodeBadValue, "steps[0].webhook"},
			"unknown topic": {"  - wait: 1d", campaign.CodeUnknownTopic, "topic"},
		} {
			known := campaigns.Known{}
			if c.code == campaign.CodeUnknownTopic {
				known.World.Topic = func(string) bool { return false }
			}
			_, err := campaigns.Load(files(marketing+c.steps, map[string]string{"bare.html": "<p>Hi</p>"}), "c.yaml", known)
			var vs campaign.Violations
			require.ErrorAs(t, err, &vs, name)
			require.Len(t, vs, 1, name)
			require.Equal(t, c.code, vs[0].Code, name)
			require.Equal(t, c.path, vs[0].Path, name)
			require.Positive(t, vs[0].Line, name)
		}
	})

	t.Run("Events that Dotyk brings about need not have happened to be known", func(t *testing.T) {
		t.Parallel()
		known := campaigns.Known{Schema: &rules.Schema{Events: map[string]map[string]rules.Type{"e": {}}}}
		loaded, err := campaigns.Load(files(marketing+`  - task: {id: ring, title: Ring}
  - wait_for: {id: rang, event: task_completed, when: 'event.step == "ring" and event.outcome == "reached"', timeout: 3d}
  - branch: [{when: 'count(events("coupon_redeemed", "30d")) > 0', steps: [{sms: {text: Hi}}]}]
`, nil), "c.yaml", known)
		require.NoError(t, err)
		require.Empty(t, loaded.Warnings)
		loaded, err = campaigns.Load(files(marketing+`  - branch: [{when: 'count(events("visited")) > 0', steps: [{sms: {text: Hi}}]}]`, nil), "c.yaml", known)
		require.NoError(t, err)
		require.Len(t, loaded.Warnings, 1)
		require.Equal(t, campaign.CodeUnknownName, loaded.Warnings[0].Code)
	})

	t.Run("Live campaigns are looked at", func(t *testing.T) {
		t.Parallel()
		const mail = "  - email: {subject: Hi, text: '{{ unsubscribe_url }}'}"
		other, err := campaign.Parse([]byte(strings.Replace(marketing+mail, "campaign: c", "campaign: d", 1)))
		require.NoError(t, err)
		loaded, err := campaigns.Load(files(marketing+mail, nil), "c.yaml", campaigns.Known{World: campaign.Known{Live: []*campaign.Definition{other}}})
		require.NoError(t, err)
		require.Len(t, loaded.Warnings, 1)
		require.Equal(t, campaign.CodeCollision, loaded.Warnings[0].Code)
	})

	t.Run("A file that is not there is no violation", func(t *testing.T) {
		t.Parallel()
		_, err := campaigns.Load(fstest.MapFS{}, "c.yaml", campaigns.Known{})
		require.ErrorIs(t, err, os.ErrNotExist)
	})

	t.Run("A template with half a head is said to be so", func(t *testing.T) {
		t.Parallel()
		_, err := campaigns.Load(files(marketing+"  - email: {template: half}", map[string]string{"half.html": "---\nsubject: Hi\n"}), "c.yaml", campaigns.Known{})
		require.ErrorContains(t, err, "never ends")
	})
}
