package main

import (
	"slices"
	"time"
)

// figures are what one run of a case came to. Zero: not measured.
type figures struct {
	Items       int     `json:"items"`
	Seconds     float64 `json:"seconds"`         // from the first post to the last effect
	PerSecond   float64 `json:"per_second"`      // items
	OwnCPU      float64 `json:"own_cpu_us"`      // microseconds an item: this process, the Temporal server in it included
	PostgresCPU float64 `json:"postgres_cpu_us"` // microseconds an item: all processes of Postgres
	OutsideCPU  float64 `json:"outside_cpu_us"`  // microseconds an item: the process that posts and takes mail
	CPU         float64 `json:"cpu_us"`          // microseconds an item: ours and Postgres'
	P50         float64 `json:"p50_ms"`          // of an item's effect, or of a request
	P99         float64 `json:"p99_ms"`          //
	Body        float64 `json:"body_bytes"`      // bytes an item, as sent
	WAL         float64 `json:"wal_bytes"`       // bytes an item that Postgres logged
	History     float64 `json:"history"`         // events an item that Temporal keeps
	PeakRSS     float64 `json:"peak_rss_mb"`     // of this process, in megabytes of 10^6 bytes
	Load        float64 `json:"load_1m"`         // the machine's load average of the minute before
	Others      float64 `json:"others"`          // share of the machine that strangers took meanwhile
	Slowest     float64 `json:"slowest_ms"`      //
	Requests    int     `json:"requests,omitempty"`
}

// column is a figure that is shown.
type column struct {
	head   string
	unit   string
	places int // decimal
	of     func(*figures) *float64
}

// The columns, in the order in which they are shown.
func columns() []column {
	return []column{
		rate(), cpu(), ownCPU(), postgresCPU(),
		{"outside µs", "µs", 0, func(f *figures) *float64 { return &f.OutsideCPU }},
		p50(), p99(),
		{"slowest ms", "ms", 1, func(f *figures) *float64 { return &f.Slowest }},
		{"body B", "B", 0, func(f *figures) *float64 { return &f.Body }},
		walBytes(), history(),
		peakMemory(),
		{"load", "", 1, func(f *figures) *float64 { return &f.Load }},
		{"others", "", 2, func(f *figures) *float64 { return &f.Others }},
	}
}

func rate() column { return column{"/s", "/s", 0, func(f *figures) *float64 { return &f.PerSecond }} }

func cpu() column { return column{"CPU µs", "µs", 0, func(f *figures) *float64 { return &f.CPU }} }

func ownCPU() column {
	return column{"own µs", "µs", 0, func(f *figures) *float64 { return &f.OwnCPU }}
}

func postgresCPU() column {
	return column{"Postgres µs", "µs", 0, func(f *figures) *float64 { return &f.PostgresCPU }}
}

func walBytes() column {
	return column{"WAL B", "B", 0, func(f *figures) *float64 { return &f.WAL }}
}

func peakMemory() column {
	return column{"peak MB", "MB", 0, func(f *figures) *float64 { return &f.PeakRSS }}
}

func p50() column { return column{"p50 ms", "ms", 1, func(f *figures) *float64 { return &f.P50 }} }
func p99() column { return column{"p99 ms", "ms", 1, func(f *figures) *float64 { return &f.P99 }} }

// effect is what a case did, before the meter adds what it cost.
type effect struct {
	items     int
	wall      time.Duration
	latencies []time.Duration // of items or of requests
	body      int64           // bytes sent
	outside   time.Duration   // CPU of the other process
}

func (f *figures) take(e effect) {
	f.Items, f.Seconds = e.items, e.wall.Seconds()
	f.PerSecond = divide(float64(e.items), e.wall.Seconds())
	f.Body = divide(float64(e.body), float64(e.items))
	f.OutsideCPU = divide(micros(e.outside), float64(e.items))
	slices.Sort(e.latencies)
	f.P50, f.P99, f.Slowest = millis(quantile(e.latencies, 0.5)), millis(quantile(e.latencies, 0.99)), millis(quantile(e.latencies, 1))
	f.Requests = len(e.latencies)
}

// quantile gives the smallest value that at least the share q of the sorted values does not exceed (nearest rank).
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	rank := int(q * float64(len(sorted)))
	if float64(rank) < q*float64(len(sorted)) {
		rank++
	}
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median of an even number of values is the mean of the two in the middle.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianFigures takes the median of each figure by itself.
func medianFigures(runs []figures) figures {
	var m figures
	if len(runs) == 0 {
		return m
	}
	m.Items, m.Requests = runs[0].Items, runs[0].Requests
	seconds := column{of: func(f *figures) *float64 { return &f.Seconds }}
	for _, c := range append(columns(), seconds) {
		values := make([]float64, len(runs))
		for i := range runs {
			values[i] = *c.of(&runs[i])
		}
		*c.of(&m) = median(values)
	}
	return m
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
