package store

import (
	"slices"

	"github.com/jackc/pgx/v5"

	"dotyk/rules"
)

// noteRenewed collects the customers of whom everything may be different from now on.
func (in *ingestion) noteRenewed() {
	in.renewed, in.promoted = map[string]bool{}, map[string]bool{}
	for _, k := range in.resolver.created {
		in.renewed[in.resolver.final(k.id)] = true
	}
	for _, m := range in.resolver.merges {
		in.renewed[in.resolver.final(m.winner)] = true
	}
	for _, k := range in.resolver.promoted {
		in.promoted[in.resolver.final(k.id)] = true
	}
}

// changes lists what of its customer a message may have changed, as rules mention it.
func (in *ingestion) changes(it *item, customer string) []string {
	if in.renewed[customer] {
		return []string{changedAll}
	}
	list := it.Profile.changes()
	if in.promoted[customer] {
		list = append(list, rules.MentionProfile+"external_id")
	}
	slices.Sort(list)
	return list
}

// queueHistorical tells the segments of what an import changed: no campaign hears of its events, but who is in a segment
// may depend on them. Whoever joins or leaves by it makes no campaign start either, so the rows say what they are.
func (in *ingestion) queueHistorical(b *pgx.Batch) {
	type change struct{ customer, mention string }
	seen := map[change]bool{}
	var customers, mentions []string
	for i := range in.items {
		it := &in.items[i]
		if !it.Historical {
			continue
		}
		c := change{in.resolver.final(it.customer.id), rules.MentionEvent + it.Name}
		if len(in.changes(it, c.customer)) > 0 {
			c.mention = changedAll
		}
		if !seen[c] {
			seen[c] = true
			customers, mentions = append(customers, c.customer), append(mentions, c.mention)
		}
	}
	if len(customers) > 0 {
		queueWatched(b, in.tx.Workspace, `SELECT * FROM unnest($2::uuid[], $3::text[])`, `'{`+changedAll+`,`+ChangedHistory+`}'`,
			customers, mentions)
	}
}
