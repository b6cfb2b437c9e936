package manage

import (
	"encoding/json"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

// Campaign is a line of the list of campaigns.
type Campaign struct {
	Name      string    `json:"name"`
	Status    string    `json:"status" enum:"live,paused,stopped,archived" doc:"live: customers enter. paused: nobody enters, journeys wait. stopped: nobody enters, journeys have left. archived: as stopped, and out of the way."`
	Note      string    `json:"note,omitempty" doc:"Why it is in this status, where it did not get there by hand: a brake."`
	Version   int       `json:"version" doc:"The one that customers enter."`
	Active    int       `json:"active" doc:"Journeys under way."`
	Ended     int       `json:"ended"`
	Sent      int       `json:"sent" doc:"Messages that a provider took."`
	Uncertain int       `json:"uncertain" doc:"Messages of which nobody knows whether they were sent."`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewCampaign shows a campaign of the store.
func NewCampaign(c store.CampaignSummary) Campaign {
	return Campaign{
		Name: c.Name, Status: string(c.Status), Note: c.Note, Version: c.Version, Active: c.Active, Ended: c.Ended, Sent: c.Sent,
		Uncertain: c.Uncertain, UpdatedAt: c.UpdatedAt.UTC(),
	}
}

// Templates are the templates that go with a campaign, by name.
type Templates map[string]store.Template

// CampaignVersion is one version of a campaign with its text.
type CampaignVersion struct {
	Name       string          `json:"name"`
	Version    int             `json:"version"`
	Source     string          `json:"source" doc:"As the marketer wrote it."`
	Definition json.RawMessage `json:"definition" doc:"In the canonical form."`
	Hash       string          `json:"hash" doc:"SHA-256 of the canonical form."`
	Templates  Templates       `json:"templates" doc:"As they were when it was published."`
}

// NewCampaignVersion shows a version of the store.
func NewCampaignVersion(v *store.Version) (CampaignVersion, error) {
	canonical, err := v.Definition.Canonical()
	return CampaignVersion{
		Name: v.Definition.Name, Version: v.Number, Source: v.Source, Definition: canonical, Hash: v.Definition.Hash(),
		Templates: v.Templates,
	}, err
}

// Edition is a line of the history of a campaign.
type Edition struct {
	Version     int       `json:"version"`
	Live        bool      `json:"live" doc:"Customers enter this one."`
	Active      int       `json:"active" doc:"Journeys under way in it."`
	PublishedBy string    `json:"published_by"`
	PublishedAt time.Time `json:"published_at"`
	Note        string    `json:"note,omitempty"`
	Of          int       `json:"of,omitempty" doc:"The version that it brought back."`
	Hash        string    `json:"hash"`
}

// NewEditions shows the history of the store.
func NewEditions(list []store.VersionInfo) []Edition {
	views := make([]Edition, 0, len(list))
	for _, v := range list {
		views = append(views, Edition{
			Version: v.Number, Live: v.Live, Active: v.Active, PublishedBy: v.PublishedBy, PublishedAt: v.PublishedAt.UTC(),
			Note: v.Note, Of: v.Of, Hash: v.Hash,
		})
	}
	return views
}

// Draft is a campaign that is being written.
type Draft struct {
	Name      string    `json:"name"`
	Revision  int       `json:"revision" doc:"Counts the savings; the ETag says the same."`
	Source    string    `json:"source,omitempty" doc:"Left out in lists."`
	Templates Templates `json:"templates,omitempty" doc:"Left out in lists."`
	UpdatedBy string    `json:"updated_by"`
	UpdatedAt time.Time `json:"updated_at"`
}

// NewDraft shows a draft of the store.
func NewDraft(d store.Draft) Draft {
	return Draft{
		Name: d.Name, Revision: d.Revision, Source: d.Source, Templates: d.Templates, UpdatedBy: d.UpdatedBy,
		UpdatedAt: d.UpdatedAt.UTC(),
	}
}

// Review is what checking a campaign found.
type Review struct {
	OK         bool                `json:"ok" doc:"It can be published."`
	Campaign   string              `json:"campaign,omitempty" doc:"Its name, if it can be published."`
	Messages   int                 `json:"messages" doc:"How many of its steps send a message."`
	Violations campaign.Violations `json:"violations" doc:"What is wrong, in the order of the file."`
	Warnings   campaign.Violations `json:"warnings" doc:"What may be a mistake in a campaign that can be published."`
}

// NewReview shows what came of checking: a campaign, or what is wrong with it.
func NewReview(l *campaigns.Loaded, wrong campaign.Violations) Review {
	r := Review{OK: l != nil, Violations: filled(wrong), Warnings: campaign.Violations{}}
	if l != nil {
		r.Campaign, r.Messages, r.Warnings = l.Definition.Name, len(l.Definition.Messages()), filled(l.Warnings)
	}
	return r
}

// Moves says what becomes of journeys under way.
type Moves struct {
	Default string            `json:"default,omitempty" enum:"stay,move,exit" default:"stay" doc:"stay: they finish in their version. move: they go on in the new one where they stand. exit: they leave."`
	Steps   map[string]string `json:"steps,omitempty" doc:"Other than the default, by the id of the step at which they stand, in their version; \"\" is before the first."`
	Rename  map[string]string `json:"rename,omitempty" doc:"The new id of a step, by its id in an older version."`
}

// Stored gives the moves as the store takes them.
func (m Moves) Stored() store.Moves {
	s := store.Moves{Default: store.MovePolicy(m.Default), Rename: m.Rename}
	if len(m.Steps) > 0 {
		s.Steps = make(map[string]store.MovePolicy, len(m.Steps))
		for step, policy := range m.Steps {
			s.Steps[step] = store.MovePolicy(policy)
		}
	}
	return s
}

// PublicationPlan is what publishing a campaign would do.
type PublicationPlan struct {
	Campaign     string                `json:"campaign"`
	Status       string                `json:"status,omitempty" doc:"Of the campaign now; left out for a new one."`
	From         int                   `json:"from" doc:"The version that customers enter now; 0 for a new campaign."`
	To           int                   `json:"to" doc:"The version that they would enter."`
	Changed      bool                  `json:"changed" doc:"false: the very same is published already."`
	AudienceSize *int                  `json:"audience_size,omitempty" doc:"How many would enter at once."`
	Waiting      []Waiting             `json:"waiting" doc:"What becomes of the journeys under way, by version and step."`
	Differences  []campaign.Difference `json:"differences" doc:"What is different from the version that customers enter now."`
	Warnings     campaign.Violations   `json:"warnings"`
}

// Waiting is what becomes of the journeys at one step.
type Waiting struct {
	Version        int       `json:"version"`
	Step           string    `json:"step" doc:"\"\" is before the first."`
	Kind           string    `json:"kind,omitempty"`
	Journeys       int       `json:"journeys"`
	Policy         string    `json:"policy" enum:"stay,move,exit"`
	Becomes        string    `json:"becomes" doc:"What becomes of them, in words."`
	DueNow         int       `json:"due_now" doc:"How many of them would go on at once."`
	EarliestDue    time.Time `json:"earliest_due,omitzero" doc:"As it is now."`
	LatestDue      time.Time `json:"latest_due,omitzero"`
	NewEarliestDue time.Time `json:"new_earliest_due,omitzero" doc:"If they are moved; left out where only carrying it out can tell."`
	NewLatestDue   time.Time `json:"new_latest_due,omitzero"`
}

// NewPublicationPlan shows a plan of the store, with the warnings of what is to be published.
func NewPublicationPlan(p store.PublicationPlan, warnings campaign.Violations) PublicationPlan {
	view := PublicationPlan{
		Campaign: p.Name, Status: string(p.Status), From: p.From, To: p.To, Changed: p.Changed, AudienceSize: p.AudienceSize,
		Waiting: make([]Waiting, 0, len(p.Waiting)), Differences: filled(p.Differences), Warnings: filled(warnings),
	}
	for _, w := range p.Waiting {
		view.Waiting = append(view.Waiting, Waiting{
			Version: w.Version, Step: w.Step, Kind: w.Kind, Journeys: w.Journeys, Policy: string(w.Policy), Becomes: w.Becomes,
			DueNow: w.DueNow, EarliestDue: utc(w.EarliestDue), LatestDue: utc(w.LatestDue),
			NewEarliestDue: utc(w.NewEarliestDue), NewLatestDue: utc(w.NewLatestDue),
		})
	}
	return view
}

// Comparison is how two editions of a campaign differ.
type Comparison struct {
	Before      string                `json:"before"`
	After       string                `json:"after"`
	Differences []campaign.Difference `json:"differences"`
}

// NewComparison shows a comparison of the service.
func NewComparison(c campaigns.Compared) Comparison {
	return Comparison{Before: c.Before, After: c.After, Differences: filled(c.Differences)}
}

// Results is what a campaign came to, over all its versions.
type Results struct {
	Campaign  string         `json:"campaign"`
	Status    string         `json:"status"`
	Version   int            `json:"version"`
	Entered   int            `json:"entered" doc:"All journeys that began."`
	Active    int            `json:"active"`
	Finished  int            `json:"finished" doc:"Walked to the end."`
	Exited    int            `json:"exited" doc:"Left early."`
	Converted int            `json:"converted" doc:"Reached the goal."`
	HeldOut   int            `json:"held_out" doc:"Kept out, to compare with; they never began."`
	Waiting   []AtStep       `json:"waiting" doc:"Where journeys stand now."`
	Left      []Left         `json:"left" doc:"Why journeys ended, the most frequent first."`
	Messages  []MessageCount `json:"messages" doc:"What became of messages, calls, tasks and webhooks, by step."`
	Splits    []Split        `json:"splits"`
}

// AtStep is how many journeys stand at a step.
type AtStep struct {
	Version  int       `json:"version"`
	Step     string    `json:"step"`
	Journeys int       `json:"journeys"`
	NextDue  time.Time `json:"next_due,omitzero"`
}

// Left is how many journeys ended for a reason.
type Left struct {
	Status   string `json:"status"`
	Reason   string `json:"reason"`
	Journeys int    `json:"journeys"`
}

// MessageCount is how many messages of a step are in a status.
type MessageCount struct {
	Step    string `json:"step"`
	Channel string `json:"channel"`
	Status  string `json:"status"`
	Count   int    `json:"count"`
}

// Split is how the arms of a split did.
type Split struct {
	Version   int                 `json:"version"`
	Step      string              `json:"step"`
	By        string              `json:"by,omitempty" doc:"What is counted: clicks, opens or goal."`
	Arms      []campaign.ArmCount `json:"arms"`
	Winner    string              `json:"winner,omitempty"`
	Reason    string              `json:"reason,omitempty" doc:"Why it won."`
	BeganAt   time.Time           `json:"began_at,omitzero"`
	DecidedAt time.Time           `json:"decided_at,omitzero"`
}

// NewResults shows results of the store.
func NewResults(r store.CampaignResults, splits []store.SplitResult) Results {
	n := r.Journeys
	view := Results{
		Campaign: r.Name, Status: string(r.Status), Version: r.Version,
		Entered: n[campaign.Active] + n[campaign.Finished] + n[campaign.Exited] + n[campaign.Converted],
		Active:  n[campaign.Active], Finished: n[campaign.Finished], Exited: n[campaign.Exited],
		Converted: n[campaign.Converted], HeldOut: n[campaign.HeldOut],
		Waiting: make([]AtStep, 0, len(r.Waiting)), Left: make([]Left, 0, len(r.Left)),
		Messages: make([]MessageCount, 0, len(r.Messages)), Splits: make([]Split, 0, len(splits)),
	}
	for _, w := range r.Waiting {
		view.Waiting = append(view.Waiting, AtStep{Version: w.Version, Step: w.Step, Journeys: w.Journeys, NextDue: utc(w.NextDue)})
	}
	for _, l := range r.Left {
		view.Left = append(view.Left, Left{Status: string(l.Status), Reason: l.Reason, Journeys: l.Journeys})
	}
	for _, m := range r.Messages {
		view.Messages = append(view.Messages, MessageCount{Step: m.Step, Channel: string(m.Channel), Status: string(m.Status), Count: m.Count})
	}
	for _, s := range splits {
		view.Splits = append(view.Splits, Split{
			Version: s.Version, Step: s.Split, By: string(s.By), Arms: filled(s.Arms), Winner: s.Winner, Reason: s.Reason,
			BeganAt: utc(s.BeganAt), DecidedAt: utc(s.DecidedAt),
		})
	}
	return view
}
