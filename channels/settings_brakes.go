package channels

import (
	"fmt"

	"dotyk/rules/campaign"
)

// BrakeSettings stop the sending when something goes wrong.
type BrakeSettings struct {
	// Campaigns are the brakes of each marketing campaign, where it does not say otherwise. Nil: campaign.DefaultBrakes.
	Campaigns *campaign.Brakes `json:"campaigns,omitempty"`
	// Workspace are those over all marketing campaigns together. Its parts are judged channel by channel, and past one of
	// them the channel is held; past Spend all channels are. Nil: none.
	Workspace *campaign.Brakes `json:"workspace,omitempty"`
	// Transactional has service messages counted and held by the workspace's brakes as well.
	Transactional bool `json:"transactional,omitempty"`
}

// OfCampaign gives the brakes that a campaign has in the end. Own is what the campaign says; nil for nothing. A
// transactional one has only what it asks for.
func (s *BrakeSettings) OfCampaign(own *campaign.Brakes, transactional bool) campaign.Brakes {
	defaults := campaign.DefaultBrakes()
	switch {
	case own == nil && (transactional || s.Campaigns != nil && s.Campaigns.None):
		return campaign.Brakes{None: true}
	case own == nil:
		own = &campaign.Brakes{}
	}
	if transactional { // of the defaults only how to look
		return own.Over(campaign.Brakes{Per: defaults.Per, After: defaults.After})
	}
	if s.Campaigns == nil {
		return own.Over(defaults)
	}
	if s.Campaigns.None {
		return own.Over(campaign.Brakes{Per: defaults.Per, After: defaults.After})
	}
	return own.Over(s.Campaigns.Over(defaults))
}

// OfWorkspace gives the brakes over all campaigns.
func (s *BrakeSettings) OfWorkspace() campaign.Brakes {
	if s.Workspace == nil {
		return campaign.Brakes{None: true}
	}
	defaults := campaign.DefaultBrakes()
	return s.Workspace.Over(campaign.Brakes{Per: defaults.Per, After: defaults.After})
}

// Check says what is wrong with the policy.
func (p UncertainPolicy) Check() error {
	switch p {
	case "", UncertainLeave, UncertainResend:
		return nil
	}
	return fmt.Errorf("uncertain is %q: write %s or %s", string(p), UncertainLeave, UncertainResend)
}
