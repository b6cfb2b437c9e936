package store

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"

	"dotyk/rules/audience"
)

// Reason says why an address is suppressed.
type Reason string

// The reasons. BadAddress and OptedOut are those of providers at the time of sending.
const (
	ReasonBadAddress   Reason = "bad_address"
	ReasonHardBounce   Reason = "hard_bounce"
	ReasonSoftBounces  Reason = "soft_bounces" // it did not work on several days in a row
	ReasonComplaint    Reason = "complaint"
	ReasonOptedOut     Reason = "opted_out"
	ReasonUnsubscribed Reason = "unsubscribed"
	ReasonManual       Reason = "manual"
	ReasonErased       Reason = "erased"
	ReasonImport       Reason = "import"
)

// reasons are all of them.
var reasons = []Reason{
	ReasonBadAddress, ReasonHardBounce, ReasonSoftBounces, ReasonComplaint, ReasonOptedOut, ReasonUnsubscribed, ReasonManual, ReasonErased, ReasonImport,
}

// Scope says which messages a suppression stops.
type Scope string

// The scopes.
const (
	ScopeAll       Scope = "all"       // service messages too
	ScopeMarketing Scope = "marketing" // only those that need a consent
)

// NormalAddress writes an address in the one form that is hashed: e-mail in lower case with its domain in ASCII (IDNA),
// phone numbers in E.164 as far as they say their country. What is no address stays as it is, without what surrounds it.
func NormalAddress(channel audience.Channel, address string) string {
	s := strings.ToLower(strings.TrimSpace(address))
	if channel != audience.Email {
		if number, err := phonenumbers.Parse(s, ""); err == nil {
			return phonenumbers.Format(number, phonenumbers.E164)
		}
		return s
	}
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	if domain, err := idna.Lookup.ToASCII(s[at+1:]); err == nil {
		return s[:at+1] + domain
	}
	return s
}

// hashAddress is the form in which an address is suppressed: it cannot be turned back without the secret.
func hashAddress(secret []byte, channel audience.Channel, address string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(string(channel) + ":" + NormalAddress(channel, address)))
	return mac.Sum(nil)
}

// suppress puts an address on the list of those that must not be contacted.
func (tx *Tx) suppress(ctx context.Context, channel audience.Channel, address, reason, detail string) error {
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	_, err = tx.suppressHash(ctx, channel, hashAddress(secret, channel, address), NewSuppression{
		Reason: Reason(reason), Scope: ScopeAll, Detail: detail,
	})
	return err
}

// suppressHash adds to the list, and says whether that changed it. Of two reasons the first stands, unless the second
// stops more; an erasure stands above all.
func (tx *Tx) suppressHash(ctx context.Context, channel audience.Channel, hash []byte, n NewSuppression) (bool, error) {
	tag, err := tx.conn.Exec(ctx, `INSERT INTO suppressions AS s (workspace_id, channel, address_hash, reason, detail, scope, actor)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (workspace_id, channel, address_hash)
		DO UPDATE SET reason = excluded.reason, detail = excluded.detail, scope = excluded.scope, actor = excluded.actor,
			created_at = now(), cleared_at = NULL
		WHERE s.cleared_at IS NOT NULL OR s.scope = 'marketing' AND excluded.scope = 'all'
			OR excluded.reason = 'erased' AND s.reason <> 'erased'`,
		tx.Workspace, channel, hash, n.Reason, clean(n.Detail), n.Scope, actor(ctx))
	if err != nil {
		return false, fmt.Errorf("suppress address: %w", err)
	}
	return tag.RowsAffected() > 0, nil
}

// unsuppress lifts a suppression that has the given reason, and leaves any other alone.
func (tx *Tx) unsuppress(ctx context.Context, channel audience.Channel, address, reason string, at time.Time) error {
	secret, err := tx.secret(ctx)
	if err != nil {
		return err
	}
	_, err = tx.conn.Exec(ctx, `UPDATE suppressions SET cleared_at = $5
		WHERE workspace_id = $1 AND channel = $2 AND address_hash = $3 AND reason = $4 AND cleared_at IS NULL`,
		tx.Workspace, channel, hashAddress(secret, channel, address), reason, at)
	if err != nil {
		return fmt.Errorf("lift suppression: %w", err)
	}
	return nil
}

// suppressed says whether an address is on the list, for whatever reason.
func (tx *Tx) suppressed(ctx context.Context, channel audience.Channel, address string) (bool, error) {
	secret, err := tx.secret(ctx)
	if err != nil {
		return false, err
	}
	var listed bool
	err = tx.conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM suppressions
		WHERE workspace_id = $1 AND channel = $2 AND address_hash = $3 AND cleared_at IS NULL)`,
		tx.Workspace, channel, hashAddress(secret, channel, address)).Scan(&listed)
	if err != nil {
		return false, fmt.Errorf("look up suppression: %w", err)
	}
	return listed, nil
}

// liftUnsubscribed takes the address of a customer off the list where it stands there only because its owner had
// unsubscribed, and the owner consents anew.
func (tx *Tx) liftUnsubscribed(ctx context.Context, customer string, channel audience.Channel, at time.Time) error {
	address := ""
	err := tx.conn.QueryRow(ctx, `SELECT CASE WHEN $3 = 'email' THEN email ELSE phone END FROM customers
		WHERE workspace_id = $1 AND id = $2`, tx.Workspace, customer, channel).Scan(&address)
	if err != nil || address == "" {
		return err
	}
	return tx.unsuppress(ctx, channel, address, string(ReasonUnsubscribed), at)
}
