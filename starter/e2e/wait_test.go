package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// settleAtMost bounds how long anything may take that happens by itself, on a machine that is busy and after a crash:
	// it is for failures, no test waits for it.
	settleAtMost = 90 * time.Second
	tick         = 20 * time.Millisecond
)

// eventually asks again and again until the condition holds. Unlike require.Eventually it asks in the test's own
// goroutine, so that the condition may fail the test and nothing is left running.
func eventually(t *testing.T, condition func() bool, format string, args ...any) {
	t.Helper()
	if !within(settleAtMost, condition) {
		require.FailNowf(t, "did not happen within "+settleAtMost.String(), format, args...)
	}
}

// never asks again and again for a while and wants the condition not to hold.
func never(t *testing.T, while time.Duration, condition func() bool, format string, args ...any) {
	t.Helper()
	if within(while, condition) {
		require.FailNowf(t, "happened", format, args...)
	}
}

func within(atMost time.Duration, condition func() bool) bool {
	end := time.NewTimer(atMost)
	defer end.Stop()
	again := time.NewTicker(tick)
	defer again.Stop()
	for !condition() {
		select {
		case <-end.C:
			return false
		case <-again.C:
		}
	}
	return true
}
