package manage

import (
	"context"
	"net/http"
	"time"

	"dotyk/activities/store"
)

// Observation is one opening of a message of ours, or one click in it, with what was made of it.
type Observation struct {
	TouchID   string    `json:"touch_id"`
	Kind      string    `json:"kind" enum:"open,click,honeypot"`
	Method    string    `json:"method" enum:"GET,HEAD"`
	URL       string    `json:"url,omitempty" doc:"Of a click: where the link leads."`
	At        time.Time `json:"at"`
	Network   string    `json:"network,omitempty" doc:"As much of the address as is kept: /24 of IPv4, /48 of IPv6."`
	UserAgent string    `json:"user_agent,omitempty"`
	Verdict   string    `json:"verdict" enum:"pending,human,machine,scanner" doc:"Only what people did becomes an event."`
	Score     int       `json:"score" doc:"100 and more is a machine's."`
	Reasons   []string  `json:"reasons"`
}

// Observations is a list of them, the newest first.
type Observations struct {
	Observations []Observation `json:"observations"`
}

type observationsInput struct {
	ID    string `path:"id" doc:"Our id, the site's id, e-mail or phone."`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
}

// observationRoutes are those of what was seen of messages.
func (s *server) observationRoutes() {
	add(s, operation(http.MethodGet, "/customers/{id}/observations", "customerObservations", "customers",
		"List openings and clicks of a customer's messages, those of machines too, the newest first"), s.customerObservations)
}

func (s *server) customerObservations(ctx context.Context, ws int64, in *observationsInput) (*body[Observations], error) {
	customer, err := s.Store.FindCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.Observations(ctx, ws, customer.ID, in.Limit)
	if err != nil {
		return nil, err
	}
	out := Observations{Observations: make([]Observation, len(list))}
	for i, o := range list {
		out.Observations[i] = observation(o)
	}
	return answerWith(out), nil
}

func observation(o store.TouchObservation) Observation {
	return Observation{
		TouchID: o.TouchID, Kind: string(o.Kind), Method: o.Method, URL: o.URL, At: o.At, Network: o.Network,
		UserAgent: o.UserAgent, Verdict: o.Verdict, Score: o.Score, Reasons: o.Reasons,
	}
}
