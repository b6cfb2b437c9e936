package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
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
	// also Recover.
	Claim string
	// Lane is which of the attempt's senders asks. It sends what it is given one after another, in the order of their ids,
	// and asks again when all of it is settled: so of what a dead process left behind, only the first of each lane may have
	// been sent.
	Lane  int
	Limit int
	Now   time.Time
	// After is the id behind which to look: messages that were claimed and settled lie before it, and walking past what is
	// left of them in the index costs the more the larger the cohort. "" looks from the first.
	After string
}

// laneMark ends the name of the attempt in touches.claim; what follows tells its lanes apart.
const laneMark = "#"

// takenMark stands in its place where the attempt has taken a message over: it may claim that itself, should it turn out
// not to have been sent.
const takenMark = "?"

// Holder is the claim that holds what the request's lane is given.
func (r *ClaimRequest) Holder() string { return r.Claim + laneMark + strconv.Itoa(r.Lane) }

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
	Claim      string // by which it is held
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
	Sender     string // account or number that sent it
	Cost       string // decimal, in the workspace's currency; "" for none
	Suppress   string // not empty: put the address on the list of suppressions for this reason
	// Claim is the one that must still hold the message for it to be planned again, or asked about; "" is any.
	Claim string
}

// Settled tells what a message was before an answer to it was recorded.
type Settled struct {
	Status audience.TouchStatus
	Claim  string
}

// Held says whether the message was still held by a claim, so that whoever has it may go on with what else it claimed.
// Otherwise somebody who took it for dead has taken that over.
func (s Settled) Held(claim string) bool {
	return s.Claim == claim && s.Status != audience.Planned && s.Status != audience.Uncertain
}

// Settle records what became of a claimed message. A late answer resolves an uncertain one; an answer never lowers
// what is known already. What failed or was suppressed, and has a fallback, has that planned. The status claimed says that
// its provider must be asked: the message is set apart from what else its lane holds.
func (s *Store) Settle(ctx context.Context, workspace int64, st Settlement) error {
	_, err := s.SettleAll(ctx, workspace, []Settlement{st})
	return err
}

// SettleAll is Settle for several messages, each named once, in one transaction. It tells what each was before, by its
// touch's id; of a touch that does not exist it tells nothing.
func (s *Store) SettleAll(ctx context.Context, workspace int64, list []Settlement) (map[string]Settled, error) {
	var was map[string]Settled
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		was = make(map[string]Settled, len(list))
		b := &pgx.Batch{}
		queueSettlements(b, workspace, list, was)
		var refused []string
		for i := range list {
			st := &list[i]
			if st.Status == audience.Failed || st.Status == audience.Suppressed {
				refused = append(refused, st.TouchID)
			}
		}
		if len(refused) > 0 {
			queueFallbacks(b, workspace, refused)
		}
		if err := tx.batch(ctx, b); err != nil {
			return err
		}
		return tx.suppressSettled(ctx, list)
	})
	if err != nil {
		return nil, fmt.Errorf("settle messages: %w", err)
	}
	return was, nil
}

func (tx *Tx) suppressSettled(ctx context.Context, list []Settlement) error {
	for i := range list {
		st := &list[i]
		if st.Suppress == "" {
			continue
		}
		var channel audience.Channel
		var address string
		if err := tx.conn.QueryRow(ctx, `SELECT channel, address FROM touches WHERE workspace_id = $1 AND id = $2`,
			tx.Workspace, st.TouchID).Scan(&channel, &address); err != nil {
			return err
		}
		if err := tx.suppress(ctx, channel, address, st.Suppress, st.Outcome); err != nil {
			return err
		}
	}
	return nil
}

func queueSettlement(b *pgx.Batch, ws int64, st Settlement) {
	queueSettlements(b, ws, []Settlement{st}, nil)
}

// queueSettlements moves touches to their statuses, where these are higher than what they have, and notes that in their
// histories. It tells in was, which may be nil, what they were. Rows are locked in the order of their ids.
func queueSettlements(b *pgx.Batch, ws int64, list []Settlement, was map[string]Settled) {
	n := len(list)
	ids, statuses, outcomes, providers := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	segments, summaries, senders, costs := make([]int, n), make([]string, n), make([]string, n), make([]string, n)
	befores, claims := make([]string, n), make([]string, n)
	for i := range list {
		st := &list[i]
		ids[i], statuses[i], outcomes[i], providers[i] = st.TouchID, string(st.Status), clean(st.Outcome), clean(st.ProviderID)
		segments[i], summaries[i], senders[i], costs[i] = st.Segments, clean(st.Summary), clean(st.Sender), cmp.Or(st.Cost, "0")
		befores[i], claims[i] = statusesBefore(st.Status), st.Claim
	}
	// Where a callback came first, its word stands, and what only the answer knows is added.
	b.Queue(`WITH old AS (
			SELECT t.id, t.status AS was, t.claim AS held,
				t.status = ANY (string_to_array(u.befores, ' ')) AND u.claim IN ('', t.claim) AS moves,
				u.status, u.outcome, u.provider, u.segments, u.summary, u.sender, u.cost
			FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[], $7::text[], $8::text[], $9::text[], $10::text[],
				$11::text[]) AS u (id, status, outcome, provider, segments, summary, sender, cost, befores, claim)
			JOIN touches t ON t.workspace_id = $1 AND t.id = u.id
			ORDER BY t.id FOR UPDATE OF t),
		changed AS (
			UPDATE touches t SET status = CASE WHEN o.moves THEN o.status ELSE t.status END,
				claim = CASE WHEN o.moves AND o.status = 'claimed' THEN t.claim || '`+laneMark+`' || t.id ELSE t.claim END,
				outcome = CASE WHEN o.moves THEN o.outcome ELSE t.outcome END,
				updated_at = CASE WHEN o.moves THEN clock_timestamp() ELSE t.updated_at END,
				provider_id = CASE WHEN o.provider <> '' AND (o.moves OR t.provider_id = '') THEN o.provider ELSE t.provider_id END,
				segments = greatest(t.segments, o.segments),
				summary = CASE WHEN o.summary <> '' AND (o.moves OR t.summary = '') THEN o.summary ELSE t.summary END,
				sender = CASE WHEN o.sender <> '' AND (o.moves OR t.sender = '') THEN o.sender ELSE t.sender END,
				cost = greatest(t.cost, o.cost::numeric)
			FROM old o WHERE t.workspace_id = $1 AND t.id = o.id),
		noted AS (
			INSERT INTO touch_statuses (workspace_id, touch_id, status, detail)
			SELECT $1, id, status, outcome FROM old WHERE moves)
		SELECT id, was, held FROM old`,
		ws, ids, statuses, outcomes, providers, segments, summaries, senders, costs, befores, claims).
		Query(func(rows pgx.Rows) error {
			var id string
			var before Settled
			_, err := pgx.ForEachRow(rows, []any{&id, &before.Status, &before.Claim}, func() error {
				if was != nil {
					was[id] = before
				}
				return nil
			})
			return err
		})
	queueTouchChanges(b, ws, ids...)
}

