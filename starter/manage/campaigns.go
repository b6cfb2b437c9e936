package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/starter/campaigns"
)

// CampaignPath is a campaign in a path.
type CampaignPath struct {
	Name string `path:"name" maxLength:"200" doc:"Name of the campaign."`
}

func noCampaign(err error, name string) error {
	return missing(err, "GET "+Base+"/campaigns lists those there are", "campaign %q", name)
}

type campaignList struct {
	Campaigns []Campaign `json:"campaigns"`
	Next      string     `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listCampaigns(ctx context.Context, ws int64, in *Paging) (*body[campaignList], error) {
	all, err := s.Store.Campaigns(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(c store.CampaignSummary) []string { return []string{c.Name} }, *in)
	if err != nil {
		return nil, err
	}
	list := campaignList{Campaigns: make([]Campaign, 0, len(part)), Next: next}
	for _, c := range part {
		list.Campaigns = append(list.Campaigns, NewCampaign(c))
	}
	return answerWith(list), nil
}

// shownCampaign is a campaign with the version that customers enter.
type shownCampaign struct {
	Campaign Campaign        `json:"campaign"`
	Live     CampaignVersion `json:"live" doc:"The version that customers enter, or entered last."`
}

func (s *server) getCampaign(ctx context.Context, ws int64, in *CampaignPath) (*body[shownCampaign], error) {
	c, err := s.campaign(ctx, ws, in.Name)
	if err != nil {
		return nil, err
	}
	v, err := s.Store.CampaignVersion(ctx, ws, in.Name, 0)
	if err != nil {
		return nil, noCampaign(err, in.Name)
	}
	view, err := NewCampaignVersion(v)
	if err != nil {
		return nil, err
	}
	return answerWith(shownCampaign{Campaign: c, Live: view}), nil
}

// campaign finds a campaign by its name.
func (s *server) campaign(ctx context.Context, ws int64, name string) (Campaign, error) {
	all, err := s.Store.Campaigns(ctx, ws)
	if err != nil {
		return Campaign{}, err
	}
	i := slices.IndexFunc(all, func(c store.CampaignSummary) bool { return c.Name == name })
	if i < 0 {
		return Campaign{}, noCampaign(store.ErrNotFound, name)
	}
	return NewCampaign(all[i]), nil
}

type versionInput struct {
	CampaignPath
	Version int `path:"version" minimum:"1"`
}

func (s *server) getVersion(ctx context.Context, ws int64, in *versionInput) (*body[CampaignVersion], error) {
	v, err := s.Store.CampaignVersion(ctx, ws, in.Name, in.Version)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/campaigns/NAME/versions lists those there are", "version %d of campaign %q", in.Version, in.Name)
	}
	view, err := NewCampaignVersion(v)
	if err != nil {
		return nil, err
	}
	return answerWith(view), nil
}

type editionList struct {
	Versions []Edition `json:"versions" doc:"The newest first."`
}

func (s *server) campaignVersions(ctx context.Context, ws int64, in *CampaignPath) (*body[editionList], error) {
	list, err := s.Store.Versions(ctx, ws, in.Name)
	if err != nil {
		return nil, noCampaign(err, in.Name)
	}
	return answerWith(editionList{Versions: NewEditions(list)}), nil
}

type diffInput struct {
	CampaignPath
	From string `query:"from" maxLength:"20" doc:"A version's number, or draft; the live version when left out."`
	To   string `query:"to" maxLength:"20" default:"draft" doc:"A version's number, or draft."`
}

func (s *server) campaignDiff(ctx context.Context, ws int64, in *diffInput) (*body[Comparison], error) {
	from, err := s.edition(ctx, ws, in.Name, in.From)
	if err != nil {
		return nil, err
	}
	to, err := s.edition(ctx, ws, in.Name, in.To)
	if err != nil {
		return nil, err
	}
	return answerWith(NewComparison(campaigns.Compare(from, to))), nil
}

// edition finds a version or the draft of a campaign, and says what there is not.
func (s *server) edition(ctx context.Context, ws int64, name, which string) (campaigns.Edition, error) {
	e, err := s.campaigns.Edition(ctx, ws, name, which)
	switch which {
	case "":
		return e, noCampaign(err, name)
	case campaigns.DraftEdition:
		return e, noDraft(err, name)
	}
	return e, missing(err, "GET "+Base+"/campaigns/NAME/versions lists those there are", "version %s of campaign %q", which, name)
}

type campaignText struct {
	Source    string    `json:"source" minLength:"1" doc:"The campaign in YAML or JSON."`
	Templates Templates `json:"templates,omitempty" doc:"Templates that go with it; others are those of the workspace."`
}

func (t campaignText) text() campaigns.Text {
	return campaigns.Text{Source: t.Source, Templates: t.Templates}
}

type checkCampaignInput struct {
	Body campaignText
}

// checkCampaign answers with what is wrong instead of failing by it: that is what was asked.
func (s *server) checkCampaign(ctx context.Context, ws int64, in *checkCampaignInput) (*body[Review], error) {
	l, err := s.campaigns.Check(ctx, ws, in.Body.text())
	var wrong campaign.Violations
	if err != nil && !errors.As(err, &wrong) {
		return nil, err
	}
	return answerWith(NewReview(l, wrong)), nil
}

func (*server) campaignSchema(context.Context, int64, *struct{}) (*body[map[string]any], error) {
	raw, err := campaign.Schema()
	if err != nil {
		return nil, err
	}
	var schema map[string]any
	if err := json.Unmarshal(raw, &schema); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return answerWith(schema), nil
}

type (
	pauseInput struct{ CampaignPath }
	enterBody  struct {
		Customer string         `json:"customer" minLength:"1" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
		Data     map[string]any `json:"data,omitempty" doc:"What rules and templates see as entry."`
		Key      string         `json:"key,omitempty" maxLength:"200" doc:"A request that is repeated with the same key does nothing."`
	}
	enterInput struct {
		CampaignPath
		Body enterBody
	}
)

