package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// play runs a world in this process and gives what controls it.
func play(t *testing.T) (say *json.Encoder, hear *json.Decoder, h hello) {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- playWorld(context.WithoutCancel(t.Context()), inR, outW) }()
	t.Cleanup(func() {
		require.NoError(t, inW.Close())
		require.NoError(t, <-ended)
	})
	say, hear = json.NewEncoder(inW), json.NewDecoder(outR)
	require.NoError(t, hear.Decode(&h))
	return say, hear, h
}

// last skips news of progress.
func last(t *testing.T, hear *json.Decoder) done {
	t.Helper()
	for {
		var d done
		require.NoError(t, hear.Decode(&d))
		if d.Over || d.Error != "" {
			return d
		}
	}
}

func mail(t *testing.T, h hello, to ...string) {
	t.Helper()
	addr := strings.TrimPrefix(h.SMTP, "smtp://")
	body := "Subject: Hi\r\n\r\n.dot first\r\n" + strings.Repeat("x", 200_000) + "\r\n"
	require.NoError(t, smtp.SendMail(addr, nil, "a@bench.example", to, []byte(body)))
}

type posted struct {
	Batch []struct {
		Type, Event, UserID string
		Traits              struct{ Email string }
	}
	Historical bool
}

func TestWorldPostsAndAwaitsMail(t *testing.T) {
	t.Parallel()
	say, hear, h := play(t)
	var requests atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		key, _, _ := r.BasicAuth()
		var p posted
		if key != "k" || r.URL.Path != "/v1/batch" || json.NewDecoder(r.Body).Decode(&p) != nil {
			http.Error(w, "bad", http.StatusBadRequest)
			return
		}
		for _, m := range p.Batch {
			if m.Type == "identify" {
				mail(t, h, m.Traits.Email)
			}
		}
	}))
	t.Cleanup(api.Close)
	require.NoError(t, say.Encode(job{URL: api.URL, Key: "k", Label: "a", Kind: registration, Items: 7, Batch: 3, Connections: 2, Mails: true}))
	d := last(t, hear)
	require.Empty(t, d.Error)
	require.Equal(t, int64(3), requests.Load())
	require.Len(t, d.Mails, 7)
	require.Len(t, d.Requests, 3)
	require.Positive(t, d.Bytes)

	require.NoError(t, say.Encode(job{URL: api.URL, Key: "k", Label: "b", Kind: registration, Items: 4, Batch: 1, Connections: 1, Mails: true, Patient: true}))
	d = last(t, hear)
	require.Empty(t, d.Error)
	require.Len(t, d.Mails, 4)
	require.Len(t, d.Requests, 4)
}

func TestWorldFindsDoubledMail(t *testing.T) {
	t.Parallel()
	say, hear, h := play(t)
	api := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mail(t, h, "a-0@bench.example", "a-0@bench.example")
	}))
	t.Cleanup(api.Close)
	require.NoError(t, say.Encode(job{URL: api.URL, Label: "a", Kind: registration, Items: 1, Batch: 1, Connections: 1, Mails: true}))
	require.Contains(t, last(t, hear).Error, "came twice")
}

func TestWorldTellsRefusals(t *testing.T) {
	t.Parallel()
	say, hear, _ := play(t)
	for answer, status := range map[string]int{"busy": http.StatusTooManyRequests, `{"success":true,"rejected":[]}`: http.StatusOK} {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
		}))
		require.NoError(t, say.Encode(job{URL: api.URL, Kind: view, Items: 1, Batch: 1, Connections: 1, Customers: 1}))
		require.Contains(t, last(t, hear).Error, answer)
		api.Close()
	}
	require.NoError(t, say.Encode(job{URL: "http://127.0.0.1:1", Kind: view, Items: 1, Batch: 1, Connections: 1, Customers: 1}))
	require.Contains(t, last(t, hear).Error, "post events")
	require.NoError(t, say.Encode(job{URL: "%", Kind: view, Items: 1, Batch: 1, Connections: 1, Customers: 1}))
	require.Contains(t, last(t, hear).Error, "make request")
}

// TestSinkPipelines sends all commands at once, and expects one answer to each.
func TestSinkPipelines(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.await([]string{"x@y"}, time.Now())
	here, there := net.Pipe()
	go w.mail.converse(there)
	r := bufio.NewReader(here)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "220 bench\r\n", line)
	go func() {
		_, _ = io.WriteString(here, "MAIL FROM:<a@b>\r\nRCPT TO:<no@y>\r\nRSET\r\nRCPT TO:<x@y>\r\nDATA\r\n..\r\n.\r\nQUIT\r\n")
	}()
	answers, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "250 OK\r\n250 OK\r\n250 OK\r\n250 OK\r\n354 Go on\r\n250 OK\r\n221 Bye\r\n", string(answers))
	require.Equal(t, 1, w.count())
	require.Empty(t, w.strange)
}

// TestBodies holds what is posted to what the API is told: valid JSON with the ids that the cases count on.
func TestBodies(t *testing.T) {
	t.Parallel()
	var batch posted
	require.NoError(t, json.Unmarshal(newPoster(job{Kind: registration, Batch: 2, Label: "l"}, nil).body(nil, 3, 5), &batch))
	require.Len(t, batch.Batch, 4)
	require.Equal(t, "l-3@bench.example", batch.Batch[0].Traits.Email)
	require.Equal(t, "registered", batch.Batch[3].Event)
	require.False(t, batch.Historical)

	require.NoError(t, json.Unmarshal(newPoster(job{Kind: view, Batch: 2, Customers: 2, Historical: true}, nil).body(nil, 0, 3), &batch))
	require.Len(t, batch.Batch, 3)
	require.True(t, batch.Historical)

	var one struct{ Event string }
	single := newPoster(job{Kind: view, Batch: 1, Customers: 2}, nil).body(nil, 0, 1)
	require.NoError(t, json.NewDecoder(bytes.NewReader(single)).Decode(&one))
	require.Equal(t, "product_viewed", one.Event)
}
