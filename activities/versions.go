package activities

import (
	"context"
	"fmt"
	"sync"

	"dotyk/activities/store"
	"dotyk/channels/content"
	"dotyk/rules/campaign"
)

// version is a campaign's version with its messages compiled. It never changes.
type version struct {
	*store.Version
	emails map[string]*content.Email // by step
	sms    map[string]*content.SMS   // by step
	broken map[string]error          // by step: content that does not compile
}

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

// compile compiles every message. Publishing refuses content that does not compile; should some be there all the same,
// its touches fail and say why.
func compile(loaded *store.Version) *version {
	v := &version{
		Version: loaded, emails: map[string]*content.Email{}, sms: map[string]*content.SMS{}, broken: map[string]error{},
	}
	for _, m := range loaded.Definition.Messages() {
		var err error
		switch m := m.(type) {
		case *campaign.EmailStep:
			v.emails[m.ID], err = content.CompileEmail(EmailSource(m, loaded.Templates))
		case *campaign.SMSStep:
			v.sms[m.ID], err = content.CompileSMS(SMSSource(m, loaded.Templates))
		}
		if err != nil {
			v.broken[m.StepID()] = fmt.Errorf("compile content of step %s: %w", m.StepID(), err)
		}
	}
	return v
}

// EmailSource gives the content of an e-mail step: its template's, or its own.
func EmailSource(s *campaign.EmailStep, templates map[string]store.Template) content.EmailSource {
	if s.Template != "" {
		t := templates[s.Template]
		return content.EmailSource{Subject: t.Subject, HTML: t.HTML, Text: t.Text}
	}
	return content.EmailSource{Subject: s.Subject, HTML: s.HTML, Text: s.Text}
}

// SMSSource gives the text of an SMS step: its template's, or its own.
func SMSSource(s *campaign.SMSStep, templates map[string]store.Template) string {
	if s.Template != "" {
		return templates[s.Template].Text
	}
	return s.Text
}
