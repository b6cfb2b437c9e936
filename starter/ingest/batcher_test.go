package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"dotyk/activities/store"
	"dotyk/activities/store/pglocal"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/starter/ingest"
)

func TestMain(m *testing.M) {
	code := storetest.Main(m)
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func message(id string) store.Message {
	return store.Message{
		Call: store.CallTrack, MessageID: id, UserID: "u1", Name: "registered", Properties: json.RawMessage(`{"a":1}`), OccurredAt: noon, ReceivedAt: noon,
	}
}

// poison is what Parse would have refused and Postgres does too.
func poison(id string) store.Message {
	m := message(id)
	m.Properties = json.RawMessage(`{"a":"\u0000"}`)
	return m
}

func delivery(seed storetest.Seed, messages ...store.Message) store.Delivery {
	return store.Delivery{Source: seed.Source, Messages: messages}
}

// gate lets a test hold a real store's transactions back and see their sizes.
type gate struct {
	ingest.Writer
	entered chan int // how many deliveries a transaction has
	release chan struct{}
}

func (g *gate) Ingest(ctx context.Context, workspace int64, ds []store.Delivery) ([]store.IngestResult, error) {
	g.entered <- len(ds)
	<-g.release
	return g.Writer.Ingest(ctx, workspace, ds)
}

func newBatcher(t *testing.T, to ingest.Writer, cfg ingest.BatcherConfig) *ingest.Batcher {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	b := ingest.NewBatcher(to, cfg)
	t.Cleanup(b.Close)
	return b
}

func names(t *testing.T, st *store.Store, seed storetest.Seed) []string {
	t.Helper()
	c, err := st.FindCustomer(t.Context(), seed.Workspace, "u1")
	require.NoError(t, err)
	r, err := st.Record(t.Context(), seed.Workspace, c.ID, 1000)
	require.NoError(t, err)
	var list []string
	for _, e := range r.Timeline {
		list = append(list, e.Name)
	}
	return list
}

func TestBatcher(t *testing.T) {
	t.Parallel()

	t.Run("Each submitter gets its own result", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		b := newBatcher(t, st, ingest.BatcherConfig{})
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				res, err := b.Submit(t.Context(), delivery(seed, message(fmt.Sprint("a", i)), message(fmt.Sprint("b", i)), message(fmt.Sprint("a", i))))
				require.NoError(t, err)
				require.Equal(t, 2, res.Stored)
				require.Equal(t, 1, res.Duplicates)
			})
		}
		wg.Wait()
		require.Len(t, names(t, st, seed), 100)
	})

	t.Run("What waits meanwhile shares one transaction", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed, other := storetest.Workspace(t, st), storetest.Workspace(t, st)
		g := &gate{Writer: st, entered: make(chan int), release: make(chan struct{})}
		b := newBatcher(t, g, ingest.BatcherConfig{Transaction: 5})
		var wg sync.WaitGroup
		submit := func(seed storetest.Seed, id string, n int) {
			ms := make([]store.Message, n)
			for i := range ms {
				ms[i] = message(fmt.Sprint(id, i))
			}
			wg.Go(func() {
				res, err := b.Submit(t.Context(), delivery(seed, ms...))
				require.NoError(t, err)
				require.Equal(t, n, res.Stored)
			})
		}
		submit(seed, "first", 1)
		require.Equal(t, 1, <-g.entered, "a lonely one waits for nobody")
		for i := range 4 {
			submit(seed, fmt.Sprint("queued", i), 2)
		}
		for b.Waiting(seed.Workspace) < 8 {
			yield(t)
		}
		submit(other, "elsewhere", 7)
		require.Equal(t, 1, <-g.entered, "another workspace is not held up, and a large delivery is not split")
		close(g.release)
		require.Equal(t, 2, <-g.entered, "5 messages at most, 2 each")
		require.Equal(t, 2, <-g.entered)
		wg.Wait()
	})

	t.Run("A full queue refuses at once", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := &gate{Writer: st, entered: make(chan int, 10), release: make(chan struct{})}
		b := newBatcher(t, g, ingest.BatcherConfig{Queue: 2})
		var wg sync.WaitGroup
		for _, id := range []string{"a", "b"} {
			wg.Go(func() {
				_, err := b.Submit(t.Context(), delivery(seed, message(id), message(id+"x")))
				require.NoError(t, err)
			})
			if id == "a" {
				<-g.entered
			}
		}
		for b.Waiting(seed.Workspace) < 2 {
			yield(t)
		}
		_, err := b.Submit(t.Context(), delivery(seed, message("c")))
		var busy *ingest.BusyError
		require.ErrorAs(t, err, &busy)
		require.GreaterOrEqual(t, busy.RetryAfter, time.Second)
		require.Contains(t, err.Error(), "try again")
		close(g.release)
		wg.Wait()
		require.Len(t, names(t, st, seed), 4)
	})

	t.Run("Who goes away harms nobody", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := &gate{Writer: st, entered: make(chan int), release: make(chan struct{})}
		b := newBatcher(t, g, ingest.BatcherConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.Submit(ctx, delivery(seed, message("running")))
			require.ErrorIs(t, err, context.Canceled)
		})
		<-g.entered
		wg.Go(func() {
			_, err := b.Submit(ctx, delivery(seed, message("waiting")))
			require.ErrorIs(t, err, context.Canceled)
		})
		for b.Waiting(seed.Workspace) < 1 {
			yield(t)
		}
		cancel()
		wg.Wait()
		wg.Go(func() {
			res, err := b.Submit(t.Context(), delivery(seed, message("staying")))
			require.NoError(t, err)
			require.Equal(t, 1, res.Stored)
		})
		for b.Waiting(seed.Workspace) < 2 {
			yield(t)
		}
		close(g.release)
		require.Equal(t, 1, <-g.entered, "what nobody waits for is dropped before it begins")
		wg.Wait()
		_, err := b.Submit(ctx, delivery(seed, message("late")))
		require.ErrorIs(t, err, context.Canceled)
		require.Len(t, names(t, st, seed), 2, "running and staying")
	})

	t.Run("Close drains", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		g := &gate{Writer: st, entered: make(chan int), release: make(chan struct{})}
		b := newBatcher(t, g, ingest.BatcherConfig{})
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := b.Submit(t.Context(), delivery(seed, message("a")))
			require.NoError(t, err)
		})
		<-g.entered
		wg.Go(b.Close)
		close(g.release)
		wg.Wait()
		_, err := b.Submit(t.Context(), delivery(seed, message("b")))
		require.ErrorIs(t, err, ingest.ErrClosed)
		b.Close()
		require.Len(t, names(t, st, seed), 1)
	})
}

