package campaign_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	d := parse(t, welcome)
	require.Empty(t, d.Check(campaign.Known{}))
	vs := d.Check(campaign.Known{
		Template: func(name string) bool { return name != "welcome" },
		Topic:    func(string) bool { return false },
	})
	require.Len(t, vs, 2)
	require.Equal(t, campaign.CodeUnknownTopic, vs[0].Code)
	require.Equal(t, 5, vs[0].Line)
	require.Equal(t, campaign.CodeUnknownTemplate, vs[1].Code)
	require.Equal(t, 10, vs[1].Line)
}

func TestCheckNames(t *testing.T) {
	t.Parallel()
	no := func(string) bool { return false }
	nothing := campaign.Known{Template: no, Topic: no, Segment: no, List: no, User: no, Pool: no, Campaign: no}
	for name, c := range map[string]struct {
		src   string
		codes []string
	}{
		"segment":  {topOf("trigger: {segment: vip}"), []string{campaign.CodeUnknownSegment}},
		"fallback": {stepsOf("  - sms: {text: a, fallback: {email: {template: b}}}"), []string{campaign.CodeUnknownTemplate}},
		"users": {
			stepsOf("  - task: {title: a, for: {user: ann}}\n  - call: {title: a, for: {round_robin: [ann, bob]}}\n  - owner: {to: {user: ann}}"),
			[]string{campaign.CodeUnknownUser, campaign.CodeUnknownUser, campaign.CodeUnknownUser, campaign.CodeUnknownUser},
		},
		"lists":    {stepsOf("  - update: {add_to: [a], remove_from: [b]}"), []string{campaign.CodeUnknownList, campaign.CodeUnknownList}},
		"pool":     {stepsOf("  - coupon: {pool: a}\n  - coupon: {prefix: b}"), []string{campaign.CodeUnknownPool}},
		"campaign": {stepsOf("  - repeat: {max: 2, steps: [{journey: {campaign: a}}, {wait: 1d}]}"), []string{campaign.CodeUnknownCampaign}},
		"owner":    {stepsOf("  - task: {title: a}"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, c.src)
			require.Empty(t, d.Check(campaign.Known{}))
			var codes []string
			for _, v := range d.Check(nothing) {
				if v.Code == campaign.CodeUnknownTopic {
					continue
				}
				require.Positive(t, v.Line)
				codes = append(codes, v.Code)
			}
			require.Equal(t, c.codes, codes)
		})
	}
}

func TestCheckCircle(t *testing.T) {
	t.Parallel()
	leading := func(name, to string) *campaign.Definition {
		return parse(t, "campaign: "+name+"\ntrigger: {api: true}\nsteps:\n  - journey: {campaign: "+to+"}")
	}
	a, b, c, e := leading("a", "b"), leading("b", "c"), leading("c", "a"), leading("e", "e")
	require.Empty(t, a.Check(campaign.Known{Live: []*campaign.Definition{a, b}}))
	vs := a.Check(campaign.Known{Live: []*campaign.Definition{b, c}})
	require.Len(t, vs, 1)
	require.Equal(t, campaign.CodeCircle, vs[0].Code)
	require.Equal(t, "this leads back to the campaign itself: a → b → c → a", vs[0].Message)
	require.Equal(t, 4, vs[0].Line)
	require.Equal(t, campaign.CodeCircle, e.Check(campaign.Known{})[0].Code)
	require.Empty(t, a.Check(campaign.Known{Live: []*campaign.Definition{b, leading("c", "e"), e}}),
		"a circle of others is theirs")
}

