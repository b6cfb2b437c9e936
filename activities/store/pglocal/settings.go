package pglocal

import (
	"maps"
	"slices"
)

// socketPort names the socket's file; no TCP port is opened.
const socketPort = "5432"

// settings gives the server's command line. All of our settings stand there, and none in postgresql.conf, so that
// they follow the program's version and not that of the moment the cluster was made.
func (s *Server) settings() []string {
	options := map[string]string{
		"listen_addresses":        "",
		"port":                    socketPort,
		"unix_socket_directories": s.socketDir,
		"unix_socket_permissions": "0700",
		"max_connections":         "200",
		"shared_buffers":          "256MB",
		"max_wal_size":            "1GB",
		"wal_compression":         "on",
		"fsync":                   "on",
		"synchronous_commit":      "on",
		"jit":                     "off", // the store's queries are short: compiling them costs more than it saves
		"random_page_cost":        "1.1", // solid-state disks
		"autovacuum_naptime":      "5s",  // a new database grows fast from nothing, and plans must follow
		"timezone":                "UTC",
		"log_timezone":            "UTC",
		"logging_collector":       "off", // the log is our standard error
		"log_line_prefix":         "%m [%p] ",
		"log_checkpoints":         "off",
	}
	if s.config.Fast {
		options["fsync"] = "off"
		options["synchronous_commit"] = "off"
		options["full_page_writes"] = "off"
		options["wal_compression"] = "off"
		options["wal_level"] = "minimal"     // so that a copy of a database, page by page, is not logged as well
		options["max_wal_senders"] = "0"     // minimal demands it
		options["autovacuum_naptime"] = "1h" // temporary databases come and go too fast to be worth it
	}
	maps.Copy(options, s.config.Options)

	args := []string{"-D", s.data()}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		args = append(args, "-c", name+"="+options[name])
	}
	return args
}
