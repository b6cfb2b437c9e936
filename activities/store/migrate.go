package store

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/jackc/pgx/v5"
)

//go:embed migrations/*.sql
var migrations embed.FS

// ErrForeignSchema says that the database was migrated by a newer or a different program.
var ErrForeignSchema = errors.New("database was migrated by another version of the program")

// migrateLock serialises programs that migrate one database at the same time. Any constant does.
const migrateLock = 7461001

// monthsAhead is how many monthly partitions of events stand ready; what falls behind them goes to a default partition.
const monthsAhead = 12

// Migrate brings the database to this program's schema, each step in a transaction of its own, and returns the names
// of the steps it took. It needs a user that may create tables and roles. It is safe to call at every start, by
// several programs at once.
func Migrate(ctx context.Context, url string) ([]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing of it is needed any more
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, migrateLock); err != nil {
		return nil, fmt.Errorf("lock migrations: %w", err)
	}
	if _, err := conn.Exec(ctx, `CREATE TABLE IF NOT EXISTS dotyk_migrations (
		name text PRIMARY KEY, sum text NOT NULL, at timestamptz NOT NULL DEFAULT now())`); err != nil {
		return nil, fmt.Errorf("create list of migrations: %w", err)
	}
	taken, err := migrate(ctx, conn)
	if err != nil {
		return taken, err
	}
	if _, err := conn.Exec(ctx, `SELECT dotyk_event_partitions($1)`, monthsAhead); err != nil {
		return taken, fmt.Errorf("create event partitions: %w", err)
	}
	return taken, nil
}

func migrate(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, _ := conn.Query(ctx, `SELECT name, sum FROM dotyk_migrations`)
	type step struct{ Name, Sum string }
	done, err := pgx.CollectRows(rows, pgx.RowToStructByPos[step])
	if err != nil {
		return nil, fmt.Errorf("read list of migrations: %w", err)
	}
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	slices.Sort(files)
	if len(done) > len(files) {
		return nil, fmt.Errorf("%w: it has %d steps, this program knows %d", ErrForeignSchema, len(done), len(files))
	}
	var taken []string
	for _, name := range files {
		sql, err := migrations.ReadFile(name)
		if err != nil {
			return taken, fmt.Errorf("read migration %s: %w", name, err)
		}
		hash := sha256.Sum256(sql)
		sum := hex.EncodeToString(hash[:])
		if i := slices.IndexFunc(done, func(s step) bool { return s.Name == name }); i >= 0 {
			if done[i].Sum != sum {
				return taken, fmt.Errorf("%w: step %s differs", ErrForeignSchema, name)
			}
			continue
		}
		if err := apply(ctx, conn, name, sum, string(sql)); err != nil {
			return taken, err
		}
		taken = append(taken, name)
	}
	return taken, nil
}

func apply(ctx context.Context, conn *pgx.Conn, name, sum, sql string) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sql); err != nil { // no arguments: several statements in one
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO dotyk_migrations (name, sum) VALUES ($1, $2)`, name, sum)
		return err
	})
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	return nil
}
