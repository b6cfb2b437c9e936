package importer

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"unicode/utf8"
)

// survey is what a first look at the whole file finds. Nothing is stored before it is done.
type survey struct {
	Encoding  string `json:"encoding"`
	Scattered bool   `json:"scattered"` // the lines of some order do not stand together
}

// seenOrders is how many orders the survey remembers at a time. An order that comes again after so many others that
// its place was taken is not noticed; with more than one such order in a file, hardly ever all are missed.
const seenOrders = 1 << 20

// survey reads the file once: is it UTF-8 throughout, and do the lines of each order stand together?
func (f *file) survey(ctx context.Context, m *Mapping, encoding string, progress *meter) (survey, error) {
	found := survey{Encoding: encoding}
	proper, broken := 0, 0 // lines beyond ASCII that are UTF-8, and that are not
	rows := f.rows(f.start, f.startLine, func(text []byte) (string, *lineError) {
		if !ascii(text) {
			if utf8.Valid(text) {
				proper++
			} else {
				broken++
			}
		}
		return asIs(text)
	})
	var orders *adjacency
	if m.orders != nil {
		orders = &adjacency{seen: make([]uint64, seenOrders)}
	}
	progress.begin("checking", f.size, f.start)
	defer progress.end()
	for count := 0; ; count++ {
		got, err := rows.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found, err
		}
		if count%1000 == 0 {
			progress.at(got.end, count)
			if err := ctx.Err(); err != nil {
				return found, err
			}
		}
		if orders != nil && !got.blank() {
			orders.add(m.orders.orderID.text(line{got.cells, m.at}))
		}
	}
	if found.Encoding == "" {
		found.Encoding = utf8Name
		if broken > proper { // a few broken lines do not make a whole file something else
			found.Encoding = windows1252
		}
	}
	found.Scattered = orders != nil && orders.scattered
	return found, nil
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// adjacency notices an id that comes again after another one, in a bounded memory.
type adjacency struct {
	seen      []uint64
	last      string
	scattered bool
}

func (a *adjacency) add(id string) {
	if id == "" || id == a.last || a.scattered {
		return
	}
	a.last = id
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // a hash.Hash never fails
	sum := h.Sum64()
	slot := &a.seen[sum%uint64(len(a.seen))]
	a.scattered = *slot == sum
	*slot = sum
}
