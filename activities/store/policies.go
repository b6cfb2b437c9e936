package store

import (
	"fmt"
	"sync"

	"dotyk/rules/campaign"
)

// maxPolicies bounds the memory of the cache; beyond it, it starts anew.
const maxPolicies = 1000

// policies keeps the policies of workspaces that were read before, by their text: every claim needs one.
type policies struct {
	mu     sync.Mutex
	byText map[string]campaign.Policy
}

// parse reads a policy as it stands in the settings of a workspace; nil is none.
func (ps *policies) parse(text *string) (campaign.Policy, error) {
	if text == nil {
		return campaign.Policy{}, nil
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if p, ok := ps.byText[*text]; ok {
		return p, nil
	}
	p, err := campaign.ParsePolicy([]byte(*text))
	if err != nil {
		return campaign.Policy{}, fmt.Errorf("read policy of workspace: %w", err)
	}
	if ps.byText == nil || len(ps.byText) >= maxPolicies {
		ps.byText = map[string]campaign.Policy{}
	}
	ps.byText[*text] = p
	return p, nil
}
