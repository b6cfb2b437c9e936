package manage

import (
	"time"

	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/rules"
)

// Segment is a segment as callers see it.
type Segment struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Kind        string    `json:"kind" enum:"rule,static" doc:"rule: whoever the rule holds for. static: a list that was imported."`
	Rule        string    `json:"rule,omitempty"`
	Version     int       `json:"version" doc:"Counts the rules that this segment has had."`
	Status      string    `json:"status" enum:"building,live,failed" doc:"building: its members are being found. live: kept up to date. failed: the rule could not be evaluated; its members are as they were before."`
	Problem     string    `json:"problem,omitempty" doc:"Why it failed."`
	Mentions    []string  `json:"mentions" doc:"A change of which of these may change who is a member."`
	Clock       bool      `json:"clock" doc:"The passing of time alone may change who is a member."`
	Members     int64     `json:"members"`
	Progress    *Progress `json:"progress,omitempty" doc:"How far building is."`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	BuiltAt     time.Time `json:"built_at,omitzero" doc:"When the members were last found from scratch."`
}

// Progress is how many customers a build has looked at, of how many.
type Progress struct {
	Scanned int64 `json:"scanned"`
	Total   int64 `json:"total"`
}

// NewSegment shows a segment of the store.
func NewSegment(s store.Segment) Segment {
	view := Segment{
		ID: s.ID, Name: s.Name, Description: s.Description, Kind: string(s.Kind), Rule: s.Rule, Version: s.Version,
		Status: string(s.Status), Problem: s.Problem, Mentions: filled(s.Mentions), Clock: s.Clock, Members: s.Members,
		CreatedAt: s.CreatedAt.UTC(), UpdatedAt: s.UpdatedAt.UTC(), BuiltAt: utc(s.BuiltAt),
	}
	if s.Status == store.SegmentBuilding {
		view.Progress = &Progress{Scanned: s.Scanned, Total: s.Total}
	}
	return view
}

// Member is a customer in a segment.
type Member struct {
	CustomerID string    `json:"customer_id"`
	ExternalID string    `json:"external_id,omitempty" doc:"The site's own id."`
	Email      string    `json:"email,omitempty"`
	Phone      string    `json:"phone,omitempty"`
	Name       string    `json:"name,omitempty"`
	JoinedAt   time.Time `json:"joined_at,omitzero"`
	Cause      string    `json:"cause,omitempty" doc:"Why the customer joined: event, change, time, edit, import, history, build or merge."`
	EventID    string    `json:"event_id,omitempty" doc:"The event because of which the customer joined."`
}

// NewMembers shows members of the store.
func NewMembers(list []store.Member) []Member {
	views := make([]Member, 0, len(list))
	for _, m := range list {
		views = append(views, Member{
			CustomerID: m.CustomerID, ExternalID: m.ExternalID, Email: m.Email, Phone: m.Phone, Name: m.Name,
			JoinedAt: utc(m.JoinedAt), Cause: m.Cause, EventID: m.EventID,
		})
	}
	return views
}

// Change is a customer who joined or left a segment.
type Change struct {
	Segment      string    `json:"segment"`
	CustomerID   string    `json:"customer_id"`
	At           time.Time `json:"at"`
	Joined       bool      `json:"joined" doc:"false: left."`
	Cause        string    `json:"cause" doc:"event, change, time, edit, import, history, build, merge or delete."`
	EventID      string    `json:"event_id,omitempty"`
	Event        string    `json:"event,omitempty" doc:"Name of the event that was the cause."`
	EventSegment string    `json:"event_segment,omitempty" doc:"The segment that was entered or left, where that was the event."`
	Version      int       `json:"version" doc:"Of the rule that was judged."`
}

// NewChanges shows changes of the service.
func NewChanges(list []segments.Transition) []Change {
	views := make([]Change, 0, len(list))
	for _, c := range list {
		views = append(views, Change{
			Segment: c.Segment, CustomerID: c.CustomerID, At: c.At.UTC(), Joined: c.Joined, Cause: c.Cause,
			EventID: c.EventID, Event: c.EventName, EventSegment: c.EventSegment, Version: c.Version,
		})
	}
	return views
}

// Membership is a segment that a customer is in.
type Membership struct {
	Segment      string    `json:"segment"`
	JoinedAt     time.Time `json:"joined_at,omitzero"`
	Cause        string    `json:"cause,omitempty"`
	EventID      string    `json:"event_id,omitempty"`
	Event        string    `json:"event,omitempty"`
	EventSegment string    `json:"event_segment,omitempty" doc:"The segment that was entered or left, where that was the event."`
}

// NewMembership shows a membership of the service.
func NewMembership(m segments.Membership) Membership {
	since := m.Since
	return Membership{
		Segment: m.Segment, JoinedAt: utc(since.At), Cause: since.Cause, EventID: since.EventID, Event: since.EventName,
		EventSegment: since.EventSegment,
	}
}

