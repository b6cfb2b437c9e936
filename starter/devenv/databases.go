package devenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/iancoleman/strcase"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jmoiron/sqlx"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql/driver"
	"go.temporal.io/server/tools/common/schema"
	"go.temporal.io/server/tools/sql"
)

// Connections that each of the four services opens at most, by database. Together they leave half of the 200 of a
// private Postgres to the application.
const (
	storeConnections      = 20
	visibilityConnections = 5
)

// Codes of PostgreSQL's errors (appendix A of its manual).
const (
	noSuchDatabase    = "3D000"
	duplicateDatabase = "42P04"
)

var prefixPattern = regexp.MustCompile(`^[a-z0-9_]{0,40}$`)

// database is one of the two databases of the server.
type database struct {
	name   string
	url    string
	schema string // of those that the server's module embeds
	conns  int
}

type databases struct{ main, visibility database }

// prepareDatabases makes the databases that are missing and brings both to the schema of the server's version. It can
// be repeated after a crash at any moment.
func prepareDatabases(ctx context.Context, cfg TemporalConfig, logger log.Logger) (databases, error) {
	if !prefixPattern.MatchString(cfg.DatabasePrefix) {
		return databases{}, fmt.Errorf("check database prefix %q: want lower-case letters, digits and underscores, at most 40",
			cfg.DatabasePrefix)
	}
	d := databases{
		main:       database{name: cfg.DatabasePrefix + "temporal", schema: "postgresql/v12/temporal", conns: storeConnections},
		visibility: database{name: cfg.DatabasePrefix + "temporal_visibility", schema: "postgresql/v12/visibility", conns: visibilityConnections},
	}
	for _, db := range []*database{&d.main, &d.visibility} {
		var err error
		if db.url, err = withDatabase(cfg.PostgresURL, db.name); err != nil {
			return databases{}, err
		}
		if err := db.create(ctx, cfg.PostgresURL); err != nil {
			return databases{}, fmt.Errorf("create database %s: %w", db.name, err)
		}
		if err := db.migrate(logger); err != nil {
			return databases{}, fmt.Errorf("migrate database %s: %w", db.name, err)
		}
	}
	return d, nil
}

// withDatabase gives the address of another database of the same cluster.
func withDatabase(address, name string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("read Postgres URL: %w", errors.Unwrap(err)) // without the address: it may hold a password
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", errors.New("read Postgres URL: want postgres://…")
	}
	u.Path = "/" + name
	query := u.Query()
	query.Del("dbname")
	for key := range query {
		if strings.HasPrefix(key, "pool_") {
			query.Del(key) // pgxpool's own; a plain connection would pass it on to the server
		}
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// create makes the database unless it is there. It is asked for by connecting to it, so that a user who may not create
// databases can work with ones made by another.
func (d database) create(ctx context.Context, admin string) error {
	conn, err := pgx.Connect(ctx, d.url)
	if err == nil {
		return conn.Close(ctx)
	}
	if !hasCode(err, noSuchDatabase) {
		return err
	}
	if admin, err = withDatabase(admin, "postgres"); err != nil {
		return err
	}
	if conn, err = pgx.Connect(ctx, admin); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{d.name}.Sanitize())
	if hasCode(err, duplicateDatabase) {
		err = nil
	}
	return errors.Join(err, conn.Close(ctx))
}

func hasCode(err error, code string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == code
}

// migrate applies the steps of the schema that the database has not had.
func (d database) migrate(logger log.Logger) error {
	conn, err := sql.NewConnection(d.config(), logger)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	setup := &schema.SetupConfig{InitialVersion: "0.0"}
	if err := schema.NewSetupSchemaTask(conn, setup, logger).Run(); err != nil {
		return fmt.Errorf("set up versions: %w", err)
	}
	update := &schema.UpdateConfig{SchemaName: d.schema}
	if err := schema.NewUpdateSchemaTask(conn, update, logger).Run(); err != nil {
		return fmt.Errorf("apply versions: %w", err)
	}
	return nil
}

// config tells the server how to reach the database. The server's own settings for that know host and port only and
// put a user's name into a URL unescaped, so it is given a function instead.
func (d database) config() *config.SQL {
	return &config.SQL{
		PluginName:   postgresql.PluginNamePGX,
		DatabaseName: d.name,
		Connect: func(*config.SQL) (*sqlx.DB, error) {
			db, err := (&driver.PGXDriver{}).CreateConnection(d.url)
			if err != nil {
				return nil, err
			}
			db.SetMaxOpenConns(d.conns)
			db.SetMaxIdleConns(d.conns)
			db.MapperFunc(strcase.ToSnake) // the server's structs have no tags: FooBar is column foo_bar
			return db, nil
		},
	}
}
