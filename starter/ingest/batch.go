package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"

	"dotyk/activities/store"
)

// batch reads a body with a list of messages. The list is remembered and read last, since what all messages share may
// stand after it.
func (r *reader) batch() error {
	if r.s.space(); !r.s.skip('{') {
		if err := r.s.value(); err != nil {
			return err
		}
		return notBatch("the request is not a JSON object")
	}
	var items []item
	found := false
	rest := fields{}
	err := r.members(func(name string) (err error) {
		if name != "batch" || r.s.pos >= len(r.s.data) || r.s.data[r.s.pos] != '[' {
			return r.sharedMember(rest, name)
		}
		found = true
		items, err = r.list()
		return err
	})
	if err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if !found {
		return notBatch(`the request has no list named "batch"`)
	}
	r.share(rest)
	for _, it := range items {
		r.message(it)
	}
	return nil
}

func notBatch(reason string) error {
	return &BodyError{Code: NoBatch, Offset: -1, Reason: reason, Advice: `send {"batch":[…]}, or a single message to the path of its call such as /v1/track`}
}

// members calls f at the value of each member of the object whose opening brace was just passed.
func (r *reader) members(f func(name string) error) error {
	r.s.space()
	if r.s.skip('}') {
		return nil
	}
	for {
		name, err := r.member()
		if err != nil {
			return err
		}
		if err := f(name); err != nil {
			return err
		}
		r.s.space()
		if r.s.skip('}') {
			return nil
		}
		if !r.s.skip(',') {
			return r.s.fail("expected a comma or '}' here")
		}
	}
}

// member reads a name and what stands between it and its value.
func (r *reader) member() (string, error) {
	r.s.space()
	start := r.s.pos
	if err := r.s.key(); err != nil {
		return "", err
	}
	end := bytes.LastIndexByte(r.s.data[start:r.s.pos], '"') + 1
	r.s.space()
	return keyText(r.s.data[start : start+end]), nil
}

// sharedMember keeps a member of the batch itself, or reports why all messages have to do without it.
func (r *reader) sharedMember(rest fields, name string) error {
	r.s.hazard = nil
	start := r.s.pos
	if err := r.s.value(); err != nil {
		return err
	}
	raw := r.s.data[start:r.s.pos]
	if h := r.s.hazard; h != nil {
		r.letter(store.FieldOnly, item{index: -1}, name+dotted(h.place), h.reason, h.advice, raw)
		return nil
	}
	rest[name] = raw
	return nil
}

// list reads the messages' places and bytes.
func (r *reader) list() ([]item, error) {
	var items []item
	r.s.pos++
	r.s.space()
	if r.s.skip(']') {
		return nil, nil
	}
	for {
		r.s.space()
		if len(items) == r.p.Limits.Messages {
			return nil, &BodyError{
				Code: TooMany, Offset: -1,
				Reason: fmt.Sprintf("the batch holds more than %d messages", r.p.Limits.Messages),
				Advice: "send them in several requests",
			}
		}
		r.s.hazard = nil
		start := r.s.pos
		if err := r.s.value(); err != nil {
			return nil, err
		}
		n := len(items)
		items = append(items, item{index: n, place: fmt.Sprintf("batch[%d]", n), raw: r.s.data[start:r.s.pos], hazard: r.s.hazard})
		r.s.space()
		if r.s.skip(']') {
			return items, nil
		}
		if !r.s.skip(',') {
			return nil, r.s.fail("expected a comma or ']' here")
		}
	}
}

// end makes sure that nothing follows the document.
func (r *reader) end() error {
	r.s.space()
	if r.s.pos < len(r.s.data) {
		return r.s.fail("something follows the end of the document")
	}
	return nil
}

// share reads what the batch says for all messages.
func (r *reader) share(rest fields) {
	batch := item{index: -1}
	r.out.WriteKey, _ = text(rest["writeKey"])
	r.batchID, _ = text(rest["messageId"])
	r.shared = shared{sentAt: rest["sentAt"], historical: rest["historical"]}
	for _, member := range []struct {
		name string
		into *fields
	}{{"context", &r.shared.context}, {"integrations", &r.shared.integrations}} {
		raw := rest[member.name]
		if null(raw) || emptyList(raw) {
			continue
		}
		if err := json.Unmarshal(raw, member.into); err != nil {
			r.letter(store.FieldOnly, batch, member.name, member.name+" of the batch is not an object", "send an object, or leave it out", raw)
		}
	}
}
