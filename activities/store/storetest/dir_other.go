//go:build !linux

package storetest

// parentDir leaves the server's directory at the usual place for temporary files.
func parentDir() string { return "" }
