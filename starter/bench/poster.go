package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// tellEvery is how often progress is told.
const tellEvery = 200 * time.Millisecond

// poster sends the requests of a job.
type poster struct {
	job
	world  *world
	client *http.Client
	next   atomic.Int64 // first item that nobody posts yet
	posted atomic.Int64
	bytes  atomic.Int64
	mu     sync.Mutex
	took   []time.Duration
}

func newPoster(j job, w *world) *poster {
	return &poster{job: j, world: w, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: j.Connections, MaxConnsPerHost: j.Connections, DisableCompression: true},
		Timeout:   time.Minute,
	}}
}

// tell reports progress until the returned function is called.
func (p *poster) tell(say *json.Encoder) func() {
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(tellEvery)
		defer t.Stop()
		for {
			select {
			case <-over:
				return
			case <-t.C:
			}
			n := int(p.posted.Load())
			if p.Mails || p.Expect > 0 {
				n = p.world.count()
			}
			if say.Encode(done{Posted: n}) != nil { // nobody listens any more: then the job ends too
				return
			}
		}
	})
	return func() {
		close(over)
		wg.Wait()
	}
}

// post sends everything, on as many connections as were asked for.
func (p *poster) post(ctx context.Context) error {
	defer p.client.CloseIdleConnections()
	if p.Kind == nothing {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	for range p.Connections {
		g.Go(func() error { return p.connection(ctx) })
	}
	return g.Wait()
}

func (p *poster) connection(ctx context.Context) error {
	var body []byte
	var took []time.Duration
	defer func() {
		p.mu.Lock()
		p.took = append(p.took, took...)
		p.mu.Unlock()
	}()
	for {
		first := int(p.next.Add(int64(p.Batch))) - p.Batch
		if first >= p.Items {
			return nil
		}
		last := min(first+p.Batch, p.Items)
		body = p.body(body[:0], first, last)
		began := time.Now()
		if p.Mails {
			p.world.await(p.addresses(first, last), began)
		}
		if err := p.request(ctx, body); err != nil {
			return err
		}
		took = append(took, time.Since(began))
		p.posted.Add(int64(last - first))
		p.bytes.Add(int64(len(body)))
		if p.Patient {
			if err := p.world.wait(ctx, last); err != nil {
				return err
			}
		}
	}
}

func (p *poster) request(ctx context.Context, body []byte) error {
	path := "/v1/batch"
	if p.single() {
		path = "/v1/track"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.SetBasicAuth(p.Key, "")
	req.Header.Set("Content-Type", "application/json")
	res, err := p.client.Do(req)
	if err != nil {
		return fmt.Errorf("post events: %w", err)
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read to its end
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode != http.StatusOK || bytes.Contains(answer, []byte(`"rejected"`)) {
		return fmt.Errorf("post events: the API answered %s: %.300s", res.Status, answer)
	}
	return nil
}

func (p *poster) single() bool { return p.Kind == view && p.Batch == 1 }

func (p *poster) latencies() []time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.took
}

func (p *poster) addresses(first, last int) []string {
	list := make([]string, 0, last-first)
	for i := first; i < last; i++ {
		list = append(list, fmt.Sprintf("%s-%d@bench.example", p.Label, i))
	}
	return list
}

// body writes items as Segment's clients send them.
func (p *poster) body(b []byte, first, last int) []byte {
	now := time.Now().UTC().Format(time.RFC3339Nano)
	if p.single() {
		return p.appendView(b, first, now)
	}
	b = append(b, `{"batch":[`...)
	for i := first; i < last; i++ {
		if i > first {
			b = append(b, ',')
		}
		switch p.Kind {
		case registration:
			b = p.appendRegistration(b, i, now)
		case view:
			b = p.appendView(b, i, now)
		case nothing:
		}
	}
	if p.Historical {
		return fmt.Appendf(b, `],"sentAt":%q,"historical":true}`, now)
	}
	return fmt.Appendf(b, `],"sentAt":%q}`, now)
}

func (p *poster) appendRegistration(b []byte, i int, now string) []byte {
	b = fmt.Appendf(b, `{"type":"identify","messageId":"%[1]s-i-%[2]d","userId":"%[1]s-%[2]d","timestamp":%[3]q,`+
		`"traits":{"email":"%[1]s-%[2]d@bench.example","name":"Ann Example %[2]d","plan":"pro"}},`, p.Label, i, now)
	return fmt.Appendf(b, `{"type":"track","messageId":"%[1]s-t-%[2]d","userId":"%[1]s-%[2]d","timestamp":%[3]q,`+
		`"event":"registered","properties":{"plan":"pro","source":"site"}}`, p.Label, i, now)
}

func (p *poster) appendView(b []byte, i int, now string) []byte {
	return fmt.Appendf(b, `{"type":"track","messageId":"%[1]s-%[2]d","userId":"%[1]s-%[3]d","timestamp":%[4]q,`+
		`"event":"product_viewed","properties":{"product_id":"sku-%[5]d","price":%[6]d.50,"currency":"EUR","category":"shoes"},`+
		`"context":{"library":{"name":"bench","version":"1"},"page":{"url":"https://shop.example/p/%[5]d"}}}`,
		p.Label, i, i%p.Customers, now, i%1000, 10+i%90)
}
