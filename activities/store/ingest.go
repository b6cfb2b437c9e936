package store

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Shards is how many streams the events of an installation are picked in. A customer's events all go through one, so
// that they stay in order. Rows name their shard, so changing it needs an empty intake and a new dotyk_shard.
const Shards = 4

// intakeChannel is the channel on which Postgres says that events came in; the payload is the shard.
const intakeChannel = "dotyk_intake"

func shardOf(customer string) int16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(customer)) // a hash.Hash never fails
	return int16(h.Sum32() % Shards)
}

// Ingest stores the deliveries, all in one transaction, and gives a result for each: events that are not known yet,
// the customers they belong to, what they say about them, and the work for the campaigns. All sources must belong to
// the workspace. See Refused and Unavailable for what an error means.
func (s *Store) Ingest(ctx context.Context, workspace int64, ds []Delivery) ([]IngestResult, error) {
	var results []IngestResult
	err := s.OnKnownPlans(ctx, workspace, func(tx *Tx) error {
		in := ingestion{tx: tx, resolver: newResolver(newID), results: make([]IngestResult, len(ds))}
		if err := in.run(ctx, ds); err != nil {
			return err
		}
		results = in.results
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store events: %w", err)
	}
	return results, nil
}

// item is a message that is new, with what became of it.
type item struct {
	*Message
	delivery int
	source   int64
	customer *known
	id       string
}

type ingestion struct {
	tx       *Tx
	resolver *resolver
	results  []IngestResult
	items    []item
	renewed  map[string]bool // customers that are new, or took another over
	promoted map[string]bool // customers that got the site's own id
	dead     []DeadLetter
	deadFrom []int64 // source of each dead letter
}

func (in *ingestion) run(ctx context.Context, ds []Delivery) error {
	if err := in.deduplicate(ctx, ds); err != nil {
		return err
	}
	if err := in.loadIdentities(ctx); err != nil {
		return err
	}
	patches := newPatches()
	for i := range in.items {
		it := &in.items[i]
		before := len(in.resolver.created)
		it.customer = in.resolver.resolve(it.Message)
		in.results[it.delivery].Customers += len(in.resolver.created) - before
		in.results[it.delivery].Stored++
		patches.add(it.customer.id, &it.Profile)
		patches.consents = append(patches.consents, said(it.customer.id, ds[it.delivery].Source.Name, it.Message)...)
	}
	patches.follow(in.resolver.final)
	in.noteRenewed()
	requests, err := in.tx.askToConfirm(ctx, patches.consents)
	if err != nil {
		return err
	}
	b := &pgx.Batch{}
	in.queueIdentities(b)
	patches.queue(b, in.tx.Workspace)
	in.queueEvents(b)
	if err := queueSystemEvents(b, in.tx.Workspace, requests); err != nil {
		return err
	}
	in.queueHistorical(b)
	in.queueDeadLetters(b)
	return in.tx.batch(ctx, b)
}

// ingestLock serialises the writers of one workspace: whoever has it sees every identity that exists, so that two
// requests cannot make two customers of one. Requests share transactions, so waiting costs little.
const ingestLock = 7461

// deduplicate keeps the messages whose ids are new to their source.
func (in *ingestion) deduplicate(ctx context.Context, ds []Delivery) error {
	type key struct {
		source  int64
		message string
	}
	fresh := map[key]item{}
	order := []key{}
	var sources []int64
	var ids []string
	var received []time.Time
	for d := range ds {
		for _, dead := range ds[d].DeadLetters {
			in.dead = append(in.dead, dead)
			in.deadFrom = append(in.deadFrom, ds[d].Source.ID)
		}
		for m := range ds[d].Messages {
			msg := &ds[d].Messages[m]
			k := key{ds[d].Source.ID, msg.MessageID}
			if _, twice := fresh[k]; twice {
				in.results[d].Duplicates++
				continue
			}
			fresh[k] = item{Message: msg, delivery: d, source: k.source}
			order = append(order, k)
			sources, ids, received = append(sources, k.source), append(ids, k.message), append(received, msg.ReceivedAt)
		}
	}
	b := &pgx.Batch{}
	queueLock(b, ingestLock, in.tx.Workspace)
	isNew := map[key]bool{}
	b.Queue(`INSERT INTO event_keys (workspace_id, source_id, message_id, received_at)
		SELECT $1, u.* FROM unnest($2::bigint[], $3::text[], $4::timestamptz[]) u
		ON CONFLICT DO NOTHING RETURNING source_id, message_id`, in.tx.Workspace, sources, ids, received).
		Query(func(rows pgx.Rows) error {
			var k key
			_, err := pgx.ForEachRow(rows, []any{&k.source, &k.message}, func() error {
				isNew[k] = true
				return nil
			})
			return err
		})
	if err := in.tx.batch(ctx, b); err != nil {
		return fmt.Errorf("deduplicate events: %w", err)
	}
	for _, k := range order {
		it := fresh[k]
		if !isNew[k] {
			in.results[it.delivery].Duplicates++
			continue
		}
		it.id = newID()
		in.items = append(in.items, it)
	}
	return nil
}

// loadIdentities tells the resolver what is known of the ids and e-mails in the messages.
func (in *ingestion) loadIdentities(ctx context.Context) error {
	var kinds, values, emails, ids []string
	asked := map[token]bool{}
	ask := func(kind identityKind, value string) {
		if t := (token{kind, value}); value != "" && !asked[t] {
			asked[t] = true
			kinds, values = append(kinds, string(kind)), append(values, value)
		}
	}
	for i := range in.items {
		m := in.items[i].Message
		ask(userID, m.UserID)
		ask(anonymousID, m.AnonymousID)
		ask(userID, m.PreviousID)
		ask(anonymousID, m.PreviousID)
		if m.CustomerID != "" {
			ids = append(ids, m.CustomerID)
		}
		if m.Profile.Email != nil && *m.Profile.Email != "" {
			emails = append(emails, *m.Profile.Email)
		}
	}
	b := &pgx.Batch{}
	r := in.resolver
	var t token
	var k known
	remember := func() *known {
		if r.byID[k.id] == nil {
			fresh := k
			r.byID[k.id] = &fresh
		}
		return r.byID[k.id]
	}
	// LIMIT keeps the planner to two look-ups by primary key for each id, also while it believes the tables to be empty.
	b.Queue(`SELECT q.kind, q.value, c.id, c.external_id, c.email
		FROM unnest($2::text[], $3::text[]) AS q (kind, value)
		CROSS JOIN LATERAL (SELECT customer_id FROM identities
			WHERE workspace_id = $1 AND kind = q.kind AND value = q.value LIMIT 1) i
		CROSS JOIN LATERAL (SELECT id, coalesce(external_id, '') AS external_id, email FROM customers
			WHERE workspace_id = $1 AND id = i.customer_id LIMIT 1) c`, in.tx.Workspace, kinds, values).
		Query(func(rows pgx.Rows) error {
			_, err := pgx.ForEachRow(rows, []any{&t.kind, &t.value, &k.id, &k.external, &k.email}, func() error {
				r.tokens[t] = remember()
				return nil
			})
			return err
		})
	if len(emails) > 0 {
		b.Queue(`SELECT id, coalesce(external_id, ''), email FROM customers
			WHERE workspace_id = $1 AND email = ANY ($2) AND email <> '' AND merged_into IS NULL
			ORDER BY external_id IS NULL, created_at, id`, in.tx.Workspace, emails).
			Query(func(rows pgx.Rows) error {
				_, err := pgx.ForEachRow(rows, []any{&k.id, &k.external, &k.email}, func() error {
					c := remember()
					if r.emails[k.email] == nil {
						r.emails[k.email] = c
					}
					if k.external == "" && r.leads[k.email] == nil {
						r.leads[k.email] = c
					}
					return nil
				})
				return err
			})
	}
	if len(ids) > 0 {
		b.Queue(`SELECT c.id, coalesce(w.id, c.id), coalesce(w.external_id, c.external_id, ''), coalesce(w.email, c.email)
			FROM customers c LEFT JOIN customers w ON w.workspace_id = $1 AND w.id = c.merged_into
			WHERE c.workspace_id = $1 AND c.id = ANY ($2)`, in.tx.Workspace, ids).
			Query(func(rows pgx.Rows) error {
				var named string
				_, err := pgx.ForEachRow(rows, []any{&named, &k.id, &k.external, &k.email}, func() error {
					r.byID[named] = remember()
					return nil
				})
				return err
			})
	}
	if err := in.tx.batch(ctx, b); err != nil {
		return fmt.Errorf("look up identities: %w", err)
	}
	return nil
}

func (in *ingestion) queueIdentities(b *pgx.Batch) {
	r, ws := in.resolver, in.tx.Workspace
	if len(r.created) > 0 {
		var ids, externals []string
		for _, k := range r.created {
			ids, externals = append(ids, k.id), append(externals, k.external)
		}
		b.Queue(`INSERT INTO customers (workspace_id, id, external_id)
			SELECT $1, u.id, nullif(u.external, '') FROM unnest($2::uuid[], $3::text[]) AS u (id, external)`,
			ws, ids, externals)
	}
	queueMerges(b, ws, r.merges)
	if len(r.promoted) > 0 {
		var ids, externals []string
		for _, k := range r.promoted {
			ids, externals = append(ids, k.id), append(externals, k.external)
		}
		b.Queue(`UPDATE customers c SET external_id = u.external, updated_at = now()
			FROM unnest($2::uuid[], $3::text[]) AS u (id, external)
			WHERE c.workspace_id = $1 AND c.id = u.id AND c.merged_into IS NULL`, ws, ids, externals)
	}
	if len(r.changed) > 0 {
		var kinds, values, ids []string
		for t := range r.changed {
			kinds, values, ids = append(kinds, string(t.kind)), append(values, t.value), append(ids, r.tokens[t].id)
		}
		b.Queue(`INSERT INTO identities (workspace_id, kind, value, customer_id)
			SELECT $1, u.* FROM unnest($2::text[], $3::text[], $4::uuid[]) u
			ON CONFLICT (workspace_id, kind, value) DO UPDATE SET customer_id = excluded.customer_id`,
			ws, kinds, values, ids)
	}
}

func (in *ingestion) queueEvents(b *pgx.Batch) {
	var (
		ids, customers, messages, calls, names []string
		sources                                []int64
		properties                             []string
		contexts, extras                       []*string
		occurred, received                     []time.Time
		sent, original                         []*time.Time
		picked, pickedCustomers                []string
		pickedAt                               []time.Time
		changed                                []string // JSON: an array for each
		shards                                 []int16
	)
	touched := map[int16]bool{}
	for i := range in.items {
		it := &in.items[i]
		customer := in.resolver.final(it.customer.id)
		ids, customers, messages = append(ids, it.id), append(customers, customer), append(messages, it.MessageID)
		calls, names, sources = append(calls, string(it.Call)), append(names, it.Name), append(sources, it.source)
		properties = append(properties, object(it.Properties))
		contexts, extras = append(contexts, optional(it.Context)), append(extras, optional(it.Extra))
		occurred, received = append(occurred, it.OccurredAt), append(received, it.ReceivedAt)
		sent, original = append(sent, it.SentAt), append(original, it.OriginalTimestamp)
		if it.Historical {
			continue
		}
		shard := shardOf(customer)
		touched[shard] = true
		picked, pickedCustomers = append(picked, it.id), append(pickedCustomers, customer)
		pickedAt, shards = append(pickedAt, it.OccurredAt), append(shards, shard)
		changed = append(changed, mustJSON(in.changes(it, customer)))
	}
	ws := in.tx.Workspace
	if len(ids) > 0 {
		b.Queue(`INSERT INTO events (workspace_id, id, customer_id, source_id, message_id, call, name, properties,
			context, extra, occurred_at, received_at, sent_at, original_timestamp)
			SELECT $1, u.id, u.customer, u.source, u.message, u.call, u.name, u.properties::jsonb, u.context::jsonb,
			u.extra::jsonb, u.occurred, u.received, u.sent, u.original
			FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::text[], $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[])
			AS u (id, customer, source, message, call, name, properties, context, extra, occurred, received, sent,
			original)`,
			ws, ids, customers, sources, messages, calls, names, properties, contexts, extras, occurred, received,
			sent, original)
	}
	if len(picked) > 0 {
		b.Queue(`INSERT INTO intake (workspace_id, shard, event_id, occurred_at, customer_id, changed)
			SELECT $1, u.shard, u.event, u.at, u.customer, ARRAY(SELECT jsonb_array_elements_text(u.changed::jsonb))
			FROM unnest($2::smallint[], $3::uuid[], $4::timestamptz[], $5::uuid[], $6::text[])
			WITH ORDINALITY AS u (shard, event, at, customer, changed, n) ORDER BY u.n`,
			ws, shards, picked, pickedAt, pickedCustomers, changed)
	}
	for shard := range touched {
		b.Queue(`SELECT pg_notify($1, $2)`, intakeChannel, strconv.Itoa(int(shard)))
	}
}

func (in *ingestion) queueDeadLetters(b *pgx.Batch) {
	for i, d := range in.dead {
		b.Queue(`INSERT INTO dead_letters (workspace_id, source_id, severity, message_id, place, reason, advice, payload,
			received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			in.tx.Workspace, in.deadFrom[i], d.Severity, clean(d.MessageID), clean(d.Place), clean(d.Reason),
			clean(d.Advice), append([]byte{}, d.Payload...), d.ReceivedAt)
	}
}

func object(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "{}"
	}
	return string(raw)
}

func optional(raw json.RawMessage) *string {
	if len(raw) == 0 {
		return nil
	}
	s := string(raw)
	return &s
}

// KeepKeys is how long the ids of messages are known. Those of imports are kept for good, so that a file can be imported
// again at any time.
const KeepKeys = 35 * 24 * time.Hour

// ForgetKeys drops up to limit ids of messages that came before the given moment, and says how many it dropped.
func (s *Store) ForgetKeys(ctx context.Context, workspace int64, before time.Time, limit int) (int, error) {
	var n int64
	err := s.In(ctx, workspace, func(tx *Tx) error {
		tag, err := tx.conn.Exec(ctx, `DELETE FROM event_keys WHERE workspace_id = $1 AND ctid = ANY (ARRAY(
			SELECT k.ctid FROM event_keys k WHERE k.workspace_id = $1 AND k.received_at < $2 AND k.source_id NOT IN (
				SELECT id FROM sources WHERE workspace_id = $1 AND name LIKE 'import:%') LIMIT $3))`,
			workspace, before, limit)
		n = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("forget old message ids: %w", err)
	}
	return int(n), nil
}
