package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dotyk/activities/store"
)

// database says which database and workspace a command works on.
type database struct {
	DatabaseURL string `name:"database-url" env:"DATABASE_URL" help:"Postgres, as postgres://user:password@host/database. Without it the standalone program's on this machine is used."`
	Data        string `name:"data" env:"DOTYK_DATA" default:".dotyk" help:"Data directory of the standalone program." type:"path"`
}

// workspaced is a database with one workspace chosen.
type workspaced struct {
	database
	Workspace string `name:"workspace" short:"w" env:"DOTYK_WORKSPACE" help:"Workspace; not needed where there is only one."`
}

// urlFile is where the standalone program says how to reach its database, in its data directory.
const urlFile = "database-url"

func (d *database) url() (string, error) {
	if d.DatabaseURL != "" {
		return d.DatabaseURL, nil
	}
	raw, err := os.ReadFile(filepath.Join(d.Data, urlFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no database: start one with make up, or set DATABASE_URL (looked for %s)", filepath.Join(d.Data, urlFile))
	}
	if err != nil {
		return "", fmt.Errorf("read address of the standalone program's database: %w", err)
	}
	return strings.TrimSpace(string(raw)), nil
}

func (d *database) open(ctx context.Context) (*store.Store, error) {
	return d.openWith(ctx, store.SecretKeys{})
}

func (d *database) openWith(ctx context.Context, keys store.SecretKeys) (*store.Store, error) {
	url, err := d.url()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(ctx, url, store.Options{MaxConns: 8, SecretKeys: keys})
	if err != nil && store.Unavailable(err) {
		return nil, fmt.Errorf("the database does not answer: is it running? (%w)", err)
	}
	return st, err
}

// open opens the store and finds the workspace.
func (w *workspaced) open(ctx context.Context) (*store.Store, store.WorkspaceInfo, error) {
	return w.openWith(ctx, store.SecretKeys{})
}

func (w *workspaced) openWith(ctx context.Context, keys store.SecretKeys) (*store.Store, store.WorkspaceInfo, error) {
	st, err := w.database.openWith(ctx, keys)
	if err != nil {
		return nil, store.WorkspaceInfo{}, err
	}
	info, err := w.find(ctx, st)
	if err != nil {
		st.Close()
		return nil, store.WorkspaceInfo{}, err
	}
	return st, info, nil
}

// read opens the store for the one thing that it reads of the workspace.
func read[T any](p *program, w *workspaced, of func(*store.Store, context.Context, int64) (T, error)) (T, error) {
	st, ws, err := w.open(p.ctx)
	if err != nil {
		var none T
		return none, err
	}
	defer st.Close()
	return of(st, p.ctx, ws.ID)
}

// openFor opens the store and finds the workspace, and in it the customer who is named in one of the ways that a record
// is found by.
func (w *workspaced) openFor(ctx context.Context, customer string) (*store.Store, store.WorkspaceInfo, string, error) {
	st, ws, err := w.open(ctx)
	if err != nil {
		return nil, ws, "", err
	}
	found, err := st.FindCustomer(ctx, ws.ID, customer)
	if err != nil {
		st.Close()
		return nil, ws, "", err
	}
	return st, ws, found.ID, nil
}

func (w *workspaced) find(ctx context.Context, st *store.Store) (store.WorkspaceInfo, error) {
	if w.Workspace != "" {
		return st.WorkspaceBySlug(ctx, w.Workspace)
	}
	list, err := st.Workspaces(ctx)
	if err != nil {
		return store.WorkspaceInfo{}, err
	}
	switch len(list) {
	case 0:
		return store.WorkspaceInfo{}, errors.New("there is no workspace yet: make one with starter key create")
	case 1:
		return list[0], nil
	}
	var slugs []string
	for _, info := range list {
		slugs = append(slugs, info.Slug)
	}
	return store.WorkspaceInfo{}, fmt.Errorf("there are several workspaces: choose one with --workspace (%s)", strings.Join(slugs, ", "))
}
