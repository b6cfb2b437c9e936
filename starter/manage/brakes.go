package manage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// brakeRoutes are those of brakes, of messages of unknown fate, and of corrections.
func (s *server) brakeRoutes() {
	const get, post, put = http.MethodGet, http.MethodPost, http.MethodPut
	add(s, operation(get, "/brakes", "listBrakes", "brakes", "List what brakes stopped, what holds first, and the limits"), s.listBrakes)
	add(s, operation(put, "/brakes", "setBrakes", "brakes", "Set the limits of marketing campaigns, and of all together"), s.setBrakes)
	add(s, operation(post, "/brakes/release", "releaseBrake", "brakes", "Let a channel go on that a brake of the workspace holds"), s.releaseBrake)
	add(s, operation(post, "/campaigns/{name}/resume", "resumeCampaign", "campaigns", "Let a paused campaign go on"), s.resumeCampaign)
	add(s, operation(get, "/campaigns/{name}/touched", "listTouched", "campaigns", "List whom the campaign sent to"), s.listTouched)
	add(s, operation(post, "/campaigns/{name}/correct", "correctCampaign", "campaigns", "Have those whom the campaign sent to enter another one, each once"), s.correct)
	add(s, operation(get, "/touches/uncertain", "listUncertain", "touches", "List messages of which nobody knows whether they were sent"), s.listUncertain)
	add(s, operation(post, "/touches/{id}/resolve", "resolveTouch", "touches", "Say what becomes of an uncertain message"), s.resolveTouch)
	add(s, operation(post, "/campaigns/{name}/resolve", "resolveCampaign", "touches", "Say what becomes of all uncertain messages of a campaign"), s.resolveCampaign)
}

// Brake is a limit that was passed, as callers see it.
type Brake struct {
	ID         string               `json:"id"`
	Campaign   string               `json:"campaign,omitempty" doc:"That is paused; left out for one of the workspace."`
	Channel    string               `json:"channel,omitempty" doc:"Of the workspace that is held; left out for all."`
	Passed     string               `json:"passed" enum:"failures,bounces,complaints,unsubscribes,spend"`
	Reason     string               `json:"reason"`
	Counts     campaign.BrakeCounts `json:"counts"`
	AppliedAt  time.Time            `json:"applied_at"`
	ReleasedAt time.Time            `json:"released_at,omitzero"`
	ReleasedBy string               `json:"released_by,omitempty"`
}

// NewBrakes shows brakes of the store.
func NewBrakes(list []store.Brake) []Brake {
	views := make([]Brake, 0, len(list))
	for _, b := range list {
		v := Brake{
			ID: b.ID, Campaign: b.Campaign, Channel: string(b.Channel), Passed: b.Passed, Reason: b.Reason, Counts: b.Counts,
			AppliedAt: b.AppliedAt.UTC(), ReleasedBy: b.ReleasedBy,
		}
		if b.ReleasedAt != nil {
			v.ReleasedAt = b.ReleasedAt.UTC()
		}
		views = append(views, v)
	}
	return views
}

// brakeLimits are brakes as JSON: the fields of the campaign language, or the word none.
type brakeLimits struct {
	Campaigns     any  `json:"campaigns,omitempty" doc:"Of each marketing campaign that does not say otherwise, as brakes stand in a campaign: {\"bounces\": \"3%\"} or \"none\"."`
	Workspace     any  `json:"workspace,omitempty" doc:"Over all marketing campaigns: past a part the channel is held, past spend all are."`
	Transactional bool `json:"transactional,omitempty" doc:"The workspace's count and hold service messages, too."`
}

type brakeList struct {
	Brakes []Brake     `json:"brakes"`
	Limits brakeLimits `json:"limits"`
}

type brakesInput struct {
	Campaign string `query:"campaign" maxLength:"200" doc:"Only of this campaign."`
	Holding  bool   `query:"holding" doc:"Only what holds now."`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at the most."`
}

