package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// population is a record that is made up: customers and what they did. It is the same whenever it is asked for: every
// row follows from the seed and its number alone.
type population struct {
	Workspace int64
	Source    int64
	Customers int
	Events    int
	Seed      uint64
	Now       time.Time // nothing occurred later
}

const (
	historySpan = 18 * 30 * 24 * time.Hour // how far back events go
	beforeSpan  = 2 * 365 * 24 * time.Hour // how long before them the older half of the customers came
)

// rows is how many rows it has in all tables together.
func (p *population) rows() int { return 2*p.Customers + p.Events }

// start is when the first event occurred.
func (p *population) start() time.Time { return p.Now.Add(-historySpan) }

// created is when a customer came: half of them before the first event, evenly, and the others since.
func (p *population) created(n int) time.Time {
	half := p.Customers / 2
	if n < half {
		return p.start().Add(-beforeSpan + share(beforeSpan, n, half))
	}
	return p.start().Add(share(historySpan, n-half, p.Customers-half))
}

// known is how many customers there were at a moment since the start: those with smaller numbers.
func (p *population) known(at time.Time) int {
	half := p.Customers / 2
	since := float64(at.Sub(p.start())) / float64(historySpan)
	return max(1, half+int(since*float64(p.Customers-half)))
}

func share(of time.Duration, n, total int) time.Duration {
	return time.Duration(float64(of) * float64(n) / float64(max(total, 1)))
}

// occurred is when an event occurred. They go up with their numbers; there are the more of them the later it is.
func (p *population) occurred(i int) time.Time {
	const growth = 1.5
	passed := math.Pow((float64(i)+0.5)/float64(p.Events), 1/growth)
	return p.Now.Add(-time.Duration((1 - passed) * float64(historySpan))).Truncate(time.Microsecond)
}

// mostActive bounds how many times as much as the average a customer may do.
const mostActive = 8

// activity is how much a customer does, beside an average of 1. It is distributed exponentially, which makes the number
// of events of a customer geometric.
func (p *population) activity(n int) float64 {
	u := (float64(mix(p.Seed^activitySeries, uint64(n))>>11) + 0.5) / (1 << 53) //nolint:gosec // numbers are not negative
	return min(-math.Log(u), mostActive)
}

// who did something at a moment: one of the customers of that time, the active ones more often.
func (p *population) who(r *rand.Rand, at time.Time) int {
	known := p.known(at)
	for {
		if n := r.IntN(known); r.Float64()*mostActive < p.activity(n) {
			return n
		}
	}
}

// The series of random numbers, apart from each other.
const (
	activitySeries = iota + 1
	customerSeries
	eventSeries
	postedSeries
)

// mix makes a random number of a seed and a number (the finalizer of SplitMix64).
func mix(seed, n uint64) uint64 {
	z := seed*0x9e3779b97f4a7c15 + n + 0x9e3779b97f4a7c15
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// id makes a UUID of version 7 (RFC 9562 section 5.7), as the store does, so that keys lie in order of time.
func (p *population) id(series uint64, n int, at time.Time) [16]byte {
	var id [16]byte
	number := uint64(n) //nolint:gosec // numbers are not negative
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16|mix(p.Seed^series, 2*number)&0xffff)
	binary.BigEndian.PutUint64(id[8:], mix(p.Seed^series, 2*number+1))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id
}

func (p *population) customerID(n int) [16]byte { return p.id(customerSeries, n, p.created(n)) }

// userID is the id by which the site knows a customer.
func userID(n int) string { return "c" + strconv.Itoa(n) }

