package manage

import (
	"context"
	"errors"
	"net/http"
	"time"

	"dotyk/activities/simulation"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
	"dotyk/starter/campaigns"
)

const simulatePath = "/campaigns/{name}/simulate"

// standardSample is how many customers are played where the caller does not say; more takes a place on the command line.
const standardSample = 10_000

type simulateInput struct {
	CampaignPath
	Match
	Body struct {
		Source    string    `json:"source,omitempty" doc:"The campaign in YAML or JSON; the draft when left out."`
		Templates Templates `json:"templates,omitempty" doc:"Templates that go with the source."`
		From      string    `json:"from" minLength:"1" maxLength:"40" doc:"Beginning: 2026-01-31 or 2026-01-31T09:00:00Z."`
		To        string    `json:"to" minLength:"1" maxLength:"40" doc:"End, which does not belong to it; not in the future."`
		Sample    int       `json:"sample,omitempty" minimum:"1" maximum:"100000" doc:"Play about so many customers, evenly chosen; 10,000 when left out."`
		SMSPrice  float64   `json:"sms_price,omitempty" minimum:"0" doc:"Price of one part of a text message."`
		Policy    string    `json:"policy,omitempty" doc:"Quiet hours, caps and holdout to play with, in YAML or JSON; the workspace's when left out."`
	}
}

// simulateCampaign answers with the report; it writes nothing.
func (s *server) simulateCampaign(ctx context.Context, ws int64, in *simulateInput) (*body[*rehearsal.Report], error) {
	b := in.Body
	o := simulation.Options{Now: time.Now(), Sample: b.Sample, SMSPrice: b.SMSPrice}
	if o.Sample == 0 {
		o.Sample = standardSample
	}
	var err error
	if o.From, err = moment("body.from", b.From); err != nil {
		return nil, err
	}
	if o.To, err = moment("body.to", b.To); err != nil {
		return nil, err
	}
	if b.Policy != "" {
		policy, err := campaign.ParsePolicy([]byte(b.Policy))
		if err != nil {
			return nil, err
		}
		o.Policy = &policy
	}
	l, err := s.publishable(ctx, ws, in.Name, in.Match, campaigns.Text{Source: b.Source, Templates: b.Templates})
	if err != nil {
		return nil, err
	}
	o.Draft, o.Templates = l.Definition, l.Templates
	r, err := simulation.Run(ctx, s.Store, ws, o)
	switch {
	case err == nil:
		return answerWith(r), nil
	case errors.Is(err, simulation.ErrRange):
		p := problem(http.StatusUnprocessableEntity, "invalid", "%s", err)
		p.Errors = []Fault{{Location: "body.to", Message: err.Error()}}
		return nil, p
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, problem(http.StatusGatewayTimeout, "too_slow", "the simulation took longer than %s and was given up: "+
			"take a shorter time or a smaller sample, or use starter campaign simulate", s.SimulationTimeout)
	}
	return nil, err
}
