package rehearsal

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// World is a workspace in memory. It is not safe for concurrent use. The same calls always give the same log.
type World struct {
	config    Config
	now       time.Time
	agenda    agenda
	campaigns []*live // in the order of Config
	byName    map[string]*live
	segments  []segment // in the order of their names
	people    []*person // in the order in which they were added
	byID      map[string]*person
	codes     map[string]*code // every coupon, by its code in lower case
	redeem    map[string][]string
	turns     map[string]int   // round robins: how many had their turn, by those who take turns
	zones     map[zoneOf]bool  // that a schedule was set up for
	opened    map[string]*work // tasks and calls that nobody has done
	issued    map[string]int   // coupons taken from a pool or made up with a prefix
	winners   map[*live]map[string]campaign.Winner
	splits    map[*live]map[string]time.Time // when the first customer came to each experiment
	parents   map[string]*parent             // of requests that did not happen yet, by the event's id
	events    int
	log       []Entry
}

// live is a campaign that customers can enter.
type live struct {
	*campaign.Definition
	steps     map[string]campaign.Step // by id
	runs      []*run
	sends     bool            // some step of it sends messages
	on        map[string]bool // mentions whose change may make somebody belong to its audience, where that counts
	published bool            // its audience was judged
}

type segment struct {
	name string
	rule *rules.Rule
	on   map[string]bool // the mentions whose change may change the answer
}

// The errors of a World.
var (
	ErrUnknownCustomer = errors.New("no such customer")
	ErrEndless         = errors.New("the campaigns keep each other busy without time passing")
)

// New makes a world whose clock stands at Config.Start. An error says which rule of a segment cannot be compiled, or
// which campaign is there twice.
func New(c Config) (*World, error) {
	w := &World{
		config: c, now: instant(c.Start), byName: map[string]*live{}, byID: map[string]*person{}, codes: map[string]*code{},
		redeem: map[string][]string{}, turns: map[string]int{}, zones: map[zoneOf]bool{}, opened: map[string]*work{},
		issued: map[string]int{}, winners: map[*live]map[string]campaign.Winner{}, parents: map[string]*parent{},
		splits: map[*live]map[string]time.Time{},
	}
	for _, name := range slices.Sorted(maps.Keys(c.Segments)) {
		rule, err := rules.Compile(c.Segments[name], rules.Options{})
		if err != nil {
			return nil, fmt.Errorf("compile the rule of segment %s: %w", name, err)
		}
		w.segments = append(w.segments, segment{name, rule, mentionsOf(rule)})
	}
	for _, d := range c.Campaigns {
		if w.byName[d.Name] != nil {
			return nil, fmt.Errorf("campaign %s is given twice: give each campaign a name of its own", d.Name)
		}
		l := &live{Definition: d, steps: stepsByID(d), sends: len(d.Messages()) > 0}
		if t, ok := d.Trigger.(campaign.AudienceTrigger); ok && !t.Once {
			l.on = mentionsOf(t.Rule)
		}
		w.campaigns, w.byName[d.Name] = append(w.campaigns, l), l
		w.watchCoupons(d.Steps)
		w.publish(l)
	}
	return w, nil
}

func mentionsOf(r *rules.Rule) map[string]bool {
	on := map[string]bool{}
	for _, m := range r.Needs().Mentions() {
		on[m] = true
	}
	return on
}

// Now is the moment at which the clock stands.
func (w *World) Now() time.Time { return w.now }

// AddCustomer adds somebody. Her id must be new.
func (w *World) AddCustomer(c Customer) error {
	if c.ID == "" || w.byID[c.ID] != nil {
		return fmt.Errorf("add customer %q: each needs an id of her own", c.ID)
	}
	if c.Kind == "" {
		c.Kind = audience.Client
	}
	if c.CreatedAt.IsZero() {
		c.CreatedAt, c.UpdatedAt = w.now, w.now
	}
	p := newPerson(c)
	w.people, w.byID[c.ID] = append(w.people, p), p
	w.settleSegments(p)
	if w.now.After(w.config.Start) { // the clock has begun: whoever comes now joins her segments now
		w.joinSegments(p)
	}
	w.follow(p)
	return nil
}

// RunUntil lets the clock go on to a moment, that moment included, and does all that falls into that time. ErrEndless
// if campaigns, segments and sub-journeys set each other off for ever.
func (w *World) RunUntil(until time.Time) error {
	until = instant(until)
	const most = 1000 // things to do for each customer within one moment; no sound campaign comes near
	at, busy := w.now, 0
	for next := w.agenda.next(until); next != nil; next = w.agenda.next(until) {
		if next.at.After(at) {
			at, busy = next.at, 0
		}
		if busy++; busy > most*(len(w.people)+1) {
			return fmt.Errorf("run until %s: at %s: %w", clock(until), clock(at), ErrEndless)
		}
		if next.at.After(w.now) {
			w.now = next.at
		}
		next.do()
	}
	if until.After(w.now) {
		w.now = until
	}
	return nil
}

func (w *World) at(moment time.Time, r rank, do func()) {
	w.agenda.add(item{at: instant(moment), rank: r, do: do})
}

// instant is a time as the engine keeps it: in UTC and whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func clock(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (w *World) newEvent(p *person, kind, name string, properties map[string]any) audience.Event {
	w.events++
	return audience.Event{
		ID: "event-" + strconv.Itoa(w.events), CustomerID: p.ID, Type: kind, Name: name, Properties: properties,
		OccurredAt: w.now, ReceivedAt: w.now,
	}
}

func newestFirst(a, b campaign.Past) int {
	return cmp.Or(b.EnteredAt.Compare(a.EnteredAt), cmp.Compare(a.Key, b.Key))
}
