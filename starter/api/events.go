package api

import (
	"errors"
	"io"
	"net/http"

	"dotyk/activities/store"
	"dotyk/starter/ingest"
)

// accepted is the answer to a request that was stored. Segment's clients look at the status only; the lists are for
// people who try things out.
type accepted struct {
	Success  bool      `json:"success"`
	Rejected []finding `json:"rejected,omitempty"`
	Warnings []finding `json:"warnings,omitempty"`
}

// collect takes one call, or a batch. It answers 200 once everything is committed, also when single messages are bad:
// those are kept as dead letters, because clients drop a whole batch for any other answer. With X-Strict-Mode: 1 it
// answers 400 instead, lists everything that is wrong and stores nothing.
func (s *server) collect(kind ingest.Kind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		body, err := s.body(w, r, s.Limits.Body(kind))
		if err != nil {
			return err
		}
		key, err := s.writeKey(r, bodyKey(body))
		if err != nil {
			return err
		}
		parsed, err := ingest.Parse(kind, body, s.params(r, key))
		if err != nil {
			return err
		}
		answer := findings(parsed)
		if r.Header.Get("X-Strict-Mode") == "1" && len(parsed.DeadLetters) > 0 {
			return &problem{
				status: http.StatusBadRequest, Code: "invalid_messages", Message: "some messages are not right; nothing was stored",
				Advice: "mend what is listed and send the request again", Rejected: answer.Rejected, Warnings: answer.Warnings,
			}
		}
		if err := s.store(r, key, parsed, &answer); err != nil {
			return err
		}
		writeJSON(w, http.StatusOK, answer)
		return nil
	}
}

func (s *server) params(r *http.Request, key store.Key) ingest.Params {
	return ingest.Params{
		ReceivedAt: s.Now(), Country: key.Country, Source: key.Source.Name, Limits: s.Limits,
		RemoteIP: s.clientIP(r), UserAgent: r.UserAgent(),
	}
}

// store commits what was read, and adds what the database would not take.
func (s *server) store(r *http.Request, key store.Key, parsed ingest.Parsed, answer *accepted) error {
	if len(parsed.Messages)+len(parsed.DeadLetters) == 0 {
		return nil
	}
	res, err := s.Batcher.Submit(r.Context(), store.Delivery{Source: key.Source, Messages: parsed.Messages, DeadLetters: parsed.DeadLetters})
	if err != nil {
		return err
	}
	for _, d := range res.Refused {
		f := finding{MessageID: d.MessageID, Reason: "the database refused the message", Advice: d.Advice}
		for i, m := range parsed.Messages {
			if m.MessageID == d.MessageID {
				f.Index = &parsed.MessageIndex[i]
			}
		}
		answer.Rejected = append(answer.Rejected, f)
	}
	return nil
}

// findings lists what is wrong with single messages.
func findings(p ingest.Parsed) accepted {
	answer := accepted{Success: true}
	for i, d := range p.DeadLetters {
		f := finding{MessageID: d.MessageID, Place: d.Place, Reason: d.Reason, Advice: d.Advice}
		if p.DeadLetterIndex[i] >= 0 {
			f.Index = &p.DeadLetterIndex[i]
		}
		if d.Severity == store.Rejected {
			answer.Rejected = append(answer.Rejected, f)
		} else {
			answer.Warnings = append(answer.Warnings, f)
		}
	}
	return answer
}

// swallow takes the metrics that Segment's browser client sends of itself, and forgets them.
func (s *server) swallow(w http.ResponseWriter, r *http.Request) error {
	_, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, int64(s.Limits.Batch)))
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(s.Limits.Batch)
	}
	writeJSON(w, http.StatusOK, accepted{Success: true})
	return nil
}
