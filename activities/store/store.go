package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Store is the customer store of one installation. It is safe for concurrent use.
type Store struct {
	app    *pgxpool.Pool // sees one workspace at a time
	engine *pgxpool.Pool // sees where work waits
	url    string
	zones  zones
	keys   SecretKeys

	policies policies
	classes  classCache
}

// Options of a Store.
type Options struct {
	// MaxConns bounds the connections that work for one workspace at a time. Raise it with the number of senders.
	// Default 24.
	MaxConns int
	// SecretKeys keep the passwords of sending accounts. Without them such accounts can be neither saved nor used.
	SecretKeys SecretKeys
}

// engineConns is enough: the engine's role asks a handful of short questions.
const engineConns = 4

// Open connects to a migrated database. The user of the URL must own it, be a superuser, or be a member of the roles
// dotyk_app and dotyk_engine.
func Open(ctx context.Context, url string, o Options) (*Store, error) {
	if o.MaxConns == 0 {
		o.MaxConns = 24
	}
	app, err := openAs(ctx, url, "dotyk_app", o.MaxConns)
	if err != nil {
		return nil, err
	}
	engine, err := openAs(ctx, url, "dotyk_engine", engineConns)
	if err != nil {
		app.Close()
		return nil, err
	}
	s := &Store{app: app, engine: engine, url: url, keys: o.SecretKeys}
	if err := s.Ping(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func openAs(ctx context.Context, url, role string, conns int) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse DATABASE_URL: %w", err)
	}
	cfg.MaxConns = int32(min(conns, 1000)) //nolint:gosec // bounded on this line
	cfg.MaxConnIdleTime = 10 * time.Minute
	if cfg.ConnConfig.RuntimeParams["application_name"] == "" {
		cfg.ConnConfig.RuntimeParams["application_name"] = "dotyk"
	}
	setTimezone(cfg.ConnConfig.RuntimeParams)
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		registerJSON(conn.TypeMap())
		if _, err := conn.Exec(ctx, "SET ROLE "+role); err != nil {
			return fmt.Errorf("put on role %s (is the database migrated? try: starter migrate): %w", role, err)
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	return pool, nil
}

// setTimezone makes the sessions count in UTC, unless the URL asks for another zone: what a query makes of dates must not
// depend on how the server was set up.
func setTimezone(params map[string]string) {
	for name := range params {
		if strings.EqualFold(name, "timezone") {
			return
		}
	}
	params["timezone"] = "UTC"
}

// Close gives the connections back to the database. It waits for running transactions.
func (s *Store) Close() {
	s.app.Close()
	s.engine.Close()
}

// Ping reports whether the database answers and is migrated.
func (s *Store) Ping(ctx context.Context) error {
	var n int
	if err := s.app.QueryRow(ctx, `SELECT count(*) FROM workspaces`).Scan(&n); err != nil {
		return fmt.Errorf("ask database: %w", err)
	}
	return nil
}

// Tx is a transaction that sees one workspace.
type Tx struct {
	conn      *pgx.Conn
	Workspace int64
	policies  *policies
}

// In runs fn in a transaction that sees the workspace's rows and no other. It commits when fn returns nil. A deadlock
// with another transaction is tried again, so fn must be free of side effects outside of the transaction.
func (s *Store) In(ctx context.Context, workspace int64, fn func(tx *Tx) error) error {
	return s.begin(ctx, workspace, "", fn)
}

// OnKnownPlans is In for the few statements of each message. Their plans are made once for all values: so a claim costs
// less than half, and is not planned by what is known of one workspace, of which, as long as it is new, that is nothing.
func (s *Store) OnKnownPlans(ctx context.Context, workspace int64, fn func(tx *Tx) error) error {
	return s.begin(ctx, workspace, "; SET LOCAL plan_cache_mode = force_generic_plan", fn)
}

func (s *Store) begin(ctx context.Context, workspace int64, settings string, fn func(tx *Tx) error) error {
	const tries = 4
	// One round trip for all; SET LOCAL ends with the transaction, so that a connection given back names no workspace.
	begin := "BEGIN; SET LOCAL dotyk.workspace = '" + strconv.FormatInt(workspace, 10) + "'" + settings
	var err error
	for range tries {
		if err = s.try(ctx, begin, workspace, fn); !retryable(err) {
			return err
		}
	}
	return err
}

func (s *Store) try(ctx context.Context, begin string, workspace int64, fn func(tx *Tx) error) (err error) {
	c, err := s.app.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("get database connection: %w", err)
	}
	defer c.Release()
	conn := c.Conn()
	if _, err := conn.PgConn().Exec(ctx, begin).ReadAll(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked
			rollback(ctx, conn)
		}
	}()
	if err := fn(&Tx{conn: conn, Workspace: workspace, policies: &s.policies}); err != nil {
		return err
	}
	tag, err := conn.Exec(ctx, "COMMIT")
	if err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	if tag.String() != "COMMIT" { // Postgres answers ROLLBACK to the commit of a failed transaction
		done = true
		return fmt.Errorf("commit transaction: %w", pgx.ErrTxCommitRollback)
	}
	done = true
	return nil
}

// rollback ends a failed transaction; a connection on which that does not work is closed, and the pool replaces it.
func rollback(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx)
	}
}

// batch sends queries in one round trip and fails with the first of their errors.
func (tx *Tx) batch(ctx context.Context, b *pgx.Batch) error {
	if b.Len() == 0 {
		return nil
	}
	return tx.conn.SendBatch(ctx, b).Close()
}
