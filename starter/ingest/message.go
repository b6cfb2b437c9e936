package ingest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

// refusal is why a whole message is refused.
type refusal struct {
	field, reason, advice string
}

// message reads one message into Messages or DeadLetters.
func (r *reader) message(it item) {
	m, err := r.read(&it)
	if err != nil {
		if it.messageID == "" {
			it.messageID = looseMessageID(it.raw)
		}
		r.letter(store.Rejected, it, err.field, err.reason, err.advice, it.raw)
		return
	}
	r.out.Messages = append(r.out.Messages, m)
	r.out.MessageIndex = append(r.out.MessageIndex, it.index)
}

// read checks one message and takes it apart. Fields that have a place of their own in store.Message leave the map
// one after another; what is left becomes Extra.
func (r *reader) read(it *item) (store.Message, *refusal) {
	f, err := r.open(it)
	if err != nil {
		return store.Message{}, err
	}
	m := store.Message{ReceivedAt: r.p.ReceivedAt}
	if it.place == "" {
		r.out.WriteKey, _ = text(f["writeKey"])
	}
	delete(f, "writeKey") // a credential
	if m.MessageID, err = r.messageID(it, f); err != nil {
		return m, err
	}
	it.messageID = m.MessageID
	if m.Call, err = r.call(f); err != nil {
		return m, err
	}
	if err = identify(&m, f); err != nil {
		return m, err
	}
	if m.Name, err = name(m.Call, f); err != nil {
		return m, err
	}
	context, err := r.context(&m, f)
	if err != nil {
		return m, err
	}
	traits, err := properties(&m, f)
	if err != nil {
		return m, err
	}
	r.times(&m, *it, f)
	r.historical(&m, *it, f, context)
	r.profile(&m, *it, traits, context)
	m.Extra = r.extra(f)
	return m, nil
}

// open checks what can be said of a message without understanding it.
func (r *reader) open(it *item) (fields, *refusal) {
	if limit := r.p.Limits.Event; len(it.raw) > limit {
		return nil, &refusal{"", fmt.Sprintf("the message has %d bytes, more than %d", len(it.raw), limit), "send less with each message; keep documents and pictures elsewhere and send links to them"}
	}
	if h := it.hazard; h != nil {
		return nil, &refusal{h.place, h.reason, h.advice}
	}
	var f fields
	if err := json.Unmarshal(it.raw, &f); err != nil || f == nil {
		return nil, &refusal{"", "the message is not an object", `send an object such as {"type":"track","userId":"42","event":"Order Completed"}`}
	}
	return f, nil
}

// take gives a field and removes it.
func (f fields) take(name string) json.RawMessage {
	raw := f[name]
	delete(f, name)
	return raw
}

// messageID takes the id of a message. A long one is hashed rather than cut, so that it still tells repetitions from
// others, and stays in Extra as it came.
func (r *reader) messageID(it *item, f fields) (string, *refusal) {
	raw := f["messageId"]
	id, ok := textOrWhole(raw)
	switch {
	case null(raw) || ok && id == "":
		delete(f, "messageId")
		if r.batchID != "" {
			return DerivedID(r.batchID, fmt.Sprint(it.index)), nil
		}
		return uuid.NewString(), nil
	case !ok:
		return "", &refusal{"messageId", "messageId is neither a text nor a whole number", "send a text that is unique for each message, such as a UUID"}
	case len(id) > maxMessageID:
		return DerivedID(id), nil
	default:
		delete(f, "messageId")
		return id, nil
	}
}

// DerivedID makes a message id that is the same for the same parts: a UUID of version 8 (RFC 9562 section 5.8) from
// their SHA-256.
func DerivedID(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0F | 0x80
	id[8] = id[8]&0x3F | 0x80
	return id.String()
}

// looseMessageID reads the id of a message that was refused before its id was looked at.
func looseMessageID(raw []byte) string {
	var head struct {
		MessageID string `json:"messageId"`
	}
	if err := json.Unmarshal(raw, &head); err != nil || len(head.MessageID) > maxMessageID {
		return ""
	}
	return strings.ReplaceAll(head.MessageID, "\x00", "")
}

// call decides what kind of call a message is: by the path for a single one, by its type in a batch. A type that says
// otherwise than the path stays in Extra.
func (r *reader) call(f fields) (store.Call, *refusal) {
	kind, ok := text(f["type"])
	if r.kind != Batch && r.kind != Import {
		if !ok || kind == string(r.kind) {
			delete(f, "type")
		}
		return r.kind, nil
	}
	if null(f["type"]) { // the name of this field until 2014, which Segment's documents still show
		if kind, ok = text(f["action"]); ok {
			delete(f, "action")
		}
	}
	const advice = "set type to one of identify, track, page, screen, group, alias, merge"
	switch call := store.Call(kind); call {
	case store.CallIdentify, store.CallTrack, store.CallPage, store.CallScreen, store.CallGroup, store.CallAlias, store.CallMerge:
		delete(f, "type")
		return call, nil
	default:
		if !ok {
			return "", &refusal{"type", "the message has no type", advice}
		}
		return "", &refusal{"type", fmt.Sprintf("%q is not a type of message", shown([]byte(kind))), advice}
	}
}

// name gives the event its name.
func name(call store.Call, f fields) (string, *refusal) {
	switch call {
	case store.CallIdentify:
		return audience.EventIdentified, nil
	case store.CallPage:
		return audience.EventPageViewed, nil
	case store.CallScreen:
		return audience.EventScreenViewed, nil
	case store.CallGroup:
		return audience.EventGrouped, nil
	case store.CallAlias:
		return audience.EventAliased, nil
	case store.CallMerge:
		return audience.EventMerged, nil
	case store.CallForm:
		return audience.EventFormSubmitted, nil
	case store.CallTrack, store.CallSystem:
	}
	event, ok := text(f["event"])
	event = strings.TrimSpace(event)
	switch {
	case null(f["event"]) || ok && event == "":
		return "", &refusal{"event", "the event has no name", `name what happened, such as "event":"Order Completed"`}
	case !ok:
		return "", &refusal{"event", "the name of the event is not a text", `name what happened, such as "event":"Order Completed"`}
	case len(event) > maxEventName:
		return "", &refusal{"event", fmt.Sprintf("the name of the event is longer than %d bytes", maxEventName), "name the kind of event and put what differs into properties"}
	}
	delete(f, "event")
	return event, nil
}
