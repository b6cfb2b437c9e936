// Package store is the customer store: the only place with SQL. It keeps workspaces, customers, events, touches (the
// ledger), campaigns, journeys, consents, suppressions, segments and what is known of a workspace's data in one
// Postgres, and gives every caller exactly one workspace at a time, which row-level security enforces besides the
// queries.
//
// It may import rules/... and pgx; it knows nothing of Temporal, providers or HTTP. Start reading at Store, then
// Ingest (what arrives), Pick (who it concerns), Advance (what a journey does), Claim (what is sent). Of segments:
// changes.go (how they hear of a change, and the locks), LockSegments (who judges), SwapMembers (a build), Facts (what
// is loaded for rules).
package store