func (s *server) listBrakes(ctx context.Context, ws int64, in *brakesInput) (*body[brakeList], error) {
	list, err := s.Store.Brakes(ctx, ws, store.BrakeFilter{Campaign: in.Campaign, Holding: in.Holding, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	settings, err := s.Store.Delivery(ctx, ws)
	if err != nil {
		return nil, err
	}
	return answerWith(brakeList{Brakes: NewBrakes(list), Limits: newBrakeLimits(settings.Brakes)}), nil
}

func newBrakeLimits(b channels.BrakeSettings) brakeLimits {
	view := brakeLimits{Campaigns: campaign.DefaultBrakes(), Transactional: b.Transactional}
	if b.Campaigns != nil {
		view.Campaigns = b.Campaigns.Over(campaign.DefaultBrakes())
	}
	if b.Workspace != nil {
		view.Workspace = b.OfWorkspace()
	}
	return view
}

type setBrakesInput struct {
	Body brakeLimits
}

func (s *server) setBrakes(ctx context.Context, ws int64, in *setBrakesInput) (*body[brakeList], error) {
	settings := channels.BrakeSettings{Transactional: in.Body.Transactional}
	for _, part := range []struct {
		from any
		to   **campaign.Brakes
	}{{in.Body.Campaigns, &settings.Campaigns}, {in.Body.Workspace, &settings.Workspace}} {
		if part.from == nil {
			continue
		}
		b, err := readBrakes(part.from)
		if err != nil {
			return nil, err
		}
		*part.to = &b
	}
	err := s.Store.SetDelivery(ctx, ws, func(all *channels.Settings) error {
		all.Brakes = settings
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.listBrakes(ctx, ws, &brakesInput{Holding: true, Limit: 100})
}

// readBrakes reads limits that were sent as JSON.
func readBrakes(from any) (campaign.Brakes, error) {
	var b campaign.Brakes
	raw, err := json.Marshal(from)
	if err != nil {
		return b, err
	}
	err = json.Unmarshal(raw, &b)
	if wrong, ok := errors.AsType[campaign.Violations](err); ok {
		bad := problem(http.StatusUnprocessableEntity, "bad_brakes", "the limits have %d faults: correct what violations names", len(wrong))
		bad.Violations = wrong
		return b, bad
	}
	return b, err
}

type releaseInput struct {
	Body struct {
		Channel string `json:"channel,omitempty" enum:"email,sms" doc:"Left out: the brake of all channels."`
		Anyway  bool   `json:"anyway,omitempty" doc:"Even if the limit is passed still."`
	}
}

func (s *server) releaseBrake(ctx context.Context, ws int64, in *releaseInput) (*body[brakeList], error) {
	err := s.Store.ReleaseBrake(ctx, ws, audience.Channel(in.Body.Channel), in.Body.Anyway)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/brakes lists those there are", "brake that holds it")
	}
	return s.listBrakes(ctx, ws, &brakesInput{Holding: true, Limit: 100})
}

type resumeInput struct {
	CampaignPath
	Anyway bool `query:"anyway" doc:"Even if a limit is passed still by which a brake stopped it."`
}

func (s *server) resumeCampaign(ctx context.Context, ws int64, in *resumeInput) (*body[Campaign], error) {
	if err := s.Store.ResumeCampaign(ctx, ws, in.Name, in.Anyway); err != nil {
		return nil, noCampaign(err, in.Name)
	}
	c, err := s.campaign(ctx, ws, in.Name)
	if err != nil {
		return nil, err
	}
	return answerWith(c), nil
}

// TouchedFilter says which messages of a campaign are meant.
type TouchedFilter struct {
	Step   string   `query:"step" json:"step,omitempty" maxLength:"200" doc:"Only of this step."`
	Status []string `query:"status" json:"status,omitempty" enum:"planned,claimed,accepted,delivered,failed,suppressed,uncertain" doc:"Only in these statuses; accepted, delivered and uncertain when left out."`
	Since  string   `query:"since" json:"since,omitempty" maxLength:"100" doc:"Only those sent at this moment or later."`
	Until  string   `query:"until" json:"until,omitempty" maxLength:"100" doc:"Only those sent before."`
}

func (f *TouchedFilter) of(name, place string) (store.TouchedFilter, error) {
	filter := store.TouchedFilter{Campaign: name, Step: f.Step}
	for _, status := range f.Status {
		filter.Statuses = append(filter.Statuses, audience.TouchStatus(status))
	}
	var err error
	if filter.Since, err = moment(place+".since", f.Since); err != nil {
		return filter, err
	}
	filter.Until, err = moment(place+".until", f.Until)
	return filter, err
}

type touchedInput struct {
	CampaignPath
	Paging
	TouchedFilter
	Full bool `query:"full" doc:"With whole addresses; else they are masked."`
}

type touchedList struct {
	Touches []store.Touched `json:"touches"`
	Next    string          `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listTouched(ctx context.Context, ws int64, in *touchedInput) (*body[touchedList], error) {
	if in.After != "" && uuid.Validate(in.After) != nil {
		return nil, badCursor()
	}
	filter, err := in.of(in.Name, "query")
	if err != nil {
		return nil, err
	}
	answer := touchedList{Touches: []store.Touched{}}
	err = s.Store.Touched(ctx, ws, filter, in.After, in.Limit, func(t store.Touched) error {
		t.At = t.At.UTC()
		if !in.Full {
			t.Address = Mask(t.Address)
		}
		answer.Touches = append(answer.Touches, t)
		return nil
	})
	if err != nil {
		return nil, noCampaign(err, in.Name)
	}
	if len(answer.Touches) == in.Limit {
		answer.Next = answer.Touches[in.Limit-1].ID
	}
	return answerWith(answer), nil
}

// Mask leaves of an address what is needed to recognise it: the first character and the domain, or the last digits.
func Mask(address string) string {
	if name, domain, mail := strings.Cut(address, "@"); mail && name != "" {
		return string([]rune(name)[:1]) + "***@" + domain
	}
	const shown = 3
	if len(address) <= shown {
		return strings.Repeat("*", len(address))
	}
	return "***" + address[len(address)-shown:]
}

type correctInput struct {
	CampaignPath
	Body struct {
		TouchedFilter

		With   string `json:"with" minLength:"1" maxLength:"200" doc:"Name of the campaign that they enter; its trigger may be {api: true}."`
		ID     string `json:"id,omitempty" maxLength:"100" doc:"Of the correction: nobody enters twice by the same. Made of the rest when left out."`
		DryRun bool   `json:"dry_run,omitempty" doc:"Only count whom it would concern."`
	}
}

type correctedView struct {
	ID        string `json:"id"`
	Customers int    `json:"customers" doc:"Who are concerned."`
	Asked     int    `json:"asked" doc:"Of those, who were asked in now, or would be."`
}

func (s *server) correct(ctx context.Context, ws int64, in *correctInput) (*body[correctedView], error) {
	filter, err := in.Body.of(in.Name, "body")
	if err != nil {
		return nil, err
	}
	correct := s.Store.Correct
	if in.Body.DryRun {
		correct = s.Store.CorrectionSize
	}
	out, err := correct(ctx, ws, store.Correction{Filter: filter, Into: in.Body.With, ID: in.Body.ID})
	if err != nil {
		return nil, missing(err, "GET "+Base+"/campaigns lists those there are", "campaign %q or %q", in.Name, in.Body.With)
	}
	return answerWith(correctedView(out)), nil
}

// UncertainTouch is a message of unknown fate, as callers see it.
type UncertainTouch struct {
	ID         string    `json:"id"`
	CustomerID string    `json:"customer_id"`
	Name       string    `json:"name,omitempty"`
	Channel    string    `json:"channel"`
	Address    string    `json:"address"`
	Campaign   string    `json:"campaign,omitempty"`
	Step       string    `json:"step"`
	At         time.Time `json:"at"`
	Why        string    `json:"why"`
	Attempts   int       `json:"attempts"`
	Resent     bool      `json:"resent,omitempty" doc:"It was sent again before."`
}

type uncertainInput struct {
	Paging
	Campaign string `query:"campaign" maxLength:"200" doc:"Only of this campaign."`
}

type uncertainList struct {
	Touches []UncertainTouch `json:"touches"`
	Next    string           `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listUncertain(ctx context.Context, ws int64, in *uncertainInput) (*body[uncertainList], error) {
	if in.After != "" && uuid.Validate(in.After) != nil {
		return nil, badCursor()
	}
	list, err := s.Store.Uncertain(ctx, ws, in.Campaign, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	answer := uncertainList{Touches: make([]UncertainTouch, 0, len(list))}
	for _, t := range list {
		answer.Touches = append(answer.Touches, UncertainTouch{
			ID: t.ID, CustomerID: t.Customer, Name: t.Name, Channel: string(t.Channel), Address: t.Address, Campaign: t.Campaign,
			Step: t.Step, At: t.At.UTC(), Why: t.Why, Attempts: t.Attempts, Resent: t.Resent,
		})
	}
	if len(list) == in.Limit {
		answer.Next = list[len(list)-1].ID
	}
	return answerWith(answer), nil
}

type resolution struct {
	As string `json:"as" enum:"sent,not-sent,resend" doc:"sent, not-sent: somebody found out. resend: it is sent again, at the risk of a second copy."`
}

type resolveTouchInput struct {
	ID   string `path:"id" maxLength:"100" doc:"Id of the touch."`
	Body resolution
}

func (s *server) resolveTouch(ctx context.Context, ws int64, in *resolveTouchInput) (*struct{}, error) {
	if err := s.Store.Resolve(ctx, ws, in.ID, store.Resolution(in.Body.As)); err != nil {
		return nil, missing(err, "GET "+Base+"/touches/uncertain lists those there are", "touch %q", in.ID)
	}
	return &struct{}{}, nil
}

type resolveCampaignInput struct {
	CampaignPath
	Body resolution
}

type resolvedView struct {
	Resolved int `json:"resolved"`
}

func (s *server) resolveCampaign(ctx context.Context, ws int64, in *resolveCampaignInput) (*body[resolvedView], error) {
	if _, err := s.campaign(ctx, ws, in.Name); err != nil {
		return nil, err
	}
	n, err := s.Store.ResolveAll(ctx, ws, in.Name, store.Resolution(in.Body.As))
	if err != nil {
		return nil, err
	}
	return answerWith(resolvedView{n}), nil
}
