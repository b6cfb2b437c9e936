package segments

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

func TestTurns(t *testing.T) {
	t.Parallel()
	s := open(t)
	other := storetest.Workspace(t, s.st)
	s.create("low", "customer.n < 3")
	s.create("both", `segment("low") and customer.even == true`)
	_, _, err := s.Edit(t.Context(), s.seed.Workspace, "low", Draft{Rule: "customer.n < 2"})
	require.NoError(t, err)
	theirs, err := s.st.CreateSegment(t.Context(), other.Workspace, store.SegmentDraft{Name: "a", Kind: store.SegmentRule, Rule: "true"})
	require.NoError(t, err)
	turns := NewTurns(s.Builder)
	next := func() string {
		ref, found, err := turns.Next(t.Context())
		require.NoError(t, err)
		if !found {
			return ""
		}
		return ref.ID
	}
	done := func(workspace int64, id string) { turns.Done(store.SegmentRef{Workspace: workspace, ID: id}) }
	low, both := s.get("low").ID, s.get("both").ID

	require.Equal(t, low, next(), "the oldest; the other waits for it")
	require.Equal(t, theirs.ID, next(), "nobody waits for another workspace")
	require.Empty(t, next(), "one at a time in each")
	done(other.Workspace, theirs.ID)
	require.Empty(t, next(), "each once")
	done(s.seed.Workspace, low)
	require.Equal(t, both, next())
	done(s.seed.Workspace, both)
	turns.Again()
	require.Equal(t, theirs.ID, next(), "whose turn is longest ago")
	require.Equal(t, low, next())
}
