// Package pglocal runs a private PostgreSQL server in a directory of its own: no container, no system service, no
// network port. The standalone program keeps its data in one, and tests start one per run.
//
// It finds the binaries that are installed, makes the cluster on first use, keeps the data between runs, takes over
// what an earlier run left behind, and drops to another user where the program runs as root, which PostgreSQL refuses.
// The server listens on a unix socket that only its own user (and root) can reach.
//
// It imports the standard library only, and speaks no SQL. Start reading at Start.
package pglocal
