package phone

import (
	"container/heap"
	"sync"
	"time"
)

// job is a message whose next status is due.
type job struct {
	id  string
	due time.Time
}

// schedule holds the jobs, the earliest on top: one for each message that has a status to come.
type schedule struct {
	mu   sync.Mutex
	jobs jobs
	wake chan struct{} // has an element after the top changed
}

func (s *schedule) add(id string, due time.Time) {
	s.mu.Lock()
	heap.Push(&s.jobs, job{id, due})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// next takes the earliest job that is due by now. If there is none, it gives how long to wait for one; less than 0 is
// until wake.
func (s *schedule) next(now time.Time) (j job, ok bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.jobs) == 0 {
		return job{}, false, -1
	}
	if wait := s.jobs[0].due.Sub(now); wait > 0 {
		return job{}, false, wait
	}
	top, _ := heap.Pop(&s.jobs).(job)
	return top, true, 0
}

// jobs is a heap.Interface.
type jobs []job

func (j jobs) Len() int           { return len(j) }
func (j jobs) Less(a, b int) bool { return j[a].due.Before(j[b].due) }
func (j jobs) Swap(a, b int)      { j[a], j[b] = j[b], j[a] }

func (j *jobs) Push(x any) {
	if added, ok := x.(job); ok {
		*j = append(*j, added)
	}
}

func (j *jobs) Pop() any {
	last := len(*j) - 1
	popped := (*j)[last]
	*j = (*j)[:last]
	return popped
}

// dueOf says when the next status of a message is due: after the delay, or when it was scheduled for.
func dueOf(m stored, delay time.Duration) time.Time {
	if m.Status == Scheduled && m.SendAt != nil {
		return *m.SendAt
	}
	return m.UpdatedAt.Add(delay)
}
