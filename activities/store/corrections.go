package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// TouchedFilter says which messages of a campaign are meant.
type TouchedFilter struct {
	Campaign string                 // name
	Step     string                 // "" for all
	Statuses []audience.TouchStatus // none: Reached
	Since    time.Time              // sent at this moment or later; zero: from the first
	Until    time.Time              // sent before; zero: to the last
}

// Reached are the statuses of messages that their recipients have got, or may have.
func Reached() []audience.TouchStatus {
	return []audience.TouchStatus{audience.Accepted, audience.Delivered, audience.Uncertain}
}

// Touched is a message of a campaign, and to whom it went.
type Touched struct {
	ID       string `json:"id"`
	Customer string `json:"customer_id"`
	External string `json:"external_id,omitempty"`
	Name     string `json:"name,omitempty"`
	Channel  string `json:"channel"`
	Address  string `json:"address"`
	Step     string `json:"step"`
	Status   string `json:"status"`
	// At is when it was claimed for sending; for one that never was, when it came to its status.
	At time.Time `json:"at"`
}

// sentAt is when message t was handed to the provider.
const sentAt = `coalesce((SELECT max(p.at) FROM touch_statuses p
	WHERE p.workspace_id = t.workspace_id AND p.touch_id = t.id AND p.status = 'claimed'), t.updated_at)`

// matching is the condition that a message t passes a filter, with parameters $2 to $6.
const matching = `t.workspace_id = $1 AND t.direction = 'out' AND t.channel IN ('email', 'sms') AND t.campaign_id = $2
	AND ($3 = '' OR t.step = $3) AND t.status = ANY ($4)
	AND ($5::timestamptz IS NULL OR ` + sentAt + ` >= $5) AND ($6::timestamptz IS NULL OR ` + sentAt + ` < $6)`

func (f *TouchedFilter) args(workspace int64, campaignID string) []any {
	statuses := f.Statuses
	if len(statuses) == 0 {
		statuses = Reached()
	}
	names := make([]string, len(statuses))
	for i, s := range statuses {
		names[i] = string(s)
	}
	return []any{workspace, campaignID, f.Step, names, orNil(f.Since), orNil(f.Until)}
}

// Touched hands each message of a campaign that passes the filter to each, in order of their ids, behind the id after; at
// most limit of them, 0 for all. However many there are, they are not held in memory. ErrNotFound when there is no such
// campaign.
func (s *Store) Touched(ctx context.Context, workspace int64, f TouchedFilter, after string, limit int, each func(Touched) error) error {
	id, _, err := s.campaignID(ctx, workspace, f.Campaign)
	if err != nil {
		return err
	}
	if after == "" {
		after = nobody
	}
	sql := `SELECT t.id, t.customer_id, coalesce(c.external_id, ''), c.name, t.channel, t.address, t.step, t.status, ` + sentAt + `
		FROM touches t JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
		WHERE ` + matching + ` AND t.id > $7::uuid ORDER BY t.id LIMIT nullif($8, 0)`
	err = s.Query(ctx, workspace, sql, append(f.args(workspace, id), after, limit), 0, func(rows pgx.Rows) error {
		t, err := pgx.RowToStructByPos[Touched](rows)
		if err != nil {
			return err
		}
		return each(t)
	})
	return wrap("list whom a campaign touched", err)
}

func (s *Store) campaignID(ctx context.Context, workspace int64, name string) (id string, status CampaignStatus, err error) {
	err = s.In(ctx, workspace, func(tx *Tx) error {
		id, status, err = tx.campaignNamed(ctx, name, "")
		return err
	})
	return id, status, err
}

// Correction has those whom a campaign touched enter another one.
type Correction struct {
	Filter TouchedFilter
	Into   string // name of the campaign that they enter
	ID     string // the same id lets nobody in twice; "" makes one of all the rest, so that the same correction has the same
}

// Corrected says what a correction came to.
type Corrected struct {
	ID        string
	Customers int // who are concerned
	Asked     int // of those, whose requests to be let in were written by this call
}

// CorrectionSize counts whom a correction would concern, and how many of them it has not asked in before.
func (s *Store) CorrectionSize(ctx context.Context, workspace int64, c Correction) (Corrected, error) {
	from, _, err := s.corrected(ctx, workspace, &c)
	out := Corrected{ID: c.ID}
	if err != nil {
		return out, err
	}
	sql := `SELECT count(*), count(*) FILTER (WHERE x.asked IS NOT TRUE)
		FROM (SELECT DISTINCT t.customer_id FROM touches t WHERE ` + matching + `) m
		LEFT JOIN correction_customers x ON x.workspace_id = $1 AND x.correction_id = $7 AND x.customer_id = m.customer_id`
	err = s.Query(ctx, workspace, sql, append(c.Filter.args(workspace, from), c.ID), 0, func(rows pgx.Rows) error {
		return rows.Scan(&out.Customers, &out.Asked)
	})
	return out, wrap("count whom a correction concerns", err)
}

