package e2e

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

var update = flag.Bool("update", false, "save the histories of workflows that the tests ran, for replay")

// What all tests share: where the module is, the programs, and a place for data. A user that Postgres drops to must be
// able to enter the latter, which it is not with testing.T.TempDir.
var root, programs, scratch string

func TestMain(m *testing.M) {
	if url := os.Getenv(envTemporal); url != "" {
		os.Exit(temporalMain(url))
	}
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if scratch, err = os.MkdirTemp("", "dotyk-e2e-"); err != nil {
		return 1, fmt.Errorf("make scratch directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if err := os.Chmod(scratch, 0o755); err != nil {
		return 1, fmt.Errorf("open scratch directory: %w", err)
	}
	if err := build(); err != nil {
		return 1, err
	}
	code = m.Run()
	http.DefaultClient.CloseIdleConnections()
	if code == 0 {
		err = goleak.Find()
	}
	return code, err
}

// build compiles the programs under test once; the go command's cache makes a repetition cheap.
func build() error {
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find module: %w", err)
	}
	root = filepath.Join(dir, "..", "..")
	programs = filepath.Join(scratch, "bin")
	cmd := exec.Command("go", "build", "-o", programs+string(filepath.Separator),
		"./starter/standalone", "./starter", "./worker")
	cmd.Dir, cmd.Stdout, cmd.Stderr = root, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build programs: %w", err)
	}
	return nil
}

func program(name string) string { return filepath.Join(programs, name) }
