package fault

import (
	"log/slog"
	"net/http"
	"sync"

	"dotyk/starter/devenv/internal/answer"
)

// Rules are the rules in force, the oldest first. The zero value has none. It is safe for concurrent use.
type Rules[T any] struct {
	mu    sync.Mutex
	rules []*T
}

// First gives the first rule that takes says yes to. It may count in the rule, and must not keep it.
func (s *Rules[T]) First(takes func(rule *T) bool) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, rule := range s.rules {
		if takes(rule) {
			return *rule, true
		}
	}
	var none T
	return none, false
}

func (s *Rules[T]) list() []T {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]T, len(s.rules))
	for i, rule := range s.rules {
		list[i] = *rule
	}
	return list
}

func (s *Rules[T]) set(change func(rules []*T) []*T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = change(s.rules)
}

// Handle has GET on a path list the rules, POST add one and DELETE take all away. What is added goes through accept
// first, which may set what the request must not, and says what is wrong.
func (s *Rules[T]) Handle(mux *http.ServeMux, path string, log *slog.Logger, accept func(rule *T) error) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		answer.JSON(w, log, http.StatusOK, s.list())
	})
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var rule T
		if !answer.ReadJSON(w, r, log, &rule) {
			return
		}
		if err := accept(&rule); err != nil {
			answer.Problem(w, log, http.StatusBadRequest, err.Error())
			return
		}
		added := rule // as it is added: once it stands among the rules it is counted in
		s.set(func(rules []*T) []*T { return append(rules, &rule) })
		answer.JSON(w, log, http.StatusCreated, added)
	})
	mux.HandleFunc("DELETE "+path, func(w http.ResponseWriter, _ *http.Request) {
		s.set(func([]*T) []*T { return nil })
		w.WriteHeader(http.StatusNoContent)
	})
}
