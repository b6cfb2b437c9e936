package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"dotyk/activities/store"
)

// commit stores the deliveries in one transaction. When the database refuses the data it halves the set until the
// delivery at fault is found, and within it the message; so one message costs a logarithm of transactions and harms
// no other.
func (b *Batcher) commit(workspace int64, batch []*submission) {
	deliveries := make([]store.Delivery, len(batch))
	for i, s := range batch {
		deliveries[i] = s.delivery
	}
	results, err := b.write(workspace, deliveries)
	switch {
	case err == nil:
		for i, s := range batch {
			s.answer <- answer{result: Result{IngestResult: results[i]}}
		}
	case store.Refused(err) && len(batch) > 1:
		half := len(batch) / 2
		b.commit(workspace, batch[:half])
		b.commit(workspace, batch[half:])
	case store.Refused(err):
		var result Result
		err := b.salvage(workspace, batch[0].delivery, err, &result)
		batch[0].answer <- answer{result: result, err: err}
	default:
		for _, s := range batch {
			s.answer <- answer{err: err}
		}
	}
}

// salvage stores what can be stored of a delivery that was refused with cause. Its parts commit one by one: whoever is
// cut off in between sends all of it again, and the message ids tell what is known already.
func (b *Batcher) salvage(workspace int64, d store.Delivery, cause error, into *Result) error {
	switch len(d.Messages) {
	case 0:
		return fmt.Errorf("store dead letters: %w", cause)
	case 1:
		letter := refused(d.Messages[0], cause)
		b.cfg.Logger.Warn("message refused by the database", "workspace", workspace, "source", d.Source.ID, "message", letter.MessageID, "error", cause)
		into.Refused = append(into.Refused, letter)
		return b.part(workspace, store.Delivery{Source: d.Source, DeadLetters: append(slices.Clone(d.DeadLetters), letter)}, into)
	}
	half := len(d.Messages) / 2
	first := store.Delivery{Source: d.Source, Messages: d.Messages[:half], DeadLetters: d.DeadLetters}
	if err := b.part(workspace, first, into); err != nil {
		return err
	}
	return b.part(workspace, store.Delivery{Source: d.Source, Messages: d.Messages[half:]}, into)
}

func (b *Batcher) part(workspace int64, d store.Delivery, into *Result) error {
	results, err := b.write(workspace, []store.Delivery{d})
	if store.Refused(err) {
		return b.salvage(workspace, d, err, into)
	}
	if err != nil {
		return err
	}
	into.Stored += results[0].Stored
	into.Duplicates += results[0].Duplicates
	into.Customers += results[0].Customers
	return nil
}

// write is one transaction, tried again for a short while when the database is away. It is not bound to the context of
// any request, because it carries those of many.
func (b *Batcher) write(workspace int64, ds []store.Delivery) ([]store.IngestResult, error) {
	deadline := time.Now().Add(b.cfg.Patience)
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), b.cfg.Commit)
		results, err := b.to.Ingest(ctx, workspace, ds)
		cancel()
		switch {
		case err == nil:
			return results, nil
		case errors.Is(err, context.DeadlineExceeded):
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case !store.Unavailable(err):
			return nil, fmt.Errorf("commit deliveries: %w", err)
		case time.Now().Add(wait).After(deadline):
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		select {
		case <-b.closed:
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
		case <-time.After(wait):
		}
	}
}

// refused makes the dead letter of a message that the database would not take. The message is written again from its
// parts: what came is not kept that long.
func refused(m store.Message, cause error) store.DeadLetter {
	reason := cause.Error()
	if pg, ok := errors.AsType[*pgconn.PgError](cause); ok {
		reason = pg.Message
	}
	parts := fields{"type": quoted(string(m.Call)), "messageId": quoted(m.MessageID), "event": quoted(m.Name)}
	for field, value := range map[string]string{"userId": m.UserID, "anonymousId": m.AnonymousID, "previousId": m.PreviousID} {
		if value != "" {
			parts[field] = quoted(value)
		}
	}
	for field, raw := range map[string]json.RawMessage{"properties": m.Properties, "context": m.Context, "extra": m.Extra} {
		if json.Valid(raw) {
			parts[field] = raw
		}
	}
	return store.DeadLetter{
		Severity:   store.Rejected,
		MessageID:  m.MessageID,
		Reason:     "the database refused the message: " + reason,
		Advice:     "look for unusual characters or numbers in it, and report it if you find none",
		Payload:    object(parts),
		ReceivedAt: m.ReceivedAt,
	}
}
