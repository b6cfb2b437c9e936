// Package store is the customer store: the only place with SQL. It keeps workspaces, customers, events, touches (the
// ledger), campaigns, journeys, consents, suppressions, segments and what is known of a workspace's data in one
// Postgres, and gives every caller exactly one workspace at a time, which row-level security enforces besides the
// queries.
//
// It may import rules/..., the pure packages of channels (settings, content, links, what mail says) and pgx; it knows nothing
// of Temporal or HTTP. Start reading at Store, then Ingest (what arrives), Pick (who it concerns), Advance (what a journey
// does), Claim (what is sent), SettleAll (what became of it), Recover (what a crash left behind), TakeReport (what comes
// back). Of segments: changes.go (how they hear of a change, and the locks), LockSegments (who judges), SwapMembers (a
// build), Facts (what is loaded for rules).
package store
