package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"dotyk/activities/store"
)

// Kind is the endpoint a request came to: one of the calls, Batch or Import.
type Kind = store.Call

// The endpoints that take several messages at once. Import differs by its larger limit only.
const (
	Batch  Kind = "batch"
	Import Kind = "import"
)

// Params is what a request says besides its body.
type Params struct {
	ReceivedAt time.Time // by our clock; required
	Country    string    // ISO 3166 region of national phone numbers, of the workspace; may be empty
	RemoteIP   string    // of the connection; kept only for a message whose context.direct is true
	UserAgent  string    // likewise
	Source     string    // name of the source, for the consent ledger
	Limits     Limits
}

// Parsed is what a request holds. Every message of the request is either in Messages or, with Severity Rejected, in
// DeadLetters, exactly once; dead letters of Severity FieldOnly come besides the message that they concern.
type Parsed struct {
	Messages    []store.Message
	DeadLetters []store.DeadLetter
	WriteKey    string // as the body says; empty when it says none

	MessageIndex    []int // MessageIndex[i] is the place in the batch of Messages[i]; 0 for a single call
	DeadLetterIndex []int // likewise of DeadLetters[i]
}

// Parse reads the body of one request. The error is always a *BodyError: the body is not JSON, too large, or not a
// batch where one was expected. Whatever is wrong with a single message becomes a dead letter instead, because a
// client that is refused a batch repeats it and then drops all of it.
//
// A single call may carry anything that stands in a message of a batch. The context and integrations of a batch are
// merged into each message key by key, and the message's own keys win. A message without an id of its own gets one:
// derived from the batch's messageId where there is one, so that a repeated batch is recognised, else random.
func Parse(kind Kind, body []byte, p Params) (Parsed, error) {
	p.Limits = p.Limits.WithDefaults()
	if limit := p.Limits.Body(kind); len(body) > limit {
		return Parsed{}, &BodyError{
			Code: TooLarge, Offset: -1,
			Reason: fmt.Sprintf("the request is larger than %d bytes", limit),
			Advice: "send fewer messages at once",
		}
	}
	body = bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")) // a byte order mark, which RFC 8259 section 8.1 allows to ignore
	r := reader{p: p, kind: kind, s: scanner{data: body, maxDepth: p.Limits.Depth}, zones: map[string]bool{}}
	if kind == Batch || kind == Import {
		if err := r.batch(); err != nil {
			return Parsed{}, r.bodyError(err)
		}
		return r.out, nil
	}
	if err := r.single(); err != nil {
		return Parsed{}, r.bodyError(err)
	}
	return r.out, nil
}

// WriteKey reads only the write key of a body, single or batch; empty when it holds none or cannot be read. Parse
// needs to know the workspace, and the key names it.
func WriteKey(body []byte) string {
	var head struct {
		WriteKey string `json:"writeKey"`
	}
	if err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")), &head); err != nil {
		return ""
	}
	return head.WriteKey
}

// reader is one run of Parse.
type reader struct {
	p     Params
	kind  Kind
	s     scanner
	out   Parsed
	zones map[string]bool // time zones that were looked up already

	batchID string // messageId of the batch
	shared  shared
}

// shared is what a batch says for all of its messages.
type shared struct {
	context      fields
	integrations fields
	sentAt       json.RawMessage
	historical   json.RawMessage
}

// fields are the members of an object, as they came.
type fields map[string]json.RawMessage

// item is one message before it is read.
type item struct {
	index     int
	place     string // "batch[3]"; empty for a single call
	raw       []byte
	hazard    *hazard
	messageID string // once it is read
}

// at writes the place of a field of the message.
func (it item) at(field string) string {
	if it.place == "" || field == "" {
		return it.place + field
	}
	return it.place + "." + field
}

func (r *reader) bodyError(err error) error {
	if grammar, ok := errors.AsType[*grammarError](err); ok {
		return badJSON(r.s.data, grammar.offset, grammar.reason)
	}
	return err
}

// single reads the body of a call.
func (r *reader) single() error {
	r.s.space()
	start := r.s.pos
	if err := r.s.value(); err != nil {
		return err
	}
	it := item{raw: r.s.data[start:r.s.pos], hazard: r.s.hazard}
	if err := r.end(); err != nil {
		return err
	}
	if it.raw[0] != '{' {
		return &BodyError{Code: BadJSON, Offset: -1, Reason: "the request is not a JSON object", Advice: `send an object such as {"userId":"42","event":"Order Completed"}`}
	}
	r.message(it)
	return nil
}

// letter keeps a dead letter. What came is cut to the size of one message: a longer one is refused for its length.
func (r *reader) letter(severity store.Severity, it item, field, reason, advice string, payload []byte) {
	d := store.DeadLetter{
		Severity:   severity,
		MessageID:  it.messageID,
		Place:      it.at(field),
		Reason:     reason,
		Advice:     advice,
		Payload:    append([]byte{}, payload[:min(len(payload), r.p.Limits.Event)]...),
		ReceivedAt: r.p.ReceivedAt,
	}
	r.out.DeadLetters = append(r.out.DeadLetters, d)
	r.out.DeadLetterIndex = append(r.out.DeadLetterIndex, it.index)
}

func dotted(place string) string {
	if place == "" || place[0] == '[' {
		return place
	}
	return "." + place
}
