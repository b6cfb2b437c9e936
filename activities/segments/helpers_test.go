package segments

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// shop is a workspace with its segments.
type shop struct {
	*Service
	*Builder
	t    *testing.T
	seed storetest.Seed
	st   *store.Store
}

func open(t *testing.T) *shop {
	t.Helper()
	st := storetest.New(t)
	return &shop{
		Service: New(st), t: t, seed: storetest.Workspace(t, st), st: st,
		Builder: &Builder{
			Store: st, Cache: &Cache{}, Logger: slog.New(slog.DiscardHandler), Now: time.Now, Timeout: time.Minute,
		},
	}
}

// happen stores an event of a customer whose record takes on the attributes.
func (s *shop) happen(user, name string, attributes map[string]any, change ...func(m *store.Message)) {
	s.t.Helper()
	raw, err := json.Marshal(attributes)
	require.NoError(s.t, err)
	mail := user + "@example.com"
	m := store.Message{
		Call: store.CallTrack, MessageID: fmt.Sprintf("%s-%s-%d", user, name, time.Now().UnixNano()), UserID: user, Name: name,
		Properties: raw, Profile: store.Profile{Email: &mail, Attributes: attributes}, OccurredAt: time.Now(), ReceivedAt: time.Now(),
	}
	for _, c := range change {
		c(&m)
	}
	_, err = s.st.Ingest(s.t.Context(), s.seed.Workspace, []store.Delivery{{Source: s.seed.Source, Messages: []store.Message{m}}})
	require.NoError(s.t, err)
}

// people stores n customers u0, u1, …, each with its number as attribute n.
func (s *shop) people(n int) {
	s.t.Helper()
	for i := range n {
		s.happen(fmt.Sprint("u", i), "registered", map[string]any{"n": i, "even": i%2 == 0})
	}
}

func (s *shop) create(name, rule string) {
	s.t.Helper()
	_, _, err := s.Create(s.t.Context(), s.seed.Workspace, Draft{Name: name, Rule: rule, By: "test"})
	require.NoError(s.t, err)
}

// build builds whatever waits for it, and gives the names in that order.
func (s *shop) build() []string {
	s.t.Helper()
	list, err := s.List(s.t.Context(), s.seed.Workspace)
	require.NoError(s.t, err)
	var names []string
	for turns := NewTurns(s.Builder); ; {
		ref, found, err := turns.Next(s.t.Context())
		require.NoError(s.t, err)
		if !found {
			return names
		}
		i := slices.IndexFunc(list, func(one store.Segment) bool { return one.ID == ref.ID })
		names = append(names, list[i].Name)
		require.NoError(s.t, s.Build(s.t.Context(), ref))
		turns.Done(ref)
	}
}

// members gives the site's ids of the members, sorted.
func (s *shop) members(name string) []string {
	s.t.Helper()
	list, err := s.st.Members(s.t.Context(), s.seed.Workspace, name, time.Time{}, "", 1000)
	require.NoError(s.t, err)
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.ExternalID)
	}
	slices.Sort(ids)
	return ids
}

func (s *shop) get(name string) store.Segment {
	s.t.Helper()
	seg, err := s.Get(s.t.Context(), s.seed.Workspace, name)
	require.NoError(s.t, err)
	return seg
}

func (s *shop) id(user string) string {
	s.t.Helper()
	c, err := s.st.FindCustomer(s.t.Context(), s.seed.Workspace, user)
	require.NoError(s.t, err)
	return c.ID
}

// fault is what is wrong with a rule, in words.
func fault(t *testing.T, err error) string {
	t.Helper()
	var wrong *rules.Error
	require.ErrorAs(t, err, &wrong)
	return wrong.Message
}
