package manage

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

func noDraft(err error, name string) error {
	return missing(err, "PUT "+Base+"/campaigns/NAME/draft makes one", "draft of campaign %q", name)
}

type draftList struct {
	Drafts []Draft `json:"drafts"`
	Next   string  `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listDrafts(ctx context.Context, ws int64, in *Paging) (*body[draftList], error) {
	all, err := s.Store.Drafts(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(d store.Draft) []string { return []string{d.Name} }, *in)
	if err != nil {
		return nil, err
	}
	list := draftList{Drafts: make([]Draft, 0, len(part)), Next: next}
	for _, d := range part {
		d.Source, d.Templates = "", nil
		list.Drafts = append(list.Drafts, NewDraft(d))
	}
	return answerWith(list), nil
}

// taggedDraft is a draft with its revision as the ETag.
type taggedDraft struct {
	ETag string `header:"ETag"`
	Body Draft
}

func tagged(d store.Draft) *taggedDraft {
	return &taggedDraft{ETag: strconv.Quote(strconv.Itoa(d.Revision)), Body: NewDraft(d)}
}

func (s *server) getDraft(ctx context.Context, ws int64, in *CampaignPath) (*taggedDraft, error) {
	d, err := s.Store.Draft(ctx, ws, in.Name)
	if err != nil {
		return nil, noDraft(err, in.Name)
	}
	return tagged(d), nil
}

// Match is the revision that a change is made to.
type Match struct {
	IfMatch string `header:"If-Match" maxLength:"30" doc:"The ETag of the draft that was read."`
}

// revision reads the header; 0 when it is not there.
func (m Match) revision() (int, error) {
	if m.IfMatch == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(strings.Trim(m.IfMatch, `"`))
	if err != nil || n < 1 {
		p := problem(http.StatusUnprocessableEntity, "invalid", "If-Match is not the ETag of a draft: send the one that GET gave")
		p.Errors = []Fault{{Location: "header.If-Match", Message: "not the ETag of a draft"}}
		return 0, p
	}
	return n, nil
}

type saveDraftInput struct {
	CampaignPath
	Match
	Body campaignText
}

// saveDraft keeps a draft, faulty or not. Whoever has not seen the latest revision cannot overwrite it.
func (s *server) saveDraft(ctx context.Context, ws int64, in *saveDraftInput) (*taggedDraft, error) {
	revision, err := in.revision()
	if err != nil {
		return nil, err
	}
	d, err := s.Store.SaveDraft(ctx, ws, store.Draft{
		Name: in.Name, Source: in.Body.Source, Templates: in.Body.Templates, Revision: revision,
	})
	if err != nil {
		return nil, err
	}
	return tagged(d), nil
}

func (s *server) deleteDraft(ctx context.Context, ws int64, in *CampaignPath) (*struct{}, error) {
	if err := s.Store.DeleteDraft(ctx, ws, in.Name); err != nil {
		return nil, noDraft(err, in.Name)
	}
	return &struct{}{}, nil
}

type planInput struct {
	CampaignPath
	Match
	Body struct {
		Source    string    `json:"source,omitempty" doc:"The campaign in YAML or JSON; the draft when left out."`
		Templates Templates `json:"templates,omitempty" doc:"Templates that go with the source."`
		Moves     Moves     `json:"moves,omitzero"`
	}
}

type publishInput struct {
	CampaignPath
	Match
	Body struct {
		Source    string    `json:"source,omitempty" doc:"The campaign in YAML or JSON; the draft when left out."`
		Templates Templates `json:"templates,omitempty" doc:"Templates that go with the source."`
		Moves     Moves     `json:"moves,omitzero"`
		Note      string    `json:"note,omitempty" maxLength:"2000" doc:"What to remember about it."`
	}
}

// publishable checks what was sent, or else the draft, if it still has the revision that the caller knows.
func (s *server) publishable(ctx context.Context, ws int64, name string, match Match, text campaigns.Text) (*campaigns.Loaded, error) {
	revision, err := match.revision()
	if err != nil {
		return nil, err
	}
	if text.Source == "" {
		draft, now, err := s.campaigns.Draft(ctx, ws, name)
		if err != nil {
			return nil, noDraft(err, name)
		}
		if revision != 0 && revision != now {
			return nil, store.ErrConflict
		}
		text = draft
	}
	return s.campaigns.CheckNamed(ctx, ws, name, text)
}

func (s *server) planCampaign(ctx context.Context, ws int64, in *planInput) (*body[PublicationPlan], error) {
	b := in.Body
	l, err := s.publishable(ctx, ws, in.Name, in.Match, campaigns.Text{Source: b.Source, Templates: b.Templates})
	if err != nil {
		return nil, err
	}
	plan, err := s.campaigns.Plan(ctx, ws, l, b.Moves.Stored())
	if err != nil {
		return nil, err
	}
	return answerWith(NewPublicationPlan(plan, l.Warnings)), nil
}

// Published is what publishing came to.
type Published struct {
	Campaign string              `json:"campaign"`
	Version  int                 `json:"version"`
	Changed  bool                `json:"changed" doc:"false: the very same was live already."`
	Audience bool                `json:"audience" doc:"An audience is on its way into it."`
	Moved    int                 `json:"moved" doc:"Journeys that go on in this version."`
	Left     int                 `json:"left" doc:"Journeys that left."`
	Warnings campaign.Violations `json:"warnings"`
}

// NewPublished shows what the store made of a publication.
func NewPublished(name string, p store.Published, warnings campaign.Violations) Published {
	return Published{
		Campaign: name, Version: p.Version, Changed: p.Changed, Audience: p.Audience, Moved: p.Moved, Left: p.Left,
		Warnings: filled(warnings),
	}
}

func (s *server) publishCampaign(ctx context.Context, ws int64, in *publishInput) (*body[Published], error) {
	b := in.Body
	l, err := s.publishable(ctx, ws, in.Name, in.Match, campaigns.Text{Source: b.Source, Templates: b.Templates})
	if err != nil {
		return nil, err
	}
	out, err := s.campaigns.Publish(ctx, ws, l, b.Moves.Stored(), b.Note)
	if err != nil {
		return nil, err
	}
	return answerWith(NewPublished(in.Name, out, l.Warnings)), nil
}

type rollbackInput struct {
	CampaignPath
	Body struct {
		Version int    `json:"version" minimum:"1" doc:"The version to bring back; it becomes a new one."`
		Moves   Moves  `json:"moves,omitzero"`
		Note    string `json:"note,omitempty" maxLength:"2000" doc:"What to remember about it."`
	}
}

func (s *server) rollbackCampaign(ctx context.Context, ws int64, in *rollbackInput) (*body[Published], error) {
	out, err := s.Store.Rollback(ctx, ws, in.Name, in.Body.Version, in.Body.Moves.Stored(), in.Body.Note)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/campaigns/NAME/versions lists those there are",
			"version %d of campaign %q", in.Body.Version, in.Name)
	}
	return answerWith(NewPublished(in.Name, out, nil)), nil
}