// setStatus makes the handler that brings a campaign into a status.
func (s *server) setStatus(status store.CampaignStatus) func(context.Context, int64, *pauseInput) (*body[Campaign], error) {
	return func(ctx context.Context, ws int64, in *pauseInput) (*body[Campaign], error) {
		if err := s.Store.SetCampaignStatus(ctx, ws, in.Name, status); err != nil {
			return nil, noCampaign(err, in.Name)
		}
		c, err := s.campaign(ctx, ws, in.Name)
		if err != nil {
			return nil, err
		}
		return answerWith(c), nil
	}
}

type requested struct {
	CustomerID string `json:"customer_id"`
	Campaign   string `json:"campaign"`
}

// enter asks for a customer to be let in. Whether she is, is decided by the engine; why tells.
func (s *server) enter(ctx context.Context, ws int64, in *enterInput) (*body[requested], error) {
	c, err := s.findCustomer(ctx, ws, in.Body.Customer)
	if err != nil {
		return nil, err
	}
	r := store.Request{Campaign: in.Name, Customer: c.ID, Data: in.Body.Data, Key: in.Body.Key}
	if err := s.Store.Request(ctx, ws, r); err != nil {
		return nil, noCampaign(err, in.Name)
	}
	return answerWith(requested{CustomerID: c.ID, Campaign: in.Name}), nil
}

func (s *server) campaignResults(ctx context.Context, ws int64, in *CampaignPath) (*body[Results], error) {
	r, splits, err := s.campaigns.Results(ctx, ws, in.Name)
	if err != nil {
		return nil, noCampaign(err, in.Name)
	}
	return answerWith(NewResults(r, splits)), nil
}

type whyInput struct {
	ID       string `path:"id" maxLength:"500" doc:"Our id, the site's id, e-mail or phone."`
	Campaign string `path:"campaign" maxLength:"200" doc:"Name of the campaign."`
}

func (s *server) why(ctx context.Context, ws int64, in *whyInput) (*body[*campaigns.Why], error) {
	c, err := s.findCustomer(ctx, ws, in.ID)
	if err != nil {
		return nil, err
	}
	w, err := s.campaigns.Why(ctx, ws, c.ID, in.Campaign)
	if err != nil {
		return nil, noCampaign(err, in.Campaign)
	}
	return answerWith(w), nil
}