// zones and places of customers; those first are the most frequent.
var (
	homeZones = [...]string{ //nolint:gochecknoglobals // constants
		"Europe/Kyiv", "Europe/Warsaw", "Europe/Berlin", "Europe/London", "America/New_York", "Europe/Madrid",
		"America/Los_Angeles", "Asia/Tokyo", "America/Sao_Paulo", "Asia/Kolkata", "Australia/Sydney", "Pacific/Auckland",
	}
	homeCities = [...]string{ //nolint:gochecknoglobals // constants
		"Kyiv", "Warsaw", "Berlin", "London", "New York", "Madrid", "Los Angeles", "Tokyo", "São Paulo", "Mumbai", "Sydney",
		"Auckland", "Lviv", "Odesa", "Kharkiv", "Kraków", "Hamburg", "Manchester", "Boston", "Valencia",
	}
	plans   = [...]string{"free", "pro", "team", "enterprise"}             //nolint:gochecknoglobals // constants
	stages  = [...]string{"", "lead", "customer", "lost"}                  //nolint:gochecknoglobals // constants
	locales = [...]string{"uk-UA", "pl-PL", "de-DE", "en-GB", "en-US", ""} //nolint:gochecknoglobals // constants
	labels  = [...]string{"beta", "press", "referred", "vip", "wholesale"} //nolint:gochecknoglobals // constants, in order
)

// often picks the first of a list most often, each next one half as often or a little more.
func often[T any](r *rand.Rand, list []T) T {
	for i := range list {
		if r.IntN(5) < 2 {
			return list[i]
		}
	}
	return list[r.IntN(len(list))]
}

// customerColumns are those of table customers that customer gives.
func customerColumns() []string {
	return []string{
		"workspace_id", "id", "external_id", "email", "phone", "name", "locale", "timezone", "stage", "tags", "attributes",
		"created_at", "updated_at",
	}
}

// customer gives the row of a customer.
func (p *population) customer(n int) []any {
	r := p.random(customerSeries, n)
	created := p.created(n)
	phone := ""
	if r.IntN(2) == 0 {
		phone = fmt.Sprintf("+38050%07d", n%10_000_000)
	}
	tags := []string{}
	for _, label := range labels {
		if r.IntN(8) == 0 {
			tags = append(tags, label)
		}
	}
	return []any{
		p.Workspace, p.customerID(n), userID(n), userID(n) + "@example.com", phone, "Customer " + strconv.Itoa(n),
		often(r, locales[:]), often(r, homeZones[:]), often(r, stages[:]), tags, attributes(r, p.Now), created, created,
	}
}

// random gives the random numbers of a row.
func (p *population) random(series uint64, n int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed^series, uint64(n))) //nolint:gosec // repeatable on purpose; numbers are not negative
}

// attributes makes the JSON of a customer's attributes. Of each one in ten is missing, and one in fifty is of a type
// that it should not be.
func attributes(r *rand.Rand, now time.Time) []byte {
	age := 18 + min(r.IntN(63), r.IntN(63)+10)
	born := now.AddDate(-age, -r.IntN(12), -r.IntN(28))
	json := []byte{'{'}
	for _, a := range []struct{ name, value, wrong string }{
		{"plan", strconv.Quote(often(r, plans[:])), `["pro"]`},
		{"city", strconv.Quote(often(r, homeCities[:])), `{"name":"Kyiv"}`},
		{"age", strconv.Itoa(age), strconv.Quote(strconv.Itoa(age))},
		{"score", decimal(r.IntN(10_001)), `"n/a"`},
		{"birthday", strconv.Quote(born.Format(time.DateOnly)), strconv.Itoa(born.Year())},
		{"newsletter", strconv.FormatBool(r.IntN(3) > 0), `"yes"`},
		{"address", fmt.Sprintf(`{"street":"Long Street %d","zip":"%05d"}`, 1+r.IntN(200), 1000+r.IntN(99_000)), `"Long Street"`},
	} {
		switch luck := r.IntN(100); {
		case luck < 10:
			continue
		case luck < 12:
			a.value = a.wrong
		}
		json = fmt.Appendf(json, `%q:%s,`, a.name, a.value)
	}
	return append(bytes.TrimSuffix(json, []byte{','}), '}')
}

// decimal writes hundredths as a number with two places.
func decimal(hundredths int) string { return fmt.Sprintf("%d.%02d", hundredths/100, hundredths%100) }