func TestCautionConsent(t *testing.T) {
	t.Parallel()
	world := func(policy audience.TopicPolicy) campaign.Known {
		return campaign.Known{Policy: func(topic string) (audience.TopicPolicy, bool) { return policy, topic == "news" }}
	}
	const steps = "\nsteps:\n  - email: {template: a}\n  - sms: {text: b}"
	const head = "campaign: c\ntopic: news\n"
	for name, c := range map[string]struct {
		src  string
		want int
	}{
		"nothing asks":   {head + "trigger: {event: e}" + steps, 2},
		"another topic":  {"campaign: c\ntopic: offers\ntrigger: {event: e}" + steps, 0},
		"service":        {"campaign: c\ntransactional: true\ntrigger: {event: e}" + steps, 0},
		"trigger":        {head + "trigger: {event: e, when: 'in_topic(\"news\")'}" + steps, 0},
		"wrong topic":    {head + "trigger: {event: e, when: 'in_topic(\"offers\")'}" + steps, 2},
		"segment":        {head + "trigger: {segment: s, when: 'in_topic(\"news\")'}" + steps, 0},
		"audience":       {head + "trigger: {audience: 'in_topic(\"news\")'}" + steps, 0},
		"schedule":       {head + "trigger: {schedule: {cron: '@daily', audience: 'in_topic(\"news\")'}}" + steps, 0},
		"date":           {head + "trigger: {date: {attribute: b}, when: 'in_topic(\"news\")'}" + steps, 0},
		"api":            {head + "trigger: {api: {when: 'in_topic(\"news\")'}}" + steps, 0},
		"exit":           {head + "exit: ['not in_topic(\"news\")']\ntrigger: {event: e}" + steps, 0},
		"reachable":      {head + "reachable: [email]\ntrigger: {event: e}" + steps, 1},
		"wait for":       {stepsOf("  - wait_for: {rule: 'in_topic(\"news\")', timeout: 1d}\n  - sms: {text: b}"), 0},
		"branch":         {stepsOf("  - branch: [{when: 'in_topic(\"news\")', steps: [{sms: {text: b}}]}]"), 0},
		"behind branch":  {stepsOf("  - branch: [{when: 'in_topic(\"news\")', steps: []}]\n  - sms: {text: b}"), 1},
		"in a repeat":    {stepsOf("  - repeat: {max: 2, steps: [{sms: {text: b}}, {wait: 1d}]}"), 1},
		"in a split":     {stepsOf("  - split: {arms: {a: {share: 50%, steps: [{sms: {text: b}}]}, b: rest}}"), 1},
		"fallbacks once": {stepsOf("  - sms: {text: b, fallback: {email: {template: a}}}"), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, c.src)
			vs := d.Caution(world(audience.OptIn))
			require.Len(t, vs, c.want, "%v", vs)
			for _, v := range vs {
				require.Equal(t, campaign.CodeNoConsent, v.Code)
			}
			require.Empty(t, d.Caution(world(audience.OptOut)))
			require.Empty(t, d.Caution(campaign.Known{}))
		})
	}
}

func TestCautionCollision(t *testing.T) {
	t.Parallel()
	named := func(name, trigger, steps string) *campaign.Definition {
		return parse(t, "campaign: "+name+"\ntopic: news\ntrigger: {"+trigger+"}\nsteps: ["+steps+"]")
	}
	const mail, text, pause = "{email: {template: a}}", "{sms: {text: b}}", "{wait: 1d}"
	mine := named("mine", "event: e", mail)
	for name, c := range map[string]struct {
		other *campaign.Definition
		want  int
	}{
		"same":            {named("other", "event: e", mail), 1},
		"itself":          {named("mine", "event: e", mail), 0},
		"other event":     {named("other", "event: f", mail), 0},
		"segment":         {named("other", "segment: e", mail), 0},
		"other channel":   {named("other", "event: e", text), 0},
		"later":           {named("other", "event: e", pause+", "+mail), 0},
		"on one way":      {named("other", "event: e", "{branch: [{when: customer.a, steps: ["+pause+"]}]}, "+mail), 1},
		"later every way": {named("other", "event: e", "{branch: [{when: customer.a, steps: ["+pause+"]}, {else: [{exit: x}]}]}, "+mail), 0},
		"within":          {named("other", "event: e", "{branch: [{when: customer.a, steps: ["+mail+"]}]}"), 1},
		"service":         {parse(t, "campaign: s\ntransactional: true\ntrigger: {event: e}\nsteps: ["+mail+"]"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vs := mine.Caution(campaign.Known{Live: []*campaign.Definition{c.other}})
			require.Len(t, vs, c.want)
			for _, v := range vs {
				require.Equal(t, campaign.CodeCollision, v.Code)
				require.Equal(t, 3, v.Line)
			}
		})
	}
	left, joined := named("left", "segment: {left: vip}", mail), named("joined", "segment: vip", mail)
	require.Empty(t, left.Caution(campaign.Known{Live: []*campaign.Definition{joined}}))
	require.Len(t,
		joined.Caution(campaign.Known{Live: []*campaign.Definition{named("more", "segment: {entered: vip}", mail)}}), 1)
}