func TestBatcherSalvages(t *testing.T) {
	t.Parallel()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	g := &gate{Writer: st, entered: make(chan int, 100), release: make(chan struct{})}
	b := newBatcher(t, g, ingest.BatcherConfig{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := b.Submit(t.Context(), delivery(seed, message("first")))
		require.NoError(t, err)
	})
	<-g.entered
	for i := range 6 {
		wg.Go(func() {
			id := fmt.Sprint("m", i)
			ms := []store.Message{message(id + "0"), message(id + "1"), message(id + "2"), message(id + "3"), message(id + "4")}
			if i%3 == 1 {
				ms[3] = poison(id + "3")
			}
			d := delivery(seed, ms...)
			d.DeadLetters = []store.DeadLetter{{Severity: store.FieldOnly, Place: "x", Reason: "r", Advice: "a", Payload: []byte("{}"), ReceivedAt: noon}}
			res, err := b.Submit(t.Context(), d)
			require.NoError(t, err)
			if i%3 != 1 {
				require.Equal(t, 5, res.Stored)
				require.Empty(t, res.Refused)
				return
			}
			require.Equal(t, 4, res.Stored)
			require.Len(t, res.Refused, 1)
			require.Equal(t, id+"3", res.Refused[0].MessageID)
			require.Equal(t, store.Rejected, res.Refused[0].Severity)
			require.Contains(t, res.Refused[0].Reason, "Unicode escape")
			require.NotEmpty(t, res.Refused[0].Advice)
			require.True(t, json.Valid(res.Refused[0].Payload))
			require.Contains(t, string(res.Refused[0].Payload), `"userId":"u1"`)
		})
	}
	for b.Waiting(seed.Workspace) < 36 {
		yield(t)
	}
	close(g.release)
	wg.Wait()
	require.Len(t, names(t, st, seed), 29)
}

