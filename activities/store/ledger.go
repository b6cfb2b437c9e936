package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// ClaimRequest asks for planned messages of a cohort.
type ClaimRequest struct {
	Workspace int64
	Cohort    string
	Channel   audience.Channel
	// Claim names the process and attempt that sends. A message that it claimed and gave back is left to another; see
	// also Orphans.
	Claim string
	Limit int
	Now   time.Time
	// After is the id behind which to look: messages that were claimed and settled lie before it, and walking past what is
	// left of them in the index costs the more the larger the cohort. "" looks from the first.
	After string
}

// Outgoing is a touch that was claimed for sending, with everything that its content may mention.
type Outgoing struct {
	TouchID    string
	JourneyID  string
	CampaignID string
	Campaign   string
	Version    int
	Step       string
	Iteration  int
	Topic      string // "" for a transactional message
	Address    string // of a request to a server, its URL
	Attempts   int    // this one included
	ClaimedAt  time.Time
	Customer   audience.Customer
	Entry      map[string]any
	Position   campaign.Position
	Secret     []byte         // the workspace's, for signing links
	Detail     map[string]any // of a request to a server: {body, url}; else nil
}

// Claimed is the answer to a ClaimRequest.
type Claimed struct {
	Messages   []Outgoing
	More       bool // there may be others to claim
	Suppressed int  // messages that must not be sent; their touches say why
	Held       bool // the campaign is paused, or a brake of the workspace holds: nothing was claimed
	// Next is when the first of the planned messages may be sent that may not be sent yet: quiet hours end, or a message
	// of higher priority has had its time. Zero where none waits, and while there are More.
	Next time.Time
}

// Claim takes up to Limit planned messages for sending. In one transaction it checks that the customer has an address,
// consents to the topic and is not suppressed, that it is no quiet hour and that the caps leave a place, and marks the
// message as claimed, or as suppressed with the reason; or it leaves the message planned for later. What is suppressed
// and has a fallback has that planned instead. Only what was claimed may be handed to a provider, once, and every claim
// must be settled.
func (s *Store) Claim(ctx context.Context, r ClaimRequest) (Claimed, error) {
	var out Claimed
	err := s.OnKnownPlans(ctx, r.Workspace, func(tx *Tx) error {
		var err error
		out, err = tx.claim(ctx, r)
		return err
	})
	if err != nil {
		return Claimed{}, fmt.Errorf("claim messages: %w", err)
	}
	return out, nil
}

// queueStatus moves a touch to a status whatever it was, and notes it in the history.
func queueStatus(b *pgx.Batch, ws int64, touch string, status audience.TouchStatus, detail string) {
	b.Queue(`WITH changed AS (UPDATE touches SET status = $3, outcome = $4, updated_at = clock_timestamp()
		WHERE workspace_id = $1 AND id = $2 RETURNING id)
		INSERT INTO touch_statuses (workspace_id, touch_id, status, detail) SELECT $1, id, $3, $4 FROM changed`,
		ws, touch, status, clean(detail))
}

// Settlement is what became of a claimed message.
type Settlement struct {
	TouchID    string
	Status     audience.TouchStatus // accepted, failed, uncertain, or planned to try it again later
	Outcome    string               // the provider's words
	ProviderID string
	Segments   int
	Summary    string // subject of an e-mail, text of an SMS
	Suppress   string // not empty: put the address on the list of suppressions for this reason
}

// Settle records what became of a claimed message. A late answer resolves an uncertain one; an answer never lowers
// what is known already. What failed or was suppressed, and has a fallback, has that planned.
func (s *Store) Settle(ctx context.Context, workspace int64, st Settlement) error {
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		b := &pgx.Batch{}
		queueSettlement(b, workspace, st)
		queueFallbacksAfter(b, workspace, st)
		if st.Suppress != "" {
			var channel audience.Channel
			var address string
			if err := tx.conn.QueryRow(ctx, `SELECT channel, address FROM touches WHERE workspace_id = $1 AND id = $2`,
				workspace, st.TouchID).Scan(&channel, &address); err != nil {
				return err
			}
			if err := tx.suppress(ctx, channel, address, st.Suppress, st.Outcome); err != nil {
				return err
			}
		}
		return tx.batch(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("settle message: %w", err)
	}
	return nil
}