// statusesBefore lists from which statuses an answer moves a touch, separated by spaces.
func statusesBefore(to audience.TouchStatus) string {
	if to == audience.Claimed { // the provider must be asked
		return string(audience.Claimed)
	}
	var list []string
	for _, from := range audience.Before(to) {
		list = append(list, string(from))
	}
	return strings.Join(list, " ")
}

// Recover takes over what other attempts claimed and did not settle: their process died, or is taken for dead. Of each
// lane the first message may have been sent; these are given, and held by the request's claim now, each in a lane of its
// own. All others were certainly not sent, and are planned again. A process that was not dead after all finds its lanes
// taken over when it settles, before it sends what was planned again: see Settled.
func (s *Store) Recover(ctx context.Context, r ClaimRequest) ([]Outgoing, error) {
	var list []Outgoing
	err := s.OnKnownPlans(ctx, r.Workspace, func(tx *Tx) error {
		taken, err := tx.takeOver(ctx, r)
		if err != nil || len(taken) == 0 {
			return err
		}
		rows, _ := tx.conn.Query(ctx, `SELECT t.id, t.journey_id, t.campaign_id, k.name, t.version, t.step, t.topic,
			t.iteration, t.attempts, t.address, t.updated_at, t.claim, CASE WHEN t.channel = 'webhook' THEN t.detail END, j.entry,
			j.position, w.secret, `+prefixed("c")+`
			FROM touches t
			JOIN workspaces w ON w.id = t.workspace_id
			JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
			JOIN journeys j ON j.workspace_id = t.workspace_id AND j.id = t.journey_id
			JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id
			WHERE t.workspace_id = $1 AND t.id = ANY ($2) ORDER BY t.id`, r.Workspace, taken)
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Outgoing, error) {
			var o Outgoing
			c := &o.Customer
			err := row.Scan(&o.TouchID, &o.JourneyID, &o.CampaignID, &o.Campaign, &o.Version, &o.Step, &o.Topic,
				&o.Iteration, &o.Attempts, &o.Address, &o.ClaimedAt, &o.Claim, &o.Detail, &o.Entry, &o.Position, &o.Secret,
				&c.ID, &c.Kind, &c.ExternalID, &c.Email, &c.Phone, &c.Name, &c.Locale, &c.Timezone, &c.Stage, &c.Tags,
				&c.Attributes, &c.CreatedAt, &c.UpdatedAt)
			return o, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("recover unanswered messages: %w", err)
	}
	return list, nil
}

// takeOver waits for answers that are being recorded: what they settle is not left behind, and what follows it in its lane
// is the first then.
func (tx *Tx) takeOver(ctx context.Context, r ClaimRequest) ([]string, error) {
	rows, _ := tx.conn.Query(ctx, `WITH left_behind AS (
			SELECT id, claim FROM touches WHERE workspace_id = $1 AND cohort_id = $2 AND channel = $3 AND status = 'claimed'
				AND NOT starts_with(claim, $4 || '`+laneMark+`') AND NOT starts_with(claim, $4 || '`+takenMark+`')
			ORDER BY id FOR UPDATE),
		ranked AS (SELECT id, row_number() OVER (PARTITION BY claim ORDER BY id) = 1 AS first FROM left_behind),
		changed AS (
			UPDATE touches t SET status = CASE WHEN r.first THEN t.status ELSE 'planned' END,
				outcome = CASE WHEN r.first THEN t.outcome ELSE $5 END,
				claim = CASE WHEN r.first THEN $4 || '`+takenMark+`' || t.id ELSE t.claim END,
				updated_at = CASE WHEN r.first THEN t.updated_at ELSE clock_timestamp() END
			FROM ranked r WHERE t.workspace_id = $1 AND t.id = r.id RETURNING t.id, r.first),
		noted AS (
			INSERT INTO touch_statuses (workspace_id, touch_id, status, detail)
			SELECT $1, id, 'planned', $5 FROM changed WHERE NOT first)
		SELECT id FROM changed WHERE first`, r.Workspace, r.Cohort, r.Channel, r.Claim,
		"the process ended before its turn: it was not sent")
	taken, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("take over claims: %w", err)
	}
	return taken, nil
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
