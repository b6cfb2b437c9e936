package ingest

import (
	"fmt"
	"time"

	"dotyk/activities/store"
)

// times takes the moments of a message and corrects for a sender whose clock is wrong:
//
//	occurredAt = receivedAt − (sentAt − originalTimestamp)
//
// (Segment, spec/common, "Timestamps in messages"). originalTimestamp wins over timestamp; the latter then stays in
// Extra, as does everything that is not a moment.
func (r *reader) times(m *store.Message, it item, f fields) {
	field := "originalTimestamp"
	if null(f[field]) {
		field = "timestamp"
	}
	m.OriginalTimestamp = r.time(it, field, f)
	m.SentAt = r.time(it, "sentAt", f)
	if m.SentAt == nil && len(r.shared.sentAt) > 0 && null(f["sentAt"]) {
		if t, ok := moment(r.shared.sentAt); ok && t.Year() > 1 {
			m.SentAt = &t
		}
	}
	m.OccurredAt = r.p.ReceivedAt
	if m.OriginalTimestamp == nil {
		return
	}
	occurred := *m.OriginalTimestamp
	if m.SentAt != nil && believable(*m.SentAt) {
		occurred = r.p.ReceivedAt.Add(m.OriginalTimestamp.Sub(*m.SentAt))
	}
	const advice = "send the moment in ISO 8601, such as 2026-03-01T12:30:00Z; the time of receipt was used"
	switch {
	case !believable(occurred):
		r.letter(store.FieldOnly, it, field, fmt.Sprintf("%s is not a believable moment", m.OriginalTimestamp.Format(time.RFC3339)), advice, it.raw)
	case occurred.Sub(r.p.ReceivedAt) > 24*time.Hour:
		r.letter(store.FieldOnly, it, field, fmt.Sprintf("%s lies in the future", m.OriginalTimestamp.Format(time.RFC3339)), advice, it.raw)
	case occurred.Before(r.p.ReceivedAt):
		m.OccurredAt = occurred
	}
}

// time takes one moment. The zero time of Go, 0001-01-01, means that there is none.
func (r *reader) time(it item, field string, f fields) *time.Time {
	raw := f[field]
	if null(raw) {
		delete(f, field)
		return nil
	}
	t, ok := moment(raw)
	if !ok || t.Year() < 0 || t.Year() > 9999 {
		r.letter(store.FieldOnly, it, field, fmt.Sprintf("%s is not a moment", shown(raw)), "send ISO 8601, such as 2026-03-01T12:30:00Z", raw)
		return nil
	}
	delete(f, field)
	if t.Year() <= 1 {
		return nil
	}
	return &t
}
