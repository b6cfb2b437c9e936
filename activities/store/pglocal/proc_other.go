//go:build unix && !linux

package pglocal

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"syscall"
)

// runsOn tells whether a process is the server of this data directory, not a stranger that was given the same number
// later.
func runsOn(ctx context.Context, pid int, data string) bool {
	line, err := exec.CommandContext(ctx, "ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && bytes.Contains(line, []byte(" -D "+data+" "))
}

// dieWithParent does nothing: only Linux can end a child with its parent. The next Start takes the server over.
func dieWithParent(*syscall.SysProcAttr) {}
