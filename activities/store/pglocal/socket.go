package pglocal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// maxSocketPath is the longest path of a unix socket that every system takes: 108 bytes on Linux, 104 on macOS and
// BSD, one of them for the end.
const maxSocketPath = 103

// makeSocketDir makes the directory of the socket: "run" beside the data, or, where that path is too long, a temporary
// directory that "run" is a link to, so that a later start finds and removes it. Only the owner can enter it: that is
// the server's access control.
func (s *Server) makeSocketDir() error {
	if err := s.removeSocketDir(); err != nil {
		return err
	}
	dir := s.runDir()
	if fits(dir) {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fmt.Errorf("create socket directory: %w", err)
		}
	} else {
		var err error
		if dir, err = shortDir(); err != nil {
			return err
		}
		if err := os.Symlink(dir, s.runDir()); err != nil {
			return fmt.Errorf("link socket directory: %w", errors.Join(err, os.Remove(dir)))
		}
	}
	s.socketDir = dir
	return s.owner.chown(dir)
}

func (s *Server) runDir() string { return filepath.Join(s.dir, "run") }

func shortDir() (string, error) {
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		dir, err := os.MkdirTemp(parent, "dotyk-pg-")
		if err != nil {
			return "", fmt.Errorf("create socket directory: %w", err)
		}
		if fits(dir) {
			return dir, nil
		}
		if err := os.Remove(dir); err != nil {
			return "", fmt.Errorf("remove socket directory: %w", err)
		}
	}
	return "", fmt.Errorf("create socket directory: every path is longer than %d bytes", maxSocketPath)
}

func fits(dir string) bool {
	return len(filepath.Join(dir, ".s.PGSQL."+socketPort)) <= maxSocketPath
}

// removeSocketDir removes the socket's directory of this run or of an earlier one, and what it is a link to. The caller
// holds the lock, and no server runs.
func (s *Server) removeSocketDir() error {
	var errs []error
	if target, err := os.Readlink(s.runDir()); err == nil {
		errs = append(errs, os.RemoveAll(target))
	}
	errs = append(errs, os.RemoveAll(s.runDir()))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove socket directory: %w", err)
	}
	return nil
}
