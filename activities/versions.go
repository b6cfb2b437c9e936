package activities

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules/campaign"
)

// version is a campaign's version with its messages compiled. It never changes.
type version struct {
	*store.Version
	emails map[string]content.Variants    // by step
	sms    map[string]content.SMSVariants // by step
	texts  map[string]texts               // by step: of what is for people of the workspace
	broken map[string]error               // by step: content that does not compile

	webhooks    map[string]*campaign.WebhookStep
	experiments []*campaign.SplitStep // splits that look for a winner
	coupons     bool                  // some step gives codes
	pools       map[string]string     // by coupon step: where its codes are taken from
}

// texts is what a task, a call or a note says; the title of a note is empty.
type texts struct{ title, text *content.Text }

type versionKey struct {
	workspace int64
	campaign  string
	number    int
}

// maxVersions bounds the memory of the cache; beyond it, it starts anew.
const maxVersions = 1000

// versions keeps what was loaded. Versions are immutable, so nothing in it is ever stale.
type versions struct {
	mu   sync.Mutex
	byID map[versionKey]*version
}

func newVersions() *versions { return &versions{byID: map[versionKey]*version{}} }

func (vs *versions) get(ctx context.Context, tx *store.Tx, campaignID string, number int) (*version, error) {
	key := versionKey{tx.Workspace, campaignID, number}
	if v := vs.cached(key); v != nil {
		return v, nil
	}
	loaded, err := tx.LoadVersion(ctx, campaignID, number)
	if err != nil {
		return nil, err
	}
	v := compile(loaded)
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if len(vs.byID) >= maxVersions {
		clear(vs.byID)
	}
	vs.byID[key] = v
	return v, nil
}

func (vs *versions) cached(key versionKey) *version {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.byID[key]
}

// compile compiles every text. Publishing refuses content that does not compile; should some be there all the same, its
// touches fail and say why.
func compile(loaded *store.Version) *version {
	v := &version{
		Version: loaded, emails: map[string]content.Variants{}, sms: map[string]content.SMSVariants{},
		texts: map[string]texts{}, broken: map[string]error{}, webhooks: map[string]*campaign.WebhookStep{}, pools: map[string]string{},
	}
	campaign.Walk(loaded.Definition.Steps, func(step campaign.Step) {
		if err := v.compile(step); err != nil {
			v.broken[step.StepID()] = fmt.Errorf("compile content of step %s: %w", step.StepID(), err)
		}
	})
	return v
}

func (v *version) compile(step campaign.Step) (err error) {
	switch s := step.(type) {
	case *campaign.EmailStep:
		v.emails[s.ID], err = CompileEmail(s, v.Templates)
	case *campaign.SMSStep:
		v.sms[s.ID], err = CompileSMS(s, v.Templates)
	case *campaign.CallStep:
		return v.compileTexts(s.ID, s.Title, s.Script)
	case *campaign.TaskStep:
		return v.compileTexts(s.ID, s.Title, s.Text)
	case *campaign.NoteStep:
		return v.compileTexts(s.ID, "", s.Text)
	case *campaign.WebhookStep:
		v.webhooks[s.ID] = s
	case *campaign.CouponStep:
		v.coupons = true
		if s.Pool != "" {
			v.pools[s.ID] = s.Pool
		}
	case *campaign.SplitStep:
		if slices.ContainsFunc(s.Arms, func(arm campaign.SplitArm) bool { return arm.Winner }) {
			v.experiments = append(v.experiments, s)
		}
	case *campaign.WaitStep, *campaign.WaitForStep, *campaign.BranchStep, *campaign.DecideStep, *campaign.RepeatStep,
		*campaign.UpdateStep, *campaign.OwnerStep, *campaign.JourneyStep, *campaign.ExitStep:
	}
	return err
}

func (v *version) compileTexts(step, title, text string) error {
	var t texts
	var err error
	if t.title, err = content.CompileText(title); err != nil {
		return err
	}
	if t.text, err = content.CompileText(text); err != nil {
		return err
	}
	v.texts[step] = t
	return nil
}

// CompileEmail compiles the content of an e-mail step: its template's, or its own.
func CompileEmail(s *campaign.EmailStep, templates map[string]store.Template) (content.Variants, error) {
	return content.Library(templates).CompileEmail(emailTemplate(s, templates))
}

// CompileSMS compiles the text of an SMS step: its template's, or its own.
func CompileSMS(s *campaign.SMSStep, templates map[string]store.Template) (content.SMSVariants, error) {
	return content.Library(templates).CompileSMS(smsTemplate(s, templates))
}

// Sources gives all that a message is made of, as its authors wrote it.
func Sources(m campaign.MessageStep, templates map[string]store.Template) []string {
	switch m := m.(type) {
	case *campaign.EmailStep:
		return content.Library(templates).Sources(emailTemplate(m, templates))
	case *campaign.SMSStep:
		return content.Library(templates).Sources(smsTemplate(m, templates))
	}
	return nil
}

func emailTemplate(s *campaign.EmailStep, templates map[string]store.Template) store.Template {
	if s.Template != "" {
		return templates[s.Template]
	}
	return store.Template{Subject: s.Subject, HTML: s.HTML, Text: s.Text}
}

func smsTemplate(s *campaign.SMSStep, templates map[string]store.Template) store.Template {
	if s.Template != "" {
		return templates[s.Template]
	}
	return store.Template{Text: s.Text}
}
