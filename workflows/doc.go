// Package workflows holds the deterministic part: Intake keeps a picker running for each shard of events, Refresh the
// builder of segments; Journey is the durable clock and mailbox of one cohort. There is no business logic here; it is in
// rules/campaign.
//
// It may import rules/audience, the activities' inputs and results, and the Temporal SDK; never a database, network or
// provider. A change must replay testdata/histories. Start reading at Journey.
package workflows
