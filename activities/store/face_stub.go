package store

import (
	"context"
	"errors"
	"time"

	"dotyk/rules/campaign"
)

var errStub = errors.New("stub")
var ErrConflict = errors.New("conflict")

type MovePolicy string

const (
	PolicyStay MovePolicy = "stay"
	PolicyMove MovePolicy = "move"
	PolicyExit MovePolicy = "exit"
)

type Moves struct {
	Default MovePolicy
	Steps   map[string]MovePolicy
	Rename  map[string]string
}
type PublicationPlan struct {
	Name         string
	From, To     int
	Changed      bool
	Status       CampaignStatus
	Waiting      []WaitingAt
	Differences  []campaign.Difference
	AudienceSize *int
}
type WaitingAt struct {
	Version                      int
	Step, Kind                   string
	Journeys                     int
	Policy                       MovePolicy
	Becomes                      string
	DueNow                       int
	EarliestDue, LatestDue       time.Time
	NewEarliestDue, NewLatestDue time.Time
}
type CampaignDraft struct {
	Name, Source string
	Templates    map[string]Template
	Revision     int
	UpdatedBy    string
	UpdatedAt    time.Time
}
type Draft = CampaignDraft
type VersionInfo struct {
	Number      int
	Hash        string
	PublishedBy string
	PublishedAt time.Time
	Note        string
	Of          int
	Active      int
	Live        bool
}
type Request struct {
	Campaign, Customer string
	Data               map[string]any
	Key                string
}

func (s *Store) PlanPublication(ctx context.Context, ws int64, p Publication) (PublicationPlan, error) {
	return PublicationPlan{}, errStub
}
func (s *Store) SaveDraft(ctx context.Context, ws int64, d Draft) (Draft, error) { return d, errStub }
func (s *Store) Draft(ctx context.Context, ws int64, name string) (Draft, error) {
	return Draft{}, errStub
}
func (s *Store) Drafts(ctx context.Context, ws int64) ([]Draft, error)        { return nil, errStub }
func (s *Store) DeleteDraft(ctx context.Context, ws int64, name string) error { return errStub }
func (s *Store) Versions(ctx context.Context, ws int64, name string) ([]VersionInfo, error) {
	return nil, errStub
}
func (s *Store) CampaignVersion(ctx context.Context, ws int64, name string, number int) (*Version, error) {
	return nil, errStub
}
func (s *Store) Rollback(ctx context.Context, ws int64, name string, to int, m Moves, note string) (Published, error) {
	return Published{}, errStub
}
func (s *Store) Request(ctx context.Context, ws int64, r Request) error { return errStub }
func (s *Store) Policy(ctx context.Context, ws int64) (campaign.Policy, error) {
	return campaign.Policy{}, nil
}
func (s *Store) SetPolicy(ctx context.Context, ws int64, p campaign.Policy) error { return errStub }
func (s *Store) LiveDefinitions(ctx context.Context, ws int64) ([]*campaign.Definition, error) {
	return nil, nil
}
func (s *Store) WebhookSecret(ctx context.Context, ws int64) (string, error) { return "", errStub }
