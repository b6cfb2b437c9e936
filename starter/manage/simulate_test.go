package manage_test

import (
	"testing"
	"time"

	"dotyk/starter/manage"
)

const greet = "campaign: greet\ntrigger: {event: registered}\ntopic: news\nsteps:\n  - email: {id: hello, subject: Hi, text: Hello}\n"

func TestSimulate(t *testing.T) {
	t.Parallel()

	t.Run("Of a draft, of what is sent, and what is wrong", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, nil)
		const path = "/campaigns/greet/simulate"
		range2020 := `"from":"2020-01-01","to":"2020-02-01"`
		o.all([]exchange{
			{name: "no draft", method: "POST", path: path, body: `{` + range2020 + `}`, status: 404, want: []string{`draft of campaign`, "greet"}},
			{name: "save", method: "PUT", path: "/campaigns/greet/draft", body: `{"source":` + text(t, greet) + `}`, status: 200},
			{
				name: "before anybody", method: "POST", path: path, body: `{` + range2020 + `}`, status: 200,
				want: []string{`"campaign":"greet"`, `"customers":0`, `"journeys":0`, `"assumptions":["The draft`, `"days":[]`}, unwanted: []string{`"live"`, "null"},
			},
			{
				name: "what is sent, with a policy", method: "POST", path: path, status: 200,
				body: `{` + range2020 + `,"source":` + text(t, greet) + `,"policy":"holdout: 2%","sms_price":0.1,"sample":2}`,
				want: []string{`"of":3`, "the policy that was given"},
			},
			{name: "another name", method: "POST", path: path, body: `{` + range2020 + `,"source":` + text(t, nudge) + `}`, status: 422, want: []string{`"wrong_name"`}},
			{name: "faulty", method: "POST", path: path, body: `{` + range2020 + `,"source":` + text(t, faulty) + `}`, status: 422, want: []string{`"bad_campaign"`}},
			{name: "a faulty policy", method: "POST", path: path, body: `{` + range2020 + `,"policy":"caps: 3"}`, status: 422, want: []string{`"violations":[{`}},
			{name: "no moment", method: "POST", path: path, body: `{"from":"soon","to":"2020-02-01"}`, status: 422, want: []string{"body.from"}},
			{name: "the wrong way round", method: "POST", path: path, body: `{"from":"2020-02-01","to":"2020-01-01"}`, status: 422, want: []string{`"invalid"`, "body.to", "let it end later"}},
			{name: "the future", method: "POST", path: path, body: `{"from":"2020-02-01","to":"2200-01-01"}`, status: 422, want: []string{"yet to come"}},
			{name: "no time", method: "POST", path: path, body: `{}`, status: 422, want: []string{"from"}},
		})
	})

	t.Run("Gives up in time", func(t *testing.T) {
		t.Parallel()
		o := newOffice(t, func(c *manage.Config) { c.SimulationTimeout = time.Nanosecond })
		o.all([]exchange{{
			name: "too slow", method: "POST", path: "/campaigns/greet/simulate", status: 504,
			body: `{"from":"2020-01-01","to":"2020-02-01","source":` + text(t, greet) + `}`, want: []string{`"too_slow"`},
		}})
	})
}
