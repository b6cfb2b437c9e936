package rehearsal

import (
	"cmp"
	"container/heap"
	"time"
)

// rank orders what falls on the same moment, as the engine does it: what happened comes first, then what time alone
// brings about, then the journeys that either concerns, and the messages when all of that is decided.
type rank uint8

const (
	rankInput   rank = iota
	rankCheck        // membership that passing time may change
	rankFire         // triggers by time
	rankAdvance      // journeys
	rankSend         // messages
)

// item is something to do at a moment.
type item struct {
	at    time.Time
	rank  rank
	first int // priority of a message, higher first
	seq   int // in the order of asking
	do    func()
}

func (i *item) compare(o *item) int {
	return cmp.Or(
		i.at.Compare(o.at), cmp.Compare(i.rank, o.rank), cmp.Compare(o.first, i.first), cmp.Compare(i.seq, o.seq),
	)
}

// agenda is a heap of what is still to do.
type agenda struct {
	items []*item
	asked int
}

// Len implements heap.Interface.
func (a *agenda) Len() int { return len(a.items) }

// Less implements heap.Interface.
func (a *agenda) Less(i, j int) bool { return a.items[i].compare(a.items[j]) < 0 }

// Swap implements heap.Interface.
func (a *agenda) Swap(i, j int) { a.items[i], a.items[j] = a.items[j], a.items[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { a.items = append(a.items, x.(*item)) } //nolint:forcetypeassert // only add pushes

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := len(a.items) - 1
	x := a.items[last]
	a.items[last] = nil
	a.items = a.items[:last]
	return x
}

func (a *agenda) add(i item) {
	a.asked++
	i.seq = a.asked
	heap.Push(a, &i)
}

// next takes what is to be done first, unless that is later than a moment.
func (a *agenda) next(until time.Time) *item {
	if len(a.items) == 0 || a.items[0].at.After(until) {
		return nil
	}
	return heap.Pop(a).(*item) //nolint:forcetypeassert // only add pushes
}
