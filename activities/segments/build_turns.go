package segments

import (
	"context"

	"dotyk/activities/store"
)

// Turns says which segment is to be built next, so that no workspace waits for another's many. It is for one goroutine.
// Make one by NewTurns.
type Turns struct {
	builder *Builder
	busy    map[int64]bool // workspaces of which a segment is being built
	served  map[int64]int  // when a workspace had its last turn, in turns
	turn    int
	tried   map[store.SegmentRef]bool
}

// NewTurns begins to take turns.
func NewTurns(b *Builder) *Turns {
	return &Turns{builder: b, busy: map[int64]bool{}, served: map[int64]int{}, tried: map[store.SegmentRef]bool{}}
}

// Next gives the segment whose turn it is: of the workspaces of which none is being built the one whose turn is longest
// ago, and of its segments one that mentions none of the others, and that was not given before; false when there is none.
// Whoever takes it says Done at the end.
func (t *Turns) Next(ctx context.Context) (store.SegmentRef, bool, error) {
	refs, err := t.builder.Store.BuildingSegments(ctx)
	if err != nil {
		return store.SegmentRef{}, false, err
	}
	var open []store.SegmentRef
	for _, ref := range refs {
		if t.busy[ref.Workspace] || t.tried[ref] {
			continue
		}
		if len(open) > 0 && ref.Workspace != open[0].Workspace {
			if t.served[ref.Workspace] >= t.served[open[0].Workspace] {
				continue
			}
			open = nil
		}
		open = append(open, ref)
	}
	if len(open) == 0 {
		return store.SegmentRef{}, false, nil
	}
	if open, err = t.builder.ordered(ctx, open); err != nil || len(open) == 0 {
		return store.SegmentRef{}, false, err
	}
	ref := open[0]
	t.turn++
	t.busy[ref.Workspace], t.served[ref.Workspace], t.tried[ref] = true, t.turn, true
	return ref, true, nil
}

// Done says that a segment that Next gave is not being built any more.
func (t *Turns) Done(ref store.SegmentRef) { delete(t.busy, ref.Workspace) }

// Again lets Next give those anew that still wait, or wait again.
func (t *Turns) Again() { clear(t.tried) }