func queueSettlement(b *pgx.Batch, ws int64, st Settlement) {
	// Where a callback came first, its word stands, and what only the answer knows is added.
	b.Queue(`WITH old AS (
			SELECT id, status = ANY ($8) AS moves FROM touches WHERE workspace_id = $1 AND id = $2 FOR UPDATE),
		changed AS (
			UPDATE touches t SET status = CASE WHEN o.moves THEN $3 ELSE t.status END,
				outcome = CASE WHEN o.moves THEN $4 ELSE t.outcome END,
				updated_at = CASE WHEN o.moves THEN clock_timestamp() ELSE t.updated_at END,
				provider_id = CASE WHEN $5 <> '' AND (o.moves OR t.provider_id = '') THEN $5 ELSE t.provider_id END,
				segments = greatest(t.segments, $6),
				summary = CASE WHEN $7 <> '' AND (o.moves OR t.summary = '') THEN $7 ELSE t.summary END
			FROM old o WHERE t.workspace_id = $1 AND t.id = o.id RETURNING t.id, o.moves)
		INSERT INTO touch_statuses (workspace_id, touch_id, status, detail)
		SELECT $1, id, $3, $4 FROM changed WHERE moves`,
		ws, st.TouchID, st.Status, clean(st.Outcome), st.ProviderID, st.Segments, clean(st.Summary), audience.Before(st.Status))
	queueTouchChanges(b, ws, st.TouchID)
}

// Orphans lists the messages of a cohort and channel that another claim than the given one took and did not settle:
// the process died between the claim and the answer, or lost the answer.
func (s *Store) Orphans(ctx context.Context, r ClaimRequest) ([]Outgoing, error) {
	var list []Outgoing
	err := s.In(ctx, r.Workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT t.id, t.journey_id, t.campaign_id, k.name, t.version, t.step, t.topic,
			t.iteration, t.attempts, t.address, t.updated_at, CASE WHEN t.channel = 'webhook' THEN t.detail END, j.entry,
			j.position, w.secret, `+prefixed("c")+`
			FROM touches t
			JOIN workspaces w ON w.id = t.workspace_id
			JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
			JOIN journeys j ON j.workspace_id = t.workspace_id AND j.id = t.journey_id
			JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.cohort_id = $2 AND t.channel = $3 AND t.status = 'claimed' AND t.claim <> $4
			ORDER BY t.id`, r.Workspace, r.Cohort, r.Channel, r.Claim)
		var err error
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Outgoing, error) {
			var o Outgoing
			c := &o.Customer
			err := row.Scan(&o.TouchID, &o.JourneyID, &o.CampaignID, &o.Campaign, &o.Version, &o.Step, &o.Topic,
				&o.Iteration, &o.Attempts, &o.Address, &o.ClaimedAt, &o.Detail, &o.Entry, &o.Position, &o.Secret,
				&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage, &c.Tags,
				&c.Attributes, &c.CreatedAt, &c.UpdatedAt)
			return o, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list unanswered messages: %w", err)
	}
	return list, nil
}

// StatusReport is a provider's word on a message that it took before.
type StatusReport struct {
	Workspace  int64
	TouchID    string
	ProviderID string
	Status     audience.TouchStatus // accepted, delivered or failed
	Code       string
	Detail     string
	OptedOut   bool // the provider says that the recipient does not want our messages
	At         time.Time
}

// Report records a provider's later word on a message. Duplicates and words that come in the wrong order change
// nothing. ErrNotFound when there is no such message.
func (s *Store) Report(ctx context.Context, r StatusReport) error {
	err := s.In(ctx, r.Workspace, func(tx *Tx) error {
		var channel audience.Channel
		var address string
		err := tx.conn.QueryRow(ctx, `SELECT channel, address FROM touches
			WHERE workspace_id = $1 AND id = $2 AND direction = 'out' FOR UPDATE`, r.Workspace, r.TouchID).
			Scan(&channel, &address)
		if errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("touch %s: %w", r.TouchID, ErrNotFound)
		}
		if err != nil {
			return err
		}
		if r.OptedOut {
			if err := tx.suppress(ctx, channel, address, "opted_out", r.Detail); err != nil {
				return err
			}
		}
		outcome := strings.TrimSpace(r.Code + " " + r.Detail)
		b := &pgx.Batch{}
		queueSettlement(b, r.Workspace, Settlement{
			TouchID: r.TouchID, Status: r.Status, Outcome: outcome, ProviderID: r.ProviderID,
		})
		queueFallbacksAfter(b, r.Workspace, Settlement{TouchID: r.TouchID, Status: r.Status})
		return tx.batch(ctx, b)
	})
	if err != nil {
		return fmt.Errorf("record status report: %w", err)
	}
	return nil
}
