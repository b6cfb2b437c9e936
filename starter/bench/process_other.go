//go:build unix && !linux

package main

import "time"

// Where there is no /proc, these figures are not measured, and shown as such.

func parent(int) (int, error)             { return 0, nil }
func treeTime(int) (time.Duration, error) { return 0, nil }
func resetPeak() error                    { return nil }
func peak() (float64, error)              { return 0, nil }
func loadAverage() (float64, error)       { return 0, nil }
func processor() string                   { return "" }

func machineTime() (busy, all time.Duration, err error) { return 0, 0, nil }
