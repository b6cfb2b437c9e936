package phone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"dotyk/channels/sms"
)

// posters is how many callbacks are posted at one time.
const posters = 16

// run takes messages from status to status until Stop. The callbacks of one message are posted one after another.
func (p *Phone) run() {
	free := make(chan struct{}, posters)
	for {
		j, ok, wait := p.schedule.next(time.Now())
		if !ok {
			if !p.sleep(wait) {
				return
			}
			continue
		}
		select {
		case free <- struct{}{}:
		case <-p.ctx.Done():
			return
		}
		p.wg.Go(func() {
			p.step(j.id)
			<-free
		})
	}
}

// sleep waits for a job to become due or to be added; it returns false at Stop.
func (p *Phone) sleep(wait time.Duration) bool {
	var due <-chan time.Time
	if wait >= 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-due:
	case <-p.schedule.wake:
	case <-p.ctx.Done():
		return false
	}
	return true
}

// step gives a message its next status and posts the callback. The status is kept before, that the callback was posted
// after: a crash in between posts it twice, as Twilio may.
func (p *Phone) step(id string) {
	var next Callback
	m, err := p.store.change(id, func(m *stored) error {
		if len(m.Pending) == 0 {
			return errNoMessage // cancelled
		}
		next = m.Pending[0]
		p.advance(m, next)
		return nil
	})
	if errors.Is(err, errNoMessage) {
		return
	}
	if err == nil {
		err = p.tell(m, next)
		if p.ctx.Err() != nil {
			return // the next run posts it
		}
		if err != nil {
			p.log.Warn("post status callback", "message", id, "status", next.Status, "error", err)
		}
	}
	m, err = p.store.change(id, func(m *stored) error {
		if len(m.Pending) > 0 {
			m.Pending = m.Pending[1:]
		}
		return nil
	})
	if err != nil {
		if !errors.Is(err, errNoMessage) {
			p.log.Error("keep status of message", "message", id, "error", err)
		}
		return
	}
	if len(m.Pending) > 0 {
		p.schedule.add(id, dueOf(m, p.config.Delay))
	}
}

// tell posts a status to whoever wants it.
func (p *Phone) tell(m stored, c Callback) error {
	var err error
	if m.wants(c.Status) {
		form := p.statusForm(m, c)
		if m.Channel == ChannelCall {
			form = p.callForm(m, c)
		}
		err = p.post(p.ctx, m.StatusCallback, form)
	}
	if m.Queue.Name != "" && c.Status == InProgress {
		err = errors.Join(err, p.connect(m))
	}
	return errors.Join(err, p.postSecond(m, c))
}

// advance gives a message a status, unless it has come further already.
func (p *Phone) advance(m *stored, to Callback) {
	if m.From == "" {
		m.From = p.config.Number
	}
	now := time.Now().UTC()
	if m.SentAt == nil && to.Status.rank() >= Sent.rank() && !slices.Contains([]Status{Failed, Busy, NoAnswer}, to.Status) {
		m.SentAt = &now
	}
	if to.Status == Completed && m.Duration == 0 {
		m.Duration = int(now.Sub(*m.SentAt)/time.Second) + 1 // a second that has begun counts
	}
	if to.Status.rank() > m.Status.rank() {
		m.Status, m.ErrorCode = to.Status, to.ErrorCode
	}
}

// statusForm is what Twilio posts of a status
// (https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks).
func (p *Phone) statusForm(m stored, c Callback) url.Values {
	form := url.Values{
		"MessageSid": {m.ID}, "SmsSid": {m.ID}, "MessageStatus": {string(c.Status)}, "SmsStatus": {string(c.Status)},
		"To": {m.To}, "From": {m.From}, "AccountSid": {p.config.AccountSID}, "ApiVersion": {apiVersion},
	}
	if m.Service != "" {
		form.Set("MessagingServiceSid", m.Service)
	}
	if c.ErrorCode != 0 {
		form.Set("ErrorCode", strconv.Itoa(c.ErrorCode))
	}
	if c.Status == Delivered || c.Status == Undelivered {
		form.Set("RawDlrDoneDate", time.Now().UTC().Format("0601021504"))
	}
	return form
}

// post sends a signed webhook.
func (p *Phone) post(ctx context.Context, to string, form url.Values) error {
	_, err := p.webhook(ctx, to, form)
	return err
}

// webhook sends a signed webhook and gives what is answered.
func (p *Phone) webhook(ctx context.Context, to string, form url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("make webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("I-Twilio-Idempotency-Token", newID(""))
	r.Header.Set(sms.SignatureHeader, sms.Sign(p.config.AuthToken, to, form))
	res, err := p.webhooks.Do(r)
	if err != nil {
		return nil, fmt.Errorf("post webhook: %w", err)
	}
	body, readErr := io.ReadAll(io.LimitReader(res.Body, maxForm)) // to its end, so that the connection can be used again
	if err := errors.Join(readErr, res.Body.Close()); err != nil {
		return nil, fmt.Errorf("read webhook's answer: %w", err)
	}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return nil, fmt.Errorf("post webhook: answered %s", res.Status)
	}
	return body, nil
}
