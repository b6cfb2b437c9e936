//go:build !linux

package e2e

import "syscall"

// dieWithParent is Linux's alone; elsewhere a program outlives tests that are killed.
func dieWithParent(*syscall.SysProcAttr) {}
