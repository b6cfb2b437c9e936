package api

import (
	"net/http"
	"time"
)

// alive says that the process answers; it asks nobody else.
func (*server) alive(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// healthz says whether the program can do its work, and if not, why.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) error {
	if err := s.Ready(r.Context()); err != nil {
		setRetry(w, &problem{retryAfter: time.Second})
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"status": "unavailable", "reason": err.Error()})
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}
