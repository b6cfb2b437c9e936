package importer

import (
	"context"

	"dotyk/activities/store"
)

// crashing is a store whose caller dies right after a commit: the data is there, and the answer never arrives.
type crashing struct {
	Store
	left int // commits until then
	err  error
}

func (c *crashing) Ingest(ctx context.Context, workspace int64, ds []store.Delivery) ([]store.IngestResult, error) {
	results, err := c.Store.Ingest(ctx, workspace, ds)
	if c.left--; err == nil && c.left <= 0 {
		return nil, c.err
	}
	return results, err
}

// discard takes everything and keeps nothing.
type discard struct{}

func (discard) EnsureSource(_ context.Context, workspace int64, name string) (store.Source, error) {
	return store.Source{Workspace: workspace, ID: 1, Name: name}, nil
}

func (discard) Ingest(_ context.Context, _ int64, ds []store.Delivery) ([]store.IngestResult, error) {
	results := make([]store.IngestResult, len(ds))
	for i := range results {
		results[i].Stored = 1
	}
	return results, nil
}