func TestFewCodes(t *testing.T) {
	t.Parallel()
	d := parse(t, stepsOf("  - coupon: {id: a, pool: full}\n  - coupon: {id: b, pool: low}\n"+
		"  - coupon: {id: c, pool: none}\n  - coupon: {id: made, prefix: X-}"))
	free := func(pool string) int { return map[string]int{"full": 100, "low": 10}[pool] }
	vs := d.Caution(campaign.Known{Codes: free})
	require.Equal(t, campaign.Violations{{
		Line: 7, Column: 18, Path: "steps[2].coupon.id", Code: campaign.CodeFewCodes,
		Message: "step c takes codes from the pool none, and it has no free code: whoever comes here gets none, and no message that shows it",
		Advice:  `Add codes with "starter coupon add none FILE", or give the messages a fallback.`,
	}}, vs)
	require.Empty(t, d.Caution(campaign.Known{}))
	require.Empty(t, d.Shortage(free, 10))
	few := d.Shortage(free, 11)
	require.Len(t, few, 1, "of the pool without any the caution has told")
	require.Equal(t, 6, few[0].Line)
	require.Contains(t, few[0].Message, "the pool low, and it has fewer free codes than the 11 customers who would enter at once")
}

func TestAddingToWhatIsNoNumber(t *testing.T) {
	t.Parallel()
	schema := &rules.Schema{Attributes: map[string]rules.Type{
		"plan": rules.TypeText, "visits": rules.TypeNumber, "odd": rules.TypeMixed,
	}}
	source := func(attribute string) []byte {
		return []byte("campaign: c\ntrigger: {event: e}\nsteps:\n  - update: {add: {" + attribute + ": 1}}")
	}
	_, err := campaign.ParseKnowing(source("plan"), schema)
	var violations campaign.Violations
	require.ErrorAs(t, err, &violations)
	require.Len(t, violations, 1)
	require.Equal(t, "steps[0].update.add.plan", violations[0].Path)
	require.Contains(t, violations[0].Message, "its values are of the type text")
	for _, attribute := range []string{"visits", "odd", "new"} {
		_, err := campaign.ParseKnowing(source(attribute), schema)
		require.NoError(t, err, attribute)
	}
	_, err = campaign.ParseKnowing(source("plan"), nil)
	require.NoError(t, err, "nothing is known")
}

func TestDateOfWhatIsNoDate(t *testing.T) {
	t.Parallel()
	schema := &rules.Schema{Attributes: map[string]rules.Type{
		"plan": rules.TypeText, "visits": rules.TypeNumber, "renews": rules.TypeTime, "odd": rules.TypeMixed,
	}}
	for attribute, ok := range map[string]bool{
		"renews": true, "odd": true, "new": true, "created_at": true, "plan": false, "visits": false, "email": false, "name": false,
	} {
		_, err := campaign.ParseKnowing([]byte("campaign: c\ntrigger: {date: {attribute: "+attribute+"}}\nsteps: [{wait: 1d}]"), schema)
		if ok {
			require.NoError(t, err, attribute)
			continue
		}
		var violations campaign.Violations
		require.ErrorAs(t, err, &violations, attribute)
		require.Len(t, violations, 1)
		require.Equal(t, "trigger.date.attribute", violations[0].Path)
		require.Contains(t, violations[0].Message, "customer."+attribute+" is no date")
	}
}
