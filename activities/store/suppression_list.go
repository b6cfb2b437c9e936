package store

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// Suppression is an address that must not be contacted. The address itself is not kept.
type Suppression struct {
	Channel   audience.Channel
	Hash      string // hex: HMAC-SHA256 of the address under the workspace's secret
	Reason    Reason
	Scope     Scope
	Detail    string
	Actor     string
	CreatedAt time.Time
	ClearedAt time.Time // zero while it holds
}

// NewSuppression is an address to be suppressed.
type NewSuppression struct {
	Channel audience.Channel
	Address string // or Hash
	Hash    string // hex, as this workspace's list has it
	Reason  Reason // ReasonManual when empty
	Scope   Scope  // ScopeAll when empty
	Detail  string
}

// SuppressionFilter says which suppressions to list. What is empty does not restrict.
type SuppressionFilter struct {
	Channel audience.Channel
	Reason  Reason
	Address string // needs Channel
	Cleared bool   // those that were lifted, too
	After   string // Hash of the last one of the page before
	Limit   int    // 0 for 100
}

// Suppressions lists what is suppressed, by hash. ErrInvalid for a filter that cannot be meant.
func (s *Store) Suppressions(ctx context.Context, workspace int64, f SuppressionFilter) ([]Suppression, error) {
	after, err := hex.DecodeString(f.After)
	switch {
	case err != nil:
		return nil, fmt.Errorf("list suppressions: %w: %q is no hash of an address", ErrInvalid, f.After)
	case f.Address != "" && f.Channel == "":
		return nil, fmt.Errorf("list suppressions: %w: say the channel of the address", ErrInvalid)
	case f.Limit == 0:
		f.Limit = 100
	}
	var list []Suppression
	err = s.In(ctx, workspace, func(tx *Tx) error {
		var hash []byte
		if f.Address != "" {
			secret, err := tx.secret(ctx)
			if err != nil {
				return err
			}
			hash = hashAddress(secret, f.Channel, f.Address)
		}
		rows, _ := tx.conn.Query(ctx, `SELECT channel, encode(address_hash, 'hex'), reason, scope, detail, actor, created_at,
			cleared_at FROM suppressions WHERE workspace_id = $1 AND ($2 = '' OR channel = $2) AND ($3 = '' OR reason = $3)
			AND ($4::bytea IS NULL OR address_hash = $4) AND ($5 OR cleared_at IS NULL) AND address_hash > $6
			ORDER BY address_hash, channel LIMIT $7`, workspace, f.Channel, f.Reason, hash, f.Cleared, append([]byte{}, after...), f.Limit)
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Suppression, error) {
			var x Suppression
			var cleared *time.Time
			err := row.Scan(&x.Channel, &x.Hash, &x.Reason, &x.Scope, &x.Detail, &x.Actor, &x.CreatedAt, &cleared)
			x.ClearedAt = orZero(cleared)
			return x, err
		})
		return err
	})
	return list, wrap("list suppressions", err)
}

// Suppress adds addresses to the list, all or none, and gives how many were not on it. ErrInvalid names the first, from
// 1, that cannot be added.
func (s *Store) Suppress(ctx context.Context, workspace int64, list []NewSuppression) (added int, err error) {
	for i := range list {
		if err := list[i].check(); err != nil {
			return 0, fmt.Errorf("suppress address %d: %w", i+1, err)
		}
	}
	err = s.In(ctx, workspace, func(tx *Tx) error {
		added = 0
		secret, err := tx.secret(ctx)
		if err != nil {
			return err
		}
		hashes := make([][]byte, len(list))
		order := make([]int, len(list)) // everybody adds in one order
		for i := range list {
			order[i] = i
			if hashes[i], err = list[i].hash(secret); err != nil {
				return err
			}
		}
		slices.SortFunc(order, func(a, b int) int { return strings.Compare(string(hashes[a]), string(hashes[b])) })
		for _, i := range order {
			changed, err := tx.suppressHash(ctx, list[i].Channel, hashes[i], list[i])
			if err != nil {
				return err
			}
			if changed {
				added++
			}
		}
		return tx.Audit(ctx, "suppression.added", "suppressions", map[string]any{"given": len(list), "added": added})
	})
	return added, wrap("suppress addresses", err)
}

// check fills in what was left out, and says what is wrong.
func (n *NewSuppression) check() error {
	if n.Reason == "" {
		n.Reason = ReasonManual
	}
	if n.Scope == "" {
		n.Scope = ScopeAll
	}
	hash, err := hex.DecodeString(n.Hash)
	switch {
	case n.Channel != audience.Email && n.Channel != audience.SMS:
		return fmt.Errorf("%w: %q is no channel of messages; write email or sms", ErrInvalid, n.Channel)
	case !slices.Contains(reasons, n.Reason):
		return fmt.Errorf("%w: %q is no reason", ErrInvalid, n.Reason)
	case n.Scope != ScopeAll && n.Scope != ScopeMarketing:
		return fmt.Errorf("%w: %q is no scope; write all or marketing", ErrInvalid, n.Scope)
	case (n.Address == "") == (n.Hash == ""):
		return fmt.Errorf("%w: give an address, or the hash of one", ErrInvalid)
	case n.Hash != "" && (err != nil || len(hash) != 32):
		return fmt.Errorf("%w: %q is no hash of an address", ErrInvalid, n.Hash)
	case n.Address != "" && !plausible(n.Channel, n.Address):
		return fmt.Errorf("%w: %q is no address of %s; write anna@example.com, or +380671234567", ErrInvalid, n.Address, n.Channel)
	default:
		return nil
	}
}

// plausible reports whether a text can be an address, so that a column of names is not taken for one.
func plausible(channel audience.Channel, address string) bool {
	normal := NormalAddress(channel, address)
	if channel == audience.Email {
		at := strings.LastIndexByte(normal, '@')
		return at > 0 && at < len(normal)-1 && !strings.ContainsAny(normal, " \t\r\n,;<>")
	}
	digits, international := strings.CutPrefix(normal, "+")
	return international && len(digits) >= 6 && strings.Trim(digits, "0123456789") == ""
}

func (n *NewSuppression) hash(secret []byte) ([]byte, error) {
	if n.Hash != "" {
		return hex.DecodeString(n.Hash)
	}
	return hashAddress(secret, n.Channel, n.Address), nil
}

// Unsuppress lifts a suppression, by address or hash. ErrNotFound when the address is not suppressed.
func (s *Store) Unsuppress(ctx context.Context, workspace int64, channel audience.Channel, addressOrHash string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		secret, err := tx.secret(ctx)
		if err != nil {
			return err
		}
		hash, err := hex.DecodeString(addressOrHash)
		if err != nil || len(hash) != 32 {
			hash = hashAddress(secret, channel, addressOrHash)
		}
		rows, _ := tx.conn.Query(ctx, `UPDATE suppressions SET cleared_at = now()
			WHERE workspace_id = $1 AND channel = $2 AND address_hash = $3 AND cleared_at IS NULL RETURNING reason`,
			workspace, channel, hash)
		found, err := pgx.CollectRows(rows, pgx.RowTo[Reason])
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("suppression of that address on %s: %w", channel, ErrNotFound)
		}
		return tx.Audit(ctx, "suppression.lifted", hex.EncodeToString(hash), map[string]any{"channel": channel, "reason": found[0]})
	})
	return wrap("lift suppression", err)
}
