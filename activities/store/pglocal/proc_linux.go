package pglocal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"syscall"
)

// runsOn tells whether a process is the server of this data directory, not a stranger that was given the same number
// later. The command line is readable by everybody, unlike the working directory.
func runsOn(_ context.Context, pid int, data string) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(line, []byte("\x00-D\x00"+data+"\x00"))
}

// dieWithParent has the kernel shut the server down when this process ends, even by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }
