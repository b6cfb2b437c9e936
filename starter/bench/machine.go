package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// machine is what everything was measured on.
type machine struct {
	System    string    `json:"system"`
	Processor string    `json:"processor"`
	Cores     int       `json:"cores"`
	Go        string    `json:"go"`
	Revision  string    `json:"revision,omitempty"` // of the source
	Postgres  string    `json:"postgres"`
	Fsync     string    `json:"fsync"`
	Commit    string    `json:"synchronous_commit"`
	SyncMS    float64   `json:"sync_ms"` // to write 8 KB to the disk and wait until it is there, median
	Load      float64   `json:"load_1m"` // before anything was measured
	At        time.Time `json:"at"`
}

func (l *lab) describe(ctx context.Context) (*machine, error) {
	m := machine{
		System: runtime.GOOS + "/" + runtime.GOARCH, Processor: processor(), Cores: runtime.NumCPU(), Go: runtime.Version(),
		Postgres: l.pg.Version(), At: time.Now().UTC().Truncate(time.Second),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				m.Revision = s.Value[:min(12, len(s.Value))]
			}
		}
	}
	err := l.admin.QueryRow(ctx, `SELECT current_setting('fsync'), current_setting('synchronous_commit')`).Scan(&m.Fsync, &m.Commit)
	if err != nil {
		return nil, fmt.Errorf("ask for settings: %w", err)
	}
	if m.Load, err = loadAverage(); err != nil {
		return nil, err
	}
	m.SyncMS, err = probeDisk(l.dir)
	return &m, err
}

// probeDisk measures what each commit at least has to wait for.
func probeDisk(dir string) (ms float64, err error) {
	f, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		return 0, fmt.Errorf("probe disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 8192)
	var took []time.Duration
	for range 50 {
		began := time.Now()
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("probe disk: %w", err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return millis(quantile(took, 0.5)), nil
}