// Preview is what a segment of this rule would hold.
type Preview struct {
	Count    int64    `json:"count"`
	Sample   []Member `json:"sample"`
	Plan     Plan     `json:"plan"`
	Warnings []Fault  `json:"warnings"`
	Took     int64    `json:"took_ms" doc:"How long it took, in milliseconds."`
	Note     string   `json:"note,omitempty" doc:"How a preview of a past moment differs from what was true then."`
}

// Plan is how a rule is answered for all customers at once.
type Plan struct {
	Form        string     `json:"form" doc:"grouped: history is read once for everybody. correlated: for each candidate."`
	Exact       bool       `json:"exact" doc:"false: the database narrows the customers down, and the rest is judged one by one."`
	Parts       []PlanPart `json:"parts"`
	SQL         string     `json:"sql"`
	Cost        float64    `json:"cost" doc:"As Postgres estimates it."`
	Alternative float64    `json:"alternative" doc:"The estimate for the other form."`
}

// PlanPart is where a part of a rule is answered.
type PlanPart struct {
	Text   string `json:"text"`
	Where  string `json:"where" doc:"postgres or go."`
	Reason string `json:"reason,omitempty"`
}

// NewPreview shows a preview of the service.
func NewPreview(p segments.Preview) Preview {
	return Preview{
		Count: p.Count, Sample: NewMembers(p.Sample), Plan: newPlan(p.Plan), Warnings: NewFaults(p.Warnings),
		Took: p.Took.Milliseconds(), Note: p.Note,
	}
}

func newPlan(p segments.Plan) Plan {
	view := Plan{
		Form: string(p.Form), Exact: p.Exact, Parts: make([]PlanPart, 0, len(p.Parts)),
		SQL: p.SQL, Cost: p.Cost, Alternative: p.Alternative,
	}
	for _, part := range p.Parts {
		view.Parts = append(view.Parts, PlanPart{Text: part.Text, Where: part.Where, Reason: part.Reason})
	}
	return view
}

// Explained is why a customer is in a segment, or is not.
type Explained struct {
	Segment     Segment            `json:"segment"`
	Customer    Member             `json:"customer"`
	At          time.Time          `json:"at"`
	Member      bool               `json:"member" doc:"As it is kept."`
	Holds       bool               `json:"holds" doc:"As it was judged just now, for the moment asked about."`
	Explanation *rules.Explanation `json:"explanation,omitempty" doc:"The value of each part of the rule."`
	Problem     string             `json:"problem,omitempty" doc:"Why the rule could not be evaluated."`
	History     []Change           `json:"history" doc:"When the customer joined and left, the newest first."`
	NextCheck   time.Time          `json:"next_check,omitzero" doc:"When the passing of time may next change the answer."`
}

// NewExplained shows an explanation of the service.
func NewExplained(e segments.Explained) Explained {
	c := e.Customer
	return Explained{
		Segment: NewSegment(e.Segment), Customer: Member{CustomerID: c.ID, ExternalID: c.ExternalID, Email: c.Email, Phone: c.Phone, Name: c.Name},
		At: e.At.UTC(), Member: e.Member, Holds: e.Holds, Explanation: e.Explanation,
		Problem: e.Problem, History: NewChanges(e.History), NextCheck: utc(e.NextCheck),
	}
}

// ImportReport is what became of a list.
type ImportReport struct {
	Lines        int           `json:"lines" doc:"Those that name a customer, known or not."`
	Known        int           `json:"known" doc:"Customers they name, each counted once."`
	Joined       int64         `json:"joined"`
	Left         int64         `json:"left"`
	Unknown      []UnknownLine `json:"unknown" doc:"The first lines that name nobody."`
	UnknownCount int           `json:"unknown_count"`
}

// UnknownLine is a line of a list, or an id of a JSON list by its place, that names no customer of the workspace.
type UnknownLine struct {
	Line int    `json:"line" doc:"From 1."`
	Text string `json:"text"`
}

// NewImportReport shows a report of the service.
func NewImportReport(r segments.ImportReport) ImportReport {
	view := ImportReport{
		Lines: r.Lines, Known: r.Known, Joined: r.Joined, Left: r.Left,
		Unknown: make([]UnknownLine, 0, len(r.Unknown)), UnknownCount: r.UnknownCount,
	}
	for _, u := range r.Unknown {
		view.Unknown = append(view.Unknown, UnknownLine{Line: u.Line, Text: u.Text})
	}
	return view
}

// filled makes JSON's empty list of no list.
func filled[L ~[]T, T any](list L) L {
	if list == nil {
		return L{}
	}
	return list
}

// utc keeps the zero time zero, so that JSON leaves it out.
func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}
