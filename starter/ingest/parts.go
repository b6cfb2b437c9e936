package ingest

import (
	"encoding/json"
	"maps"
	"slices"

	"dotyk/activities/store"
)

// context takes the context, with that of the batch merged in.
func (r *reader) context(m *store.Message, f fields) (fields, *refusal) {
	raw := f.take("context")
	var own fields
	if !null(raw) && !emptyList(raw) {
		if err := json.Unmarshal(raw, &own); err != nil {
			return nil, &refusal{"context", "context is not an object", "send an object, or leave it out"}
		}
		m.Context = raw
	}
	if len(r.shared.context) > 0 {
		own = merged(r.shared.context, own)
		m.Context = object(own)
	}
	if direct, _ := boolean(own["direct"]); direct {
		own = merged(fields{"ip": quoted(r.p.RemoteIP), "userAgent": quoted(r.p.UserAgent)}, own)
		m.Context = object(own)
	}
	return own, nil
}

// properties takes the properties of an event, or the traits of an identify or group. The traits of an identify are
// given back, since they speak of the customer; those of a group speak of the group.
func properties(m *store.Message, f fields) (fields, *refusal) {
	field := "properties"
	if m.Call == store.CallIdentify || m.Call == store.CallGroup {
		field = "traits"
	}
	raw := f.take(field)
	m.Properties = json.RawMessage("{}")
	if null(raw) || emptyList(raw) {
		return nil, nil
	}
	var own fields
	if err := json.Unmarshal(raw, &own); err != nil {
		return nil, &refusal{field, field + " is not an object", `send an object such as {"plan":"pro"}`}
	}
	m.Properties = raw
	if m.Call != store.CallIdentify {
		return nil, nil
	}
	return own, nil
}

// historical takes the mark of an import of the past, from the message, its context or the batch.
func (r *reader) historical(m *store.Message, it item, f, context fields) {
	m.Historical, _ = boolean(r.shared.historical)
	for _, mark := range []struct {
		field string
		raw   json.RawMessage
	}{{"historical", f["historical"]}, {"context.historical", context["historical"]}} {
		value, ok := boolean(mark.raw)
		m.Historical = m.Historical || value
		if !ok && !null(mark.raw) {
			r.letter(store.FieldOnly, it, mark.field, "historical is neither true nor false", "send true for an import of the past, or leave it out", mark.raw)
		}
	}
	if _, ok := boolean(f["historical"]); ok {
		delete(f, "historical")
	}
}

// extra is what no other field of store.Message holds.
func (r *reader) extra(f fields) json.RawMessage {
	if len(r.shared.integrations) > 0 {
		var own fields
		if raw := f["integrations"]; null(raw) || emptyList(raw) || json.Unmarshal(raw, &own) == nil {
			f["integrations"] = object(merged(r.shared.integrations, own))
		}
	}
	if len(f) == 0 {
		return nil
	}
	return object(f)
}

// merged joins two objects; where both have a member, the second wins.
func merged(base, over fields) fields {
	all := make(fields, len(base)+len(over))
	maps.Copy(all, base)
	maps.Copy(all, over)
	return all
}

// object writes members that were read as JSON, in the order of their names.
func object(f fields) json.RawMessage {
	raw := []byte{'{'}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if len(raw) > 1 {
			raw = append(raw, ',')
		}
		raw = append(append(raw, quoted(name)...), ':')
		raw = append(raw, f[name]...)
	}
	return append(raw, '}')
}

func quoted(s string) json.RawMessage {
	raw, _ := json.Marshal(s) // a text can always be written
	return raw
}
