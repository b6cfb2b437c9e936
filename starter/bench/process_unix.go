//go:build unix

package main

import (
	"fmt"
	"syscall"
	"time"
)

// ownTime is the CPU that this process has used, in user and kernel mode.
func ownTime() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("ask for CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
