package activities

import (
	"context"
	"sync"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

const (
	judgeEvery  = time.Second            // how often to look for limits that were passed
	brakeEvery  = 250 * time.Millisecond // likewise while messages of the workspace are being sent
	resendEvery = time.Minute            // how often to look for uncertain messages that are to be sent again
)

// judgements remembers when the brakes of each workspace were judged last because of sending.
type judgements struct {
	mu sync.Mutex
	at map[int64]time.Time
}

// due says whether it is time to judge, and if so has it be this caller's turn.
func (j *judgements) due(workspace int64, now time.Time) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if now.Sub(j.at[workspace]) < brakeEvery {
		return false
	}
	if j.at == nil {
		j.at = map[int64]time.Time{}
	}
	j.at[workspace] = now
	return true
}

// brakeWhileSending judges the brakes of a workspace after one of its messages was settled, every now and then. Sending
// itself goes on should that fail: the sweeper judges, too.
func (a *Activities) brakeWhileSending(ctx context.Context, workspace int64) {
	if !a.judgements.due(workspace, time.Now()) {
		return
	}
	if err := a.brake(ctx, workspace); err != nil {
		a.Logger.WarnContext(ctx, "brakes could not be judged", "workspace", workspace, "error", err)
	}
}

// brake judges the brakes of a workspace.
func (a *Activities) brake(ctx context.Context, workspace int64) error {
	applied, err := a.Store.JudgeBrakes(ctx, workspace)
	for _, b := range applied {
		a.Logger.WarnContext(ctx, "a brake was applied", "workspace", workspace, "campaign", b.Campaign, "channel", b.Channel,
			"passed", b.Passed, "reason", b.Reason)
	}
	return err
}

// brakes judges all workspaces in which something has happened to messages, and sends again what is uncertain where the
// workspace wants that.
func (a *sweeper) brakes(ctx context.Context, now time.Time) error {
	if now.Sub(a.judgedAt) < judgeEvery {
		return nil
	}
	a.judgedAt = now
	list, err := a.Store.WorkspacesToJudge(ctx)
	if err != nil {
		return err
	}
	for _, ws := range list {
		if err := a.brake(ctx, ws); err != nil {
			return err
		}
	}
	if now.Sub(a.resentAt) < resendEvery {
		return nil
	}
	a.resentAt = now
	return a.resend(ctx)
}

// resend plans uncertain messages again in the workspaces that want that.
func (a *Activities) resend(ctx context.Context) error {
	workspaces, err := a.Store.Workspaces(ctx)
	if err != nil {
		return err
	}
	for _, ws := range workspaces {
		n, err := a.Store.ResendUncertain(ctx, ws.ID, store.UncertainGrace)
		if err != nil {
			return err
		}
		if n > 0 {
			a.Logger.InfoContext(ctx, "uncertain messages are sent again", "workspace", ws.ID, "messages", n)
		}
	}
	return nil
}

// signals lists what the events tell that recipients did because of a message.
func (p *picker) signals() []store.Signal {
	var list []store.Signal
	for i := range p.events {
		e := &p.events[i]
		if e.ID == "" || e.Type != string(store.CallSystem) {
			continue
		}
		kind := store.SignalUnsubscribe
		switch e.Name {
		case audience.EventUnsubscribed:
		case audience.EventEmailComplained:
			kind = store.SignalComplaint
		default:
			continue
		}
		if touch, _ := e.Properties["touch_id"].(string); touch != "" {
			list = append(list, store.Signal{TouchID: touch, Kind: kind})
		}
	}
	return list
}
