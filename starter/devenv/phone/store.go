package phone

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"dotyk/starter/devenv/internal/journal"
)

// errNoMessage says that there is no message of that sid.
var errNoMessage = errors.New("no such message")

// optOut is what a customer said to a sender (a number or a messaging service) last.
type optOut struct {
	Customer string `json:"customer"`
	Sender   string `json:"sender"`
	Stopped  bool   `json:"stopped"` // STOP, not START
}

// record is one line of the journal: the state of a message, or of an opt-out. A later one replaces an earlier one.
type record struct {
	Message *stored `json:"message,omitempty"`
	OptOut  *optOut `json:"opt_out,omitempty"`
}

// store keeps the messages, bounded in number, and survives the death of the process.
type store struct {
	limit int

	mu       sync.RWMutex
	journal  *journal.Journal[record]
	messages []stored        // oldest first
	index    map[string]int  // where a message stands, by sid
	stops    map[optOut]bool // Customer and Sender as the key
}

func openStore(dir string, limit int) (*store, error) {
	s := &store{limit: limit, index: map[string]int{}, stops: map[optOut]bool{}}
	j, records, err := journal.Open[record](filepath.Join(dir, "phone.jsonl"))
	if err != nil {
		return nil, err
	}
	s.journal = j
	for _, r := range records {
		s.apply(r)
	}
	return s, nil
}

func (s *store) apply(r record) {
	if r.OptOut != nil {
		s.stops[optOut{Customer: r.OptOut.Customer, Sender: r.OptOut.Sender}] = r.OptOut.Stopped
	}
	if r.Message == nil {
		return
	}
	if at, ok := s.index[r.Message.ID]; ok {
		s.messages[at] = r.Message.clone()
		return
	}
	s.index[r.Message.ID] = len(s.messages)
	s.messages = append(s.messages, r.Message.clone())
}

// write makes a record durable, then visible. The caller holds the lock.
func (s *store) write(r record) error {
	if err := s.journal.Append(r); err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	s.apply(r)
	return s.trim()
}

// trim drops the oldest tenth of too many messages, and takes out of the file what is no longer true.
func (s *store) trim() error {
	if len(s.messages) > s.limit {
		s.messages = slices.Clone(s.messages[len(s.messages)-s.limit+s.limit/10:])
		clear(s.index)
		for at, m := range s.messages {
			s.index[m.ID] = at
		}
	} else if s.journal.Len() <= 1000+8*len(s.messages) {
		return nil
	}
	return s.journal.Replace(s.records())
}

func (s *store) records() []record {
	var all []record
	for key, stopped := range s.stops {
		key.Stopped = stopped
		all = append(all, record{OptOut: &key})
	}
	for _, m := range s.messages {
		all = append(all, record{Message: &m})
	}
	return all
}

func (s *store) add(m stored) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(record{Message: &m})
}

// change applies a change to a message and gives what became of it; an error of change leaves it as it was.
func (s *store) change(id string, change func(*stored) error) (stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.index[id]
	if !ok {
		return stored{}, errNoMessage
	}
	m := s.messages[at].clone()
	if err := change(&m); err != nil {
		return stored{}, err
	}
	m.UpdatedAt = time.Now().UTC()
	return m, s.write(record{Message: &m})
}

func (s *store) get(id string) (stored, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	at, ok := s.index[id]
	if !ok {
		return stored{}, errNoMessage
	}
	return s.messages[at].clone(), nil
}

// find gives the messages for which keep is true, oldest first.
func (s *store) find(keep func(stored) bool) []stored {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []stored
	for _, m := range s.messages {
		if keep(m) {
			found = append(found, m.clone())
		}
	}
	return found
}

func (s *store) setStopped(customer, sender string, stopped bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(record{OptOut: &optOut{Customer: customer, Sender: sender, Stopped: stopped}})
}

func (s *store) stopped(customer, sender string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.stops[optOut{Customer: customer, Sender: sender}]
}

// clear forgets the messages; opt-outs stay, as the customers' word.
func (s *store) clear() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, index := s.messages, s.index
	s.messages, s.index = nil, map[string]int{}
	if err := s.journal.Replace(s.records()); err != nil {
		s.messages, s.index = before, index
		return fmt.Errorf("clear phone: %w", err)
	}
	return nil
}

func (s *store) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.Close()
}
