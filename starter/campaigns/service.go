package campaigns

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// Service does with a workspace's campaigns what the command line and the management API offer.
type Service struct {
	Store *store.Store
	Now   func() time.Time
}

// New makes a service on a store, by the clock of this machine.
func New(st *store.Store) *Service { return &Service{Store: st, Now: time.Now} }

// Known asks what a workspace has that campaigns may name.
func (s *Service) Known(ctx context.Context, ws int64) (Known, error) {
	schema, err := s.Store.Schema(ctx, ws)
	if err != nil {
		return Known{}, err
	}
	names, err := s.Store.Names(ctx, ws)
	if err != nil {
		return Known{}, err
	}
	live, err := s.Store.LiveDefinitions(ctx, ws)
	if err != nil {
		return Known{}, err
	}
	in := func(set map[string]bool) func(string) bool { return func(name string) bool { return set[name] } }
	return Known{
		Schema: schema,
		World: campaign.Known{
			Segment: in(names.Segments), List: in(names.Lists), User: in(names.Users), Pool: func(name string) bool {
				_, ok := names.Pools[name]
				return ok
			},
			Codes:    func(pool string) int { return names.Pools[pool] },
			Campaign: in(names.Campaigns), Live: live,
			Policy: func(topic string) (audience.TopicPolicy, bool) {
				policy, ok := names.Topics[topic]
				return policy, ok
			},
		},
		Templates: func(wanted []string) (map[string]store.Template, error) {
			var found map[string]store.Template
			err := s.Store.In(ctx, ws, func(tx *store.Tx) error {
				var err error
				found, err = tx.Templates(ctx, wanted)
				return err
			})
			return found, err
		},
	}, nil
}

// Check finds out whether a campaign can be published in a workspace. What is wrong with it comes back as
// campaign.Violations.
func (s *Service) Check(ctx context.Context, ws int64, text Text) (*Loaded, error) {
	known, err := s.Known(ctx, ws)
	if err != nil {
		return nil, err
	}
	return Check(text, known)
}

// NameError says that a campaign stands under another name than its own.
type NameError struct{ Wanted, Own string }

// Error names both.
func (e *NameError) Error() string {
	return fmt.Sprintf("the campaign calls itself %q, not %q", e.Own, e.Wanted)
}

// CheckNamed is Check for a campaign that must have a name. The error is a *NameError if it has another.
func (s *Service) CheckNamed(ctx context.Context, ws int64, name string, text Text) (*Loaded, error) {
	l, err := s.Check(ctx, ws, text)
	if err == nil && l.Definition.Name != name {
		return nil, &NameError{Wanted: name, Own: l.Definition.Name}
	}
	return l, err
}

// Draft gives the draft of a campaign and its revision. store.ErrNotFound when there is none.
func (s *Service) Draft(ctx context.Context, ws int64, name string) (Text, int, error) {
	d, err := s.Store.Draft(ctx, ws, name)
	return Text{Source: d.Source, Templates: d.Templates}, d.Revision, err
}

// Plan says what publishing a campaign would do. What only the size of its audience tells is added to its warnings.
func (s *Service) Plan(ctx context.Context, ws int64, l *Loaded, moves store.Moves) (store.PublicationPlan, error) {
	p := l.Publication()
	p.Moves = moves
	plan, err := s.Store.PlanPublication(ctx, ws, p)
	if err != nil || plan.AudienceSize == nil {
		return plan, err
	}
	names, err := s.Store.Names(ctx, ws)
	if err != nil {
		return store.PublicationPlan{}, err
	}
	l.Warnings = append(l.Warnings,
		l.Definition.Shortage(func(pool string) int { return names.Pools[pool] }, *plan.AudienceSize)...)
	return plan, nil
}

// Publish publishes a campaign.
func (s *Service) Publish(ctx context.Context, ws int64, l *Loaded, moves store.Moves, note string) (store.Published, error) {
	p := l.Publication()
	p.Moves, p.Note = moves, note
	return s.Store.Publish(ctx, ws, p)
}

// PlanRollback says what bringing back an old version would do.
func (s *Service) PlanRollback(ctx context.Context, ws int64, name string, to int, moves store.Moves) (store.PublicationPlan, error) {
	v, err := s.Store.CampaignVersion(ctx, ws, name, to)
	if err != nil {
		return store.PublicationPlan{}, err
	}
	return s.Store.PlanPublication(ctx, ws, store.Publication{
		Definition: v.Definition, Source: v.Source, Templates: v.Templates, Moves: moves, Of: to,
	})
}

// DraftEdition stands for the draft among the editions of a campaign, which are otherwise the numbers of versions.
const DraftEdition = "draft"

// Edition is one state of a campaign: a version, a draft, or a file.
type Edition struct {
	Label      string // "version 3", "the draft"
	Definition *campaign.Definition
	Templates  map[string]store.Template
}

// ErrEdition says that an edition is neither the number of a version nor the draft.
var ErrEdition = errors.New("no edition")

// Edition finds a version by its number ("0" and "" are the live one) or the draft. A draft that cannot be published
// gives campaign.Violations.
func (s *Service) Edition(ctx context.Context, ws int64, name, which string) (Edition, error) {
	if which == DraftEdition {
		text, _, err := s.Draft(ctx, ws, name)
		if err != nil {
			return Edition{}, err
		}
		l, err := s.Check(ctx, ws, text)
		if err != nil {
			return Edition{}, err
		}
		return Edition{Label: "the draft", Definition: l.Definition, Templates: l.Templates}, nil
	}
	number := 0
	if which != "" {
		var err error
		if number, err = strconv.Atoi(which); err != nil || number < 0 {
			return Edition{}, fmt.Errorf("%q: %w: write the number of a version, or draft", which, ErrEdition)
		}
	}
	v, err := s.Store.CampaignVersion(ctx, ws, name, number)
	if err != nil {
		return Edition{}, err
	}
	return Edition{Label: fmt.Sprintf("version %d", v.Number), Definition: v.Definition, Templates: v.Templates}, nil
}

// Compared is how two editions of a campaign differ.
type Compared struct {
	Before, After string // labels of the editions
	Differences   []campaign.Difference
}

// Compare lists what is different in b. Templates that b does not bring are taken to be those of a.
func Compare(a, b Edition) Compared {
	return Compared{
		Before: a.Label, After: b.Label,
		Differences: append(campaign.Diff(a.Definition, b.Definition), templateDifferences(a.Templates, b.Templates)...),
	}
}

// Results counts what a campaign came to. store.ErrNotFound when there is none of that name.
func (s *Service) Results(ctx context.Context, ws int64, name string) (store.CampaignResults, []store.SplitResult, error) {
	r, err := s.Store.CampaignResults(ctx, ws, name)
	if err != nil {
		return r, nil, err
	}
	splits, err := s.Store.SplitResults(ctx, ws, name)
	return r, splits, err
}
