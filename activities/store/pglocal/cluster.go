package pglocal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// superuser is the role that initdb makes. Only who can enter the socket's directory can connect as anybody.
const superuser = "postgres"

// halfMade begins the name of a cluster that initdb has not finished.
const halfMade = "data.new-"

// dataVersion reads which major version made a data directory; 0 if there is none yet.
func dataVersion(data string) (int, error) {
	raw, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of data directory: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(raw)))
	if err != nil {
		return 0, fmt.Errorf("read version of data directory %s: %w", data, err)
	}
	return major, nil
}

// createCluster runs initdb. The cluster gets its name only when it is complete, so that a kill at any moment leaves
// nothing that looks finished; what earlier kills left is removed. The caller holds the lock.
func (s *Server) createCluster(ctx context.Context) error {
	leftovers, err := filepath.Glob(filepath.Join(s.dir, halfMade+"*"))
	if err != nil {
		return fmt.Errorf("look for half-made clusters: %w", err)
	}
	for _, dir := range leftovers {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove half-made cluster: %w", err)
		}
	}
	fresh, err := os.MkdirTemp(s.dir, halfMade)
	if err != nil {
		return fmt.Errorf("create data directory: %w", err)
	}
	if err := s.initialise(ctx, fresh); err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if err := os.Rename(fresh, s.data()); err != nil {
		return fmt.Errorf("name data directory: %w", errors.Join(err, os.RemoveAll(fresh)))
	}
	return syncDir(s.dir)
}

func (s *Server) initialise(ctx context.Context, fresh string) error {
	if err := s.owner.chown(fresh); err != nil {
		return err
	}
	args := []string{"-D", fresh, "--username=" + superuser, "--auth=trust", "--encoding=UTF8"}
	if runtime.GOOS == "darwin" {
		// macOS has no C.UTF-8; this is the same: order by code point, upper and lower case of every script.
		args = append(args, "--locale=C", "--lc-ctype=en_US.UTF-8")
	} else {
		args = append(args, "--locale=C.UTF-8")
	}
	if s.config.Fast {
		args = append(args, "--no-sync")
	}
	cmd := exec.CommandContext(ctx, s.binaries.path("initdb"), args...)
	s.owner.prepare(cmd, s.dir)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run initdb: %w\n%s", errors.Join(err, ctx.Err()), lastLines(out.Bytes()))
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	return nil
}
