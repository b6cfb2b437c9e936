package simulation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
	"dotyk/rules/campaign/rehearsal"
)

// Options of a simulation. From, To, Now and Draft are required.
type Options struct {
	From, To time.Time // To does not belong to the time that is played; it must not lie after Now
	Now      time.Time
	Draft    *campaign.Definition
	// Templates are those that came with the draft. Others are the workspace's.
	Templates map[string]store.Template
	// Policy stands in for the workspace's quiet hours, caps and holdout. Nil: those of the workspace.
	Policy *campaign.Policy
	// Sample is about how many customers are played, evenly chosen by their ids, the same ones each time; 0 means all.
	Sample   int
	SMSPrice float64 // of one part
	// Progress is told how many of all customers have been looked at. It may be nil.
	Progress func(done, total int)
}

// pageSize is how many customers are in memory at one time.
const pageSize = 1000

// ErrRange says that the time of a simulation is none: it does not end after it begins, or ends in the future.
var ErrRange = errors.New("no time to simulate")

func (o *Options) check() error {
	const form = "2006-01-02 15:04 UTC"
	from, to := o.From.UTC(), o.To.UTC()
	switch {
	case !from.Before(to):
		return fmt.Errorf("%w: it begins on %s and ends on %s; let it end later", ErrRange, from.Format(form), to.Format(form))
	case to.After(o.Now):
		return fmt.Errorf("%w: it ends on %s, which is yet to come; let it end now or earlier", ErrRange, to.Format(form))
	}
	return nil
}

// Run plays a draft over the history of a workspace. The error is ErrRange for a time that cannot be played.
func Run(ctx context.Context, st *store.Store, workspace int64, o Options) (*rehearsal.Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var report *rehearsal.Report
	err := st.Snapshot(ctx, workspace, func(tx *store.Tx) error {
		p, err := prepare(ctx, tx, o)
		if err != nil {
			return err
		}
		if err := p.play(ctx); err != nil {
			return err
		}
		report = p.report()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("simulate campaign %s: %w", o.Draft.Name, err)
	}
	return report, nil
}

// player is a simulation under way.
type player struct {
	Options
	tx        *store.Tx
	workspace store.PastWorkspace
	live      *store.Version // nil: none, or the same as the draft
	same      bool           // the draft is the live version
	wants     rehearsal.Wants
	segments  segments
	policy    campaign.Policy
	sim       *rehearsal.Simulation
}

func prepare(ctx context.Context, tx *store.Tx, o Options) (*player, error) {
	p := &player{Options: o, tx: tx}
	templates, err := p.templates(ctx)
	if err != nil {
		return nil, err
	}
	texts := texts{}
	if err := texts.add(o.Draft, templates); err != nil {
		return nil, err
	}
	definitions := []*campaign.Definition{o.Draft}
	if err := p.findLive(ctx); err != nil {
		return nil, err
	}
	back := rehearsal.Back{From: o.From, To: o.To, Draft: o.Draft, SMSPrice: o.SMSPrice}
	back.Parts = func(d *campaign.Definition, c *rehearsal.Content) (int, error) { return texts.parts(ctx, d, c) }
	if p.live != nil {
		back.Live = p.live.Definition
		definitions = append(definitions, p.live.Definition)
		if err := texts.add(p.live.Definition, p.live.Templates); err != nil {
			return nil, err
		}
	}
	p.wants = rehearsal.Asks(definitions...)
	if p.workspace, err = tx.PastWorkspace(ctx, p.wants.Pools); err != nil {
		return nil, err
	}
	if p.policy = p.workspace.Policy; o.Policy != nil {
		p.policy = *o.Policy
	}
	if p.segments, err = chooseSegments(p.workspace.Segments, &p.wants, o.From); err != nil {
		return nil, err
	}
	back.World = rehearsal.Config{
		Zone: p.workspace.Zone, Country: p.workspace.Country, Policy: p.policy, Topics: p.workspace.Topics,
		Segments: p.segments.rules, Lists: p.segments.history,
	}
	p.sim, err = rehearsal.Simulate(back)
	return p, err
}

// templates gives those that the draft's messages name, with all that they use.
func (p *player) templates(ctx context.Context) (map[string]store.Template, error) {
	return store.CollectTemplates(store.TemplateNames(p.Draft), p.Templates, func(missing []string) (map[string]store.Template, error) {
		return p.tx.Templates(ctx, missing)
	})
}

// findLive looks for the version that customers enter now.
func (p *player) findLive(ctx context.Context) error {
	list, err := p.tx.LiveCampaigns(ctx)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(list, func(c store.LiveCampaign) bool { return c.Name == p.Draft.Name })
	if at < 0 {
		return nil
	}
	v, err := p.tx.LoadVersion(ctx, list[at].ID, list[at].Version)
	if err != nil {
		return err
	}
	if p.same = v.Definition.Hash() == p.Draft.Hash(); !p.same {
		p.live = v
	}
	return nil
}

// play plays the customers page by page.
func (p *player) play(ctx context.Context) error {
	share, done, after := 1.0, 0, ""
	if p.Sample > 0 && p.workspace.Customers > p.Sample {
		share = float64(p.Sample) / float64(p.workspace.Customers)
	}
	total := int(float64(p.workspace.Customers)*share + 0.5) //nolint:mnd // rounded
	for {
		p.tell(done, total)
		page, err := p.tx.PastCustomers(ctx, after, pageSize, share, p.From)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			p.tell(total, total)
			return nil
		}
		after = page[len(page)-1].ID
		done += len(page)
		subjects, err := p.subjects(ctx, page)
		if err != nil {
			return err
		}
		if err := p.sim.Play(subjects); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (p *player) tell(done, total int) {
	if p.Progress != nil {
		p.Progress(min(done, total), total)
	}
}

func (p *player) report() *rehearsal.Report {
	r := p.sim.Report()
	r.Of = max(p.workspace.Customers, r.Customers)
	if p.live != nil {
		r.LiveVersion = p.live.Number
	}
	r.Pools = p.pools(r)
	r.Assumptions = p.assumptions()
	return r
}

// pools tells whether there are codes enough.
func (p *player) pools(r *rehearsal.Report) []rehearsal.CouponNeed {
	given := map[string]int{}
	for _, s := range r.Draft.Steps {
		given[s.Step] = s.Done
	}
	wanted := map[string]int{}
	campaign.Walk(p.Draft.Steps, func(step campaign.Step) {
		if s, ok := step.(*campaign.CouponStep); ok && s.Pool != "" {
			wanted[s.Pool] += given[s.ID]
		}
	})
	pools := []rehearsal.CouponNeed{}
	for _, name := range p.wants.Pools {
		if n, ok := wanted[name]; ok {
			pools = append(pools, rehearsal.CouponNeed{Pool: name, Free: p.workspace.FreeCoupons[name], Wanted: n})
		}
	}
	return pools
}
