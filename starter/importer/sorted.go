package importer

import (
	"bufio"
	"cmp"
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// sortChunk is how many bytes of the file are sorted in memory at a time.
const sortChunk = 64 << 20

// sortedRows gives rows grouped by a key, and within it in the order of the file: an external merge sort. The order
// depends on nothing but the rows, so that a later run can skip as many as an earlier one has committed.
type sortedRows struct {
	comma byte
	runs  runHeap
	files []*os.File
	dir   string
	read  int64 // bytes given out
	cells []string
}

// keyed is a row with what it is sorted by.
type keyed struct {
	row
	key string
}

func compareKeyed(a, b keyed) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.line, b.line))
}

// sortRows sorts what a reader gives into temporary files, chunk bytes at a time. The caller closes the result.
func sortRows(ctx context.Context, from *csvReader, chunk int, key func(row) string, progress func(row)) (*sortedRows, error) {
	dir, err := os.MkdirTemp("", "dotyk-import-")
	if err != nil {
		return nil, fmt.Errorf("make folder for sorting: %w", err)
	}
	s := &sortedRows{comma: from.comma, dir: dir}
	if err := s.split(ctx, from, chunk, key, progress); err != nil {
		return nil, errors.Join(err, s.close())
	}
	for i := range s.runs {
		if err := s.runs[i].advance(); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	heap.Init(&s.runs)
	return s, nil
}

func (s *sortedRows) split(ctx context.Context, from *csvReader, chunk int, key func(row) string, progress func(row)) error {
	var pile []keyed
	size := 0
	for {
		got, err := from.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		done := err != nil
		if len(pile) > 0 && (done || size >= chunk) {
			if err := s.spill(pile); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			clear(pile)
			pile, size = pile[:0], 0
		}
		if done {
			return nil
		}
		progress(got)
		one := keyed{got, key(got)}
		one.cells = nil // split again when it is given out
		pile = append(pile, one)
		size += len(got.raw) + 100 // and what a row takes besides its text
	}
}

// spill writes a sorted run.
func (s *sortedRows) spill(pile []keyed) error {
	slices.SortFunc(pile, compareKeyed)
	f, err := os.Create(filepath.Join(s.dir, strconv.Itoa(len(s.files))))
	if err != nil {
		return fmt.Errorf("create file for sorting: %w", err)
	}
	s.files = append(s.files, f)
	w := bufio.NewWriterSize(f, 256<<10)
	var buf []byte
	for _, k := range pile {
		buf = binary.AppendUvarint(buf[:0], uint64(k.line)) //nolint:gosec // lines are counted from 1
		fault := lineError{}
		if k.fault != nil {
			fault = *k.fault
		}
		for _, text := range []string{k.key, k.raw, fault.reason, fault.advice} {
			buf = binary.AppendUvarint(buf, uint64(len(text)))
			buf = append(buf, text...)
		}
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("write file for sorting: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write file for sorting: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind file for sorting: %w", err)
	}
	s.runs = append(s.runs, &sortedRun{r: bufio.NewReaderSize(f, 64<<10)})
	return nil
}

// next gives the row with the smallest key of all runs.
func (s *sortedRows) next() (row, error) {
	for len(s.runs) > 0 && s.runs[0].done {
		heap.Pop(&s.runs)
	}
	if len(s.runs) == 0 {
		return row{}, io.EOF
	}
	got := s.runs[0].head.row
	if err := s.runs[0].advance(); err != nil {
		return row{}, err
	}
	heap.Fix(&s.runs, 0)
	s.cells, _ = split(got.raw, s.comma, s.cells[:0])
	got.cells = s.cells
	s.read += int64(len(got.raw) + 1)
	got.end = s.read
	return got, nil
}

// close removes the temporary files.
func (s *sortedRows) close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

type sortedRun struct {
	r    *bufio.Reader
	head keyed
	done bool
}

func (s *sortedRun) advance() error {
	number, err := binary.ReadUvarint(s.r)
	if errors.Is(err, io.EOF) {
		s.done = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("read sorted file: %w", err)
	}
	var texts [4]string
	for i := range texts {
		length, err := binary.ReadUvarint(s.r)
		if err != nil {
			return fmt.Errorf("read sorted file: %w", err)
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(s.r, text); err != nil {
			return fmt.Errorf("read sorted file: %w", err)
		}
		texts[i] = string(text)
	}
	s.head = keyed{row{line: int(number), raw: texts[1]}, texts[0]} //nolint:gosec // written by spill
	if texts[2] != "" {
		s.head.fault = &lineError{texts[2], texts[3]}
	}
	return nil
}

// runHeap has the run with the smallest head at its root; finished runs come first, to be taken off.
type runHeap []*sortedRun

func (h runHeap) Len() int { return len(h) }
func (h runHeap) Less(i, j int) bool {
	if h[i].done != h[j].done {
		return h[i].done
	}
	return compareKeyed(h[i].head, h[j].head) < 0
}
func (h runHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push appends a run; package heap asks for it.
func (h *runHeap) Push(x any) {
	if run, ok := x.(*sortedRun); ok {
		*h = append(*h, run)
	}
}

// Pop takes the last run off; package heap asks for it.
func (h *runHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
