package store

import (
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// PlannedMessage is a message, or a request to a server, that a journey decided to send.
type PlannedMessage struct {
	JourneyID     string
	CustomerID    string
	Version       int // of the campaign; 0: that of the cohort
	Channel       audience.Channel
	Step          string
	Iteration     int
	Topic         string // "" for a transactional message
	Reason        string
	Transactional bool // neither quiet hours nor caps hold for it; so is all that is no message to the customer
	Priority      int
	Quiet         campaign.Quiet // "" is QuietWait
	ExpiresAt     time.Time      // zero: DefaultExpires from now
	Fallback      *Fallback
	Detail        map[string]any // of a request to a server: {body}
}

// Fallback is the message that is sent where another cannot be.
type Fallback struct {
	Step     string           `json:"step"`
	Channel  audience.Channel `json:"channel"`
	Quiet    campaign.Quiet   `json:"quiet"`
	Expires  int64            `json:"expires"` // seconds from when it takes the other's place
	Fallback *Fallback        `json:"fallback,omitempty"`
}

func queueMessages(b *pgx.Batch, ws int64, a Advanced) error {
	if len(a.Messages) == 0 {
		return nil
	}
	var ids, journeys, customers, channels, steps, topics, reasons, quiets, details []string
	var iterations, versions, priorities []int32
	var transactional []bool
	var expires []*time.Time
	var fallbacks []*string
	for i := range a.Messages {
		m := &a.Messages[i]
		ids, journeys, customers = append(ids, newID()), append(journeys, m.JourneyID), append(customers, m.CustomerID)
		channels, steps = append(channels, string(m.Channel)), append(steps, m.Step)
		iterations = append(iterations, int32(m.Iteration)) //nolint:gosec // counted by ones
		topics, reasons = append(topics, m.Topic), append(reasons, clean(m.Reason))
		versions = append(versions, int32(a.version(m.Version))) //nolint:gosec // counted by ones
		priorities = append(priorities, int32(m.Priority))       //nolint:gosec // 0 to 100
		transactional, expires = append(transactional, m.Transactional), append(expires, orNil(m.ExpiresAt))
		if m.Quiet == "" {
			m.Quiet = campaign.QuietWait
		}
		quiets = append(quiets, string(m.Quiet))
		fallback, detail, err := m.encode()
		if err != nil {
			return err
		}
		fallbacks, details = append(fallbacks, fallback), append(details, detail)
	}
	// The unique key of the ledger makes repeating this harmless.
	b.Queue(`WITH planned AS (
		INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, cohort_id,
		journey_id, step, iteration, topic, reason, transactional, priority, quiet, fallback, detail, occurred_at,
		expires_at)
		SELECT $1, u.id, u.customer, u.channel, 'out', 'planned', $2, u.version, $3, u.journey, u.step, u.iteration,
		u.topic, u.reason, u.transactional, u.priority, u.quiet, u.fallback::jsonb, u.detail::jsonb, clock_timestamp(),
		coalesce(u.expires, clock_timestamp() + interval '72 hours')
		FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::text[], $9::integer[], $10::text[], $11::text[],
		$12::integer[], $13::boolean[], $14::integer[], $15::text[], $16::text[], $17::text[], $18::timestamptz[])
		AS u (id, journey, customer, channel, step, iteration, topic, reason, version, transactional, priority, quiet,
		fallback, detail, expires)
		ON CONFLICT (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL DO NOTHING RETURNING id)
		INSERT INTO touch_statuses (workspace_id, touch_id, status) SELECT $1, id, 'planned' FROM planned`,
		ws, a.State.CampaignID, a.Cohort, ids, journeys, customers, channels, steps, iterations, topics, reasons, versions,
		transactional, priorities, quiets, fallbacks, details, expires)
	return nil
}

func (m *PlannedMessage) encode() (fallback *string, detail string, err error) {
	detail = "{}"
	if m.Detail != nil {
		if detail, err = jsonText(m.Detail); err != nil {
			return nil, "", err
		}
	}
	if m.Fallback == nil {
		return nil, detail, nil
	}
	text, err := jsonText(m.Fallback)
	return &text, detail, err
}

// version is the campaign's version of something that a journey decided.
func (a *Advanced) version(of int) int {
	if of == 0 {
		return a.State.Version
	}
	return of
}

func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// PlannedTask is something that a journey gives a person to do.
type PlannedTask struct {
	JourneyID  string
	CustomerID string
	Version    int
	Step       string
	Iteration  int
	Kind       TaskKind
	Title      string
	Text       string
	Dial       bool
	DueAt      time.Time // zero: at any time
	UserID     string    // who has it; "" for nobody
	Assignee   string    // that user's e-mail address
	Wanted     string    // the user that was named, where there is none of that address
	Reason     string
}

// queueTasks makes tasks, and a line for each on the customer's timeline.
func queueTasks(b *pgx.Batch, ws int64, a Advanced) error {
	if len(a.Tasks) == 0 {
		return nil
	}
	var ids, touches, journeys, customers, steps, kinds, titles, texts, wanted, reasons, details []string
	var iterations, versions []int32
	var dial []bool
	var due []*time.Time
	var users []*string
	for i := range a.Tasks {
		t := &a.Tasks[i]
		id := newID()
		detail, err := jsonText(map[string]any{"task": id, "assignee": t.Assignee})
		if err != nil {
			return err
		}
		ids, touches, journeys = append(ids, id), append(touches, newID()), append(journeys, t.JourneyID)
		customers, steps, kinds = append(customers, t.CustomerID), append(steps, t.Step), append(kinds, string(t.Kind))
		titles, texts = append(titles, clean(t.Title)), append(texts, clean(t.Text))
		wanted, reasons, details = append(wanted, clean(t.Wanted)), append(reasons, clean(t.Reason)), append(details, detail)
		iterations = append(iterations, int32(t.Iteration))      //nolint:gosec // counted by ones
		versions = append(versions, int32(a.version(t.Version))) //nolint:gosec // counted by ones
		dial, due, users = append(dial, t.Dial), append(due, orNil(t.DueAt)), append(users, orNull(t.UserID))
	}
	b.Queue(`WITH given AS (
			SELECT * FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::integer[], $10::integer[],
				$11::text[], $12::text[], $13::text[], $14::boolean[], $15::timestamptz[], $16::uuid[], $17::text[],
				$18::text[], $19::text[])
			AS u (id, touch, journey, customer, step, iteration, version, kind, title, text, dial, due, assignee, wanted,
				reason, detail)),
		made AS (
			INSERT INTO tasks (workspace_id, id, customer_id, kind, title, text, dial, due_at, assignee, wanted, campaign_id,
				journey_id, step, iteration)
			SELECT $1, id, customer, kind, title, text, dial, due, assignee, wanted, $2, journey, step, iteration FROM given
			ON CONFLICT (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL DO NOTHING RETURNING id)
		INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, cohort_id,
			journey_id, step, iteration, summary, reason, detail, occurred_at)
		SELECT $1, touch, customer, kind, 'out', 'recorded', $2, version, $3, journey, step, iteration, title, reason,
			detail::jsonb, clock_timestamp()
		FROM given JOIN made USING (id)
		ON CONFLICT (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL DO NOTHING`,
		ws, a.State.CampaignID, a.Cohort, ids, touches, journeys, customers, steps, iterations, versions, kinds, titles,
		texts, dial, due, users, wanted, reasons, details)
	return nil
}

// PlannedNote is a note that a journey writes on the customer's record.
type PlannedNote struct {
	JourneyID  string
	CustomerID string
	Version    int
	Step       string
	Iteration  int
	Text       string
}

func queueNotes(b *pgx.Batch, ws int64, a Advanced) {
	if len(a.Notes) == 0 {
		return
	}
	var ids, journeys, customers, steps, texts []string
	var iterations, versions []int32
	for i := range a.Notes {
		n := &a.Notes[i]
		ids, journeys, customers = append(ids, newID()), append(journeys, n.JourneyID), append(customers, n.CustomerID)
		steps, texts = append(steps, n.Step), append(texts, clean(n.Text))
		iterations = append(iterations, int32(n.Iteration))      //nolint:gosec // counted by ones
		versions = append(versions, int32(a.version(n.Version))) //nolint:gosec // counted by ones
	}
	b.Queue(`INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, cohort_id,
			journey_id, step, iteration, summary, occurred_at)
		SELECT $1, u.id, u.customer, 'note', 'out', 'recorded', $2, u.version, $3, u.journey, u.step, u.iteration, u.text,
			clock_timestamp()
		FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::text[], $8::integer[], $9::integer[], $10::text[])
			AS u (id, journey, customer, step, iteration, version, text)
		ON CONFLICT (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL DO NOTHING`,
		ws, a.State.CampaignID, a.Cohort, ids, journeys, customers, steps, iterations, versions, texts)
}

// JourneyRequest asks for a journey of the same customer through another campaign.
type JourneyRequest struct {
	JourneyID  string
	CustomerID string
	Step       string
	Iteration  int
	Campaign   string
	Data       map[string]any
	Wait       bool // tell the journey when that one ends
}

// events are what the picker is told: which customers are to enter another campaign, and which journeys have ended that
// others wait for.
func (a *Advanced) events() []SystemEvent {
	var list []SystemEvent
	for i := range a.Requests {
		r := &a.Requests[i]
		data := r.Data
		if data == nil {
			data = map[string]any{}
		}
		by := Parent{Journey: r.JourneyID, Step: r.Step, Iteration: r.Iteration}
		properties := map[string]any{"campaign": r.Campaign, "data": data}
		if r.Wait {
			properties["parent"] = by
		}
		list = append(list, SystemEvent{
			CustomerID: r.CustomerID, Name: audience.EventRequested, Properties: properties, At: a.Now, Key: "journey:" + by.key(),
		})
	}
	for i := range a.Journeys {
		if j := &a.Journeys[i]; j.Parent != nil && j.Status != campaign.Active {
			list = append(list, JourneyEnded(j.Customer.ID, *j.Parent, a.State.Campaign, string(j.Status), j.ExitReason, a.Now))
		}
	}
	return list
}

// JourneyEnded is what tells a journey that the one which it started has ended, or that its customer was not let in.
func JourneyEnded(customer string, p Parent, campaignName, status, reason string, at time.Time) SystemEvent {
	return SystemEvent{
		CustomerID: customer, Name: audience.EventJourneyEnded, At: at, Key: "ended:" + p.key(),
		Properties: map[string]any{
			"campaign": campaignName, "status": status, "reason": reason, "parent": p.Journey, "step": p.Step,
			"iteration": p.Iteration,
		},
	}
}

// key names the step in one word, as no other is named.
func (p Parent) key() string { return touchKey(p.Journey, p.Step, p.Iteration) }

// stepsOf lists, without doubles, what the elements of a list name.
func stepsOf[T any](list []T, name func(*T) string) []string {
	var names []string
	for i := range list {
		names = append(names, name(&list[i]))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