func TestBatcherFails(t *testing.T) {
	t.Parallel()
	t.Run("On dead letters that cannot be stored either", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		b := newBatcher(t, st, ingest.BatcherConfig{})
		d := delivery(seed)
		d.DeadLetters = []store.DeadLetter{{Severity: "unheard of", ReceivedAt: noon}}
		_, err := b.Submit(t.Context(), d)
		require.ErrorContains(t, err, "store dead letters")
		require.True(t, store.Refused(err))
		d.Messages = []store.Message{message("a"), message("b")}
		_, err = b.Submit(t.Context(), d)
		require.Error(t, err)
	})
	t.Run("On a fault of the program", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		b := newBatcher(t, st, ingest.BatcherConfig{})
		wrong := message("a")
		wrong.CustomerID = "no uuid"
		_, err := b.Submit(t.Context(), delivery(seed, wrong, message("b")))
		require.NoError(t, err, "data that Postgres refuses is salvaged, whatever is wrong with it")
		st.Close()
		_, err = b.Submit(t.Context(), delivery(seed, message("c")))
		require.ErrorContains(t, err, "closed pool")
	})
}

// TestBatcherRestart stops Postgres under a batcher and starts it again.
func TestBatcherRestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) // root's Postgres runs as another user
	cfg := pglocal.Config{Dir: dir, Fast: true}
	server, err := pglocal.Start(t.Context(), cfg)
	require.NoError(t, err)
	_, err = store.Migrate(t.Context(), server.URL("postgres"))
	require.NoError(t, err)
	st, err := store.Open(t.Context(), server.URL("postgres"), store.Options{MaxConns: 4})
	require.NoError(t, err)
	t.Cleanup(st.Close)
	seed := storetest.Workspace(t, st)

	hasty := newBatcher(t, st, ingest.BatcherConfig{Patience: time.Millisecond})
	patient := newBatcher(t, st, ingest.BatcherConfig{Patience: time.Minute})
	_, err = patient.Submit(t.Context(), delivery(seed, message("before")))
	require.NoError(t, err)
	require.NoError(t, server.Stop())

	_, err = hasty.Submit(t.Context(), delivery(seed, message("lost")))
	require.ErrorIs(t, err, ingest.ErrUnavailable)
	require.True(t, store.Unavailable(err))
	var wg sync.WaitGroup
	wg.Go(func() {
		res, err := patient.Submit(t.Context(), delivery(seed, message("during")))
		require.NoError(t, err)
		require.Equal(t, 1, res.Stored)
	})
	doomed := ingest.NewBatcher(st, ingest.BatcherConfig{Patience: time.Minute})
	wg.Go(func() {
		_, err := doomed.Submit(t.Context(), delivery(seed, message("closed")))
		require.Error(t, err, "closing ends the waiting")
	})
	doomed.Close()
	server, err = pglocal.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	wg.Wait()
	require.ElementsMatch(t, []string{"registered", "registered"}, names(t, st, seed))
	c, err := st.FindCustomer(t.Context(), seed.Workspace, "u1")
	require.NoError(t, err)
	require.Equal(t, audience.Client, c.Kind)
}

// yield gives the goroutines of a test a moment, and stops a test that waits in vain.
func yield(t *testing.T) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal("waited in vain")
	case <-time.After(time.Millisecond):
	}
}
