package store

import (
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// patch is what some messages together say about one customer.
type patch struct {
	email, phone, name, locale, timezone, kind, stage *string
	createdAt                                         *time.Time
	set                                               map[string]any
	remove                                            map[string]bool
	tags                                              map[string]bool // true to add, false to remove
}

// patches collects what messages say about customers: later messages win, except that a fill-only message writes
// only what is unknown.
type patches struct {
	over     map[string]*patch
	fill     map[string]*patch
	consents []ledgerEntry
}

func newPatches() *patches { return &patches{over: map[string]*patch{}, fill: map[string]*patch{}} }

func (ps *patches) add(customer string, p *Profile) {
	into := ps.over
	if p.FillOnly {
		into = ps.fill
	}
	if p.empty() {
		return
	}
	if into[customer] == nil {
		into[customer] = &patch{set: map[string]any{}, remove: map[string]bool{}, tags: map[string]bool{}}
	}
	into[customer].apply(p)
}

func (p *Profile) empty() bool {
	return p.Email == nil && p.Phone == nil && p.Name == nil && p.Locale == nil && p.Timezone == nil && p.Kind == nil &&
		p.Stage == nil && p.CreatedAt == nil && len(p.Attributes) == 0 && len(p.AddTags) == 0 && len(p.RemoveTags) == 0
}

func (q *patch) apply(p *Profile) {
	for to, from := range map[**string]*string{
		&q.email: p.Email, &q.phone: p.Phone, &q.name: p.Name, &q.locale: p.Locale, &q.timezone: p.Timezone,
		&q.kind: (*string)(p.Kind), &q.stage: p.Stage,
	} {
		if from != nil {
			*to = from
		}
	}
	if p.CreatedAt != nil {
		q.createdAt = p.CreatedAt
	}
	for key, value := range p.Attributes {
		if value == nil {
			delete(q.set, key)
			q.remove[key] = true
			continue
		}
		delete(q.remove, key)
		q.set[key] = value
	}
	for _, tag := range p.AddTags {
		q.tags[tag] = true
	}
	for _, tag := range p.RemoveTags {
		q.tags[tag] = false
	}
}

// follow hands what was said about a record that another took over to that other record.
func (ps *patches) follow(final func(string) string) {
	for i := range ps.consents {
		ps.consents[i].customer = final(ps.consents[i].customer)
	}
	for _, side := range []map[string]*patch{ps.over, ps.fill} {
		for _, id := range slices.Sorted(maps.Keys(side)) {
			to := final(id)
			if to == id {
				continue
			}
			p := side[id]
			delete(side, id)
			if own := side[to]; own != nil {
				p.overlay(own)
			}
			side[to] = p
		}
	}
}

// overlay puts what o says over what q says.
func (q *patch) overlay(o *patch) {
	q.apply(&Profile{
		Email: o.email, Phone: o.phone, Name: o.name, Locale: o.locale, Timezone: o.timezone,
		Kind: (*audience.CustomerKind)(o.kind), Stage: o.stage, CreatedAt: o.createdAt, Attributes: o.set,
	})
	maps.Copy(q.tags, o.tags)
	for key := range o.remove {
		delete(q.set, key)
		q.remove[key] = true
	}
}

// sqlOver writes what it is given; sqlFill only what is unknown.
const (
	patchRows = ` FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
		$9::text[], $10::timestamptz[], $11::text[], $12::text[], $13::text[])
		AS p (id, email, phone, name, locale, timezone, kind, stage, created_at, attributes, remove, tags) -- tags: tag -> keep
		WHERE c.workspace_id = $1 AND c.id = p.id`
	patchTags = `tags = CASE WHEN p.tags = '{}' THEN c.tags ELSE
		ARRAY(SELECT DISTINCT t FROM unnest(c.tags || ARRAY(SELECT jsonb_object_keys(p.tags::jsonb))) t
			WHERE coalesce((p.tags::jsonb ->> t)::boolean, true) ORDER BY t)
		END, updated_at = now()`
	sqlOver = `UPDATE customers c SET
		email = coalesce(p.email, c.email), phone = coalesce(p.phone, c.phone), name = coalesce(p.name, c.name),
		locale = coalesce(p.locale, c.locale), timezone = coalesce(p.timezone, c.timezone),
		kind = coalesce(p.kind, c.kind), stage = coalesce(p.stage, c.stage),
		created_at = coalesce(p.created_at, c.created_at),
		attributes = (c.attributes || p.attributes::jsonb) - ARRAY(SELECT jsonb_array_elements_text(p.remove::jsonb)),
		` + patchTags + patchRows
	sqlFill = `UPDATE customers c SET
		email = coalesce(nullif(c.email, ''), p.email, ''), phone = coalesce(nullif(c.phone, ''), p.phone, ''),
		name = coalesce(nullif(c.name, ''), p.name, ''), locale = coalesce(nullif(c.locale, ''), p.locale, ''),
		timezone = coalesce(nullif(c.timezone, ''), p.timezone, ''), stage = coalesce(nullif(c.stage, ''), p.stage, ''),
		attributes = p.attributes::jsonb || c.attributes,
		` + patchTags + patchRows
)

func (ps *patches) queue(b *pgx.Batch, ws int64) {
	queuePatches(b, ws, sqlOver, ps.over)
	queuePatches(b, ws, sqlFill, ps.fill)
	for i := range ps.consents {
		queueLedger(b, ws, &ps.consents[i])
	}
}

func queuePatches(b *pgx.Batch, ws int64, sql string, side map[string]*patch) {
	if len(side) == 0 {
		return
	}
	ids := slices.Sorted(maps.Keys(side)) // everybody locks customers in one order
	var emails, phones, names, locales, zones, kinds, stages []*string
	var created []*time.Time
	var sets, removes, tags []string
	for _, id := range ids {
		p := side[id]
		emails, phones, names = append(emails, p.email), append(phones, p.phone), append(names, p.name)
		locales, zones = append(locales, p.locale), append(zones, p.timezone)
		kinds, stages, created = append(kinds, p.kind), append(stages, p.stage), append(created, p.createdAt)
		sets = append(sets, mustJSON(p.set))
		removes = append(removes, mustJSON(slices.Sorted(maps.Keys(p.remove))))
		tags = append(tags, mustJSON(p.tags))
	}
	b.Queue(sql, ws, ids, emails, phones, names, locales, zones, kinds, stages, created, sets, removes, tags)
}

// mustJSON encodes what came out of a JSON decoder or is as safe, which cannot fail.
func mustJSON(v any) string {
	if list, ok := v.([]string); ok && len(list) == 0 {
		return "[]"
	}
	text, err := jsonText(v)
	if err != nil {
		panic(err.Error()) //nolint:forbidigo // cannot happen, see above
	}
	return text
}
