package segments

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/activities/store"
)

func TestInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		names := []string{"a", "b", "c", "d", "e", "f"}
		list := make([]store.LiveSegment, 0, len(names))
		for i, at := range rapid.Permutation(names).Draw(rt, "stand") {
			seg := store.LiveSegment{ID: at, Name: at, Mentions: []string{"event:x", "segment:unknown"}}
			for _, earlier := range rapid.SliceOfDistinct(rapid.SampledFrom(names), rapid.ID).Draw(rt, "mentions") {
				if earlier < at {
					seg.Mentions = append(seg.Mentions, "segment:"+earlier)
				}
			}
			require.Len(rt, list, i)
			list = append(list, seg)
		}
		before := map[string]bool{}
		ordered := InOrder(list)
		require.Len(rt, ordered, len(list))
		for _, seg := range ordered {
			for _, name := range mentioned(seg.Mentions) {
				require.True(rt, name == "unknown" || before[name], "%s stands before %s, which it mentions", seg.Name, name)
			}
			before[seg.Name] = true
		}
	})
}

func TestInOrderCutsCycles(t *testing.T) {
	t.Parallel()
	ordered := InOrder([]store.LiveSegment{
		{Name: "a", Mentions: []string{"segment:b"}}, {Name: "b", Mentions: []string{"segment:a", "segment:b"}},
	})
	require.Len(t, ordered, 2)
}

func TestCycle(t *testing.T) {
	t.Parallel()
	list := []store.Segment{
		{Name: "a", Mentions: []string{"segment:b", "segment:c"}},
		{Name: "b", Mentions: []string{"customer:plan"}},
		{Name: "c", Mentions: []string{"segment:d"}},
		{Name: "d"},
	}
	require.Nil(t, cycle(list, "b", []string{"segment:c"}))
	require.Nil(t, cycle(list, "new", []string{"segment:a"}))
	require.Equal(t, []string{"d", "a", "c", "d"}, cycle(list, "d", []string{"segment:a"}))
	require.Equal(t, []string{"new", "new"}, cycle(list, "new", []string{"segment:new"}))
}
