package manage

import (
	"net/http"
	"time"
)

// moment reads a point in time of a request, written by RFC 3339 or as a date alone, which is its midnight in UTC. No
// text is the zero time. Location says where in the request it stands.
func moment(location, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	const mend = "write 2026-01-31 or 2026-01-31T09:00:00Z"
	p := problem(http.StatusUnprocessableEntity, "invalid", "%s is not a moment: %s", location, mend)
	p.Errors = []Fault{{Location: location, Message: "not a moment: " + mend}}
	return time.Time{}, p
}