// corrected checks a correction, names it, and gives the ids of both campaigns.
func (s *Store) corrected(ctx context.Context, workspace int64, c *Correction) (from, into string, err error) {
	if from, _, err = s.campaignID(ctx, workspace, c.Filter.Campaign); err != nil {
		return "", "", err
	}
	into, status, err := s.campaignID(ctx, workspace, c.Into)
	switch {
	case err != nil:
		return "", "", err
	case from == into:
		return "", "", fmt.Errorf("%w: campaign %q cannot correct itself: publish another one with trigger {api: true}", ErrInvalid, c.Into)
	case status != Live:
		return "", "", fmt.Errorf("%w: campaign %q is %s, so nobody can enter it", ErrInvalid, c.Into, status)
	}
	if c.ID == "" {
		text, err := jsonText(append(c.Filter.args(workspace, from), into))
		if err != nil {
			return "", "", err
		}
		sum := sha256.Sum256([]byte(text))
		c.ID = hex.EncodeToString(sum[:8])
	}
	if c.ID = strings.TrimSpace(clean(c.ID)); c.ID == "" || len(c.ID) > 100 {
		return "", "", fmt.Errorf("%w: the id of a correction has 1 to 100 characters", ErrInvalid)
	}
	return from, into, nil
}

// correctionPage is how many customers are asked in by one transaction.
const correctionPage = 1000

// Correct has everybody whom a campaign touched enter another one, each once; the engine decides, as for every request,
// and why tells. Called again with the same id it goes on where it was broken off, and asks in who came to be concerned
// since. ErrNotFound when one of the campaigns does not exist, ErrInvalid when nobody can enter.
func (s *Store) Correct(ctx context.Context, workspace int64, c Correction) (Corrected, error) {
	from, into, err := s.corrected(ctx, workspace, &c)
	out := Corrected{ID: c.ID}
	if err != nil {
		return out, err
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		out.Customers, err = tx.openCorrection(ctx, c, from, into)
		return err
	})
	for n := correctionPage; err == nil && n == correctionPage; out.Asked += n {
		n = 0
		err = s.In(ctx, workspace, func(tx *Tx) error {
			var err error
			n, err = tx.askIn(ctx, c)
			return err
		})
	}
	return out, wrap("correct campaign "+c.Filter.Campaign, err)
}

// openCorrection writes down whom a correction concerns.
func (tx *Tx) openCorrection(ctx context.Context, c Correction, from, into string) (int, error) {
	filter, err := jsonText(map[string]any{
		"campaign": c.Filter.Campaign, "step": c.Filter.Step, "statuses": c.Filter.Statuses, "since": orNil(c.Filter.Since),
		"until": orNil(c.Filter.Until),
	})
	if err != nil {
		return 0, err
	}
	var same bool
	err = tx.conn.QueryRow(ctx, `INSERT INTO corrections AS c (workspace_id, id, campaign_id, into_id, filter, created_by)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, id) DO NOTHING RETURNING true`,
		tx.Workspace, c.ID, from, into, filter, actor(ctx)).Scan(&same)
	if errors.Is(err, pgx.ErrNoRows) {
		err = tx.conn.QueryRow(ctx, `SELECT campaign_id = $3 AND into_id = $4 FROM corrections WHERE workspace_id = $1 AND id = $2`,
			tx.Workspace, c.ID, from, into).Scan(&same)
	}
	if err == nil && !same {
		err = fmt.Errorf("%w: correction %q is one of other campaigns: choose another id", ErrInvalid, c.ID)
	}
	if err != nil {
		return 0, err
	}
	if _, err := tx.conn.Exec(ctx, `INSERT INTO correction_customers (workspace_id, correction_id, customer_id)
		SELECT DISTINCT $1::bigint, $7, t.customer_id FROM touches t WHERE `+matching+` ON CONFLICT DO NOTHING`,
		composed(append(c.Filter.args(tx.Workspace, from), c.ID))...); err != nil {
		return 0, err
	}
	var n int
	if err := tx.conn.QueryRow(ctx, `SELECT count(*) FROM correction_customers WHERE workspace_id = $1 AND correction_id = $2`,
		tx.Workspace, c.ID).Scan(&n); err != nil {
		return 0, err
	}
	return n, tx.Audit(ctx, "campaign.corrected", c.Filter.Campaign, map[string]any{"into": c.Into, "correction": c.ID, "customers": n})
}

// askIn writes the requests of the next customers of a correction, and says how many there were.
func (tx *Tx) askIn(ctx context.Context, c Correction) (int, error) {
	rows, _ := tx.conn.Query(ctx, `WITH next AS (
			SELECT customer_id FROM correction_customers WHERE workspace_id = $1 AND correction_id = $2 AND NOT asked
			ORDER BY customer_id LIMIT $3 FOR UPDATE)
		UPDATE correction_customers x SET asked = true FROM next n
		WHERE x.workspace_id = $1 AND x.correction_id = $2 AND x.customer_id = n.customer_id RETURNING x.customer_id`,
		tx.Workspace, c.ID, correctionPage)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(list) == 0 {
		return 0, err
	}
	events := make([]SystemEvent, 0, len(list))
	for _, customer := range list {
		events = append(events, SystemEvent{
			CustomerID: customer, Name: audience.EventRequested, At: time.Now(), Key: "correction:" + c.ID + ":" + customer,
			Properties: map[string]any{"campaign": c.Into, "data": map[string]any{"corrects": c.Filter.Campaign, "correction": c.ID}},
		})
	}
	b := &pgx.Batch{}
	if err := queueSystemEvents(b, tx.Workspace, events); err != nil {
		return 0, err
	}
	return len(list), tx.batch(ctx, b)
}
