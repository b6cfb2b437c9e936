package phone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"dotyk/starter/devenv/internal/fault"
)

const (
	defaultMessages = 50_000
	defaultNumber   = "+15005550006" // Twilio's own number for tests
	defaultDelay    = 100 * time.Millisecond
	webhookAtMost   = 15 * time.Second // Twilio's ceiling
)

// Config says which account the phone plays and what it keeps.
type Config struct {
	// AccountSID and AuthToken are what clients must present, and what webhooks are signed with.
	AccountSID string
	AuthToken  string
	// Dir keeps the messages between runs, in phone.jsonl. It is made when missing.
	Dir string
	// Number is what messages of a messaging service are sent from, and what customers write to who were never written
	// to; "+15005550006" if empty.
	Number string
	// InboundURL is where a customer's text is posted to, as Twilio would be configured; it must be the public address
	// that the receiver checks the signature against. Without it POST /dev/phone/inbound is refused.
	InboundURL string
	// VoiceURL is where a customer's call is posted to, and VoiceStatusURL where its end is told, as Twilio would be configured.
	// Without the first, POST /dev/phone/inbound takes no calls.
	VoiceURL       string
	VoiceStatusURL string
	// Delay is what passes between a message's statuses; a tenth of a second if zero.
	Delay time.Duration
	// MaxMessages bounds what is kept, the oldest going first; 50,000 if zero.
	MaxMessages int
	// Logger hears what goes wrong; nil is silent.
	Logger *slog.Logger
}

// Phone takes text messages and calls. Its methods are safe for concurrent use.
type Phone struct {
	config   Config
	log      *slog.Logger
	store    *store
	fault    atomic.Pointer[func(Call) Fault]
	rules    fault.Rules[FaultRule]
	lines    lines
	webhooks http.Client
	schedule schedule

	ctx    context.Context // ends when Stop begins
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stop   func() error
}

var (
	accountPattern = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	numberPattern  = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
)

// Start opens the phone. Callbacks of messages that an earlier run did not come to are posted now. ctx governs the start
// alone; the phone runs until Stop.
func Start(ctx context.Context, config Config) (*Phone, error) {
	if !accountPattern.MatchString(config.AccountSID) || config.AuthToken == "" {
		return nil, errors.New("start phone: want an account sid (AC and 32 hexadecimal digits) and an auth token")
	}
	if config.Number == "" {
		config.Number = defaultNumber
	}
	if config.Delay == 0 {
		config.Delay = defaultDelay
	}
	if config.MaxMessages == 0 {
		config.MaxMessages = defaultMessages
	}
	p := &Phone{config: config, log: config.Logger}
	if p.log == nil {
		p.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if p.store, err = openStore(config.Dir, config.MaxMessages); err != nil {
		return nil, fmt.Errorf("start phone: %w", err)
	}
	p.webhooks = http.Client{Timeout: webhookAtMost, Transport: &http.Transport{MaxIdleConnsPerHost: posters}}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.stop = sync.OnceValue(p.shutdown)
	p.schedule.wake = make(chan struct{}, 1)
	for _, m := range p.store.find(func(m stored) bool { return len(m.Pending) > 0 }) {
		p.schedule.add(m.ID, dueOf(m, config.Delay))
	}
	p.wg.Go(p.run)
	return p, nil
}

// SetFault has the phone ask f about every call of the API before it is answered; nil ends that. f must be safe for
// concurrent use.
func (p *Phone) SetFault(f func(Call) Fault) {
	if f == nil {
		p.fault.Store(nil)
		return
	}
	p.fault.Store(&f)
}

// Messages gives what was sent to a number, calls that were to reach it among it, or everything that was sent for "",
// newest last.
func (p *Phone) Messages(to string) []Message {
	found := p.store.find(func(m stored) bool { return m.Direction == outbound && (to == "" || m.concerns(to)) })
	messages := make([]Message, len(found))
	for i, m := range found {
		messages[i] = m.Message
		if m.From == "" {
			messages[i].From = p.config.Number // what the messaging service will choose
		}
	}
	return messages
}

// Clear forgets every message and the callbacks still to come. Who has texted STOP stays opted out.
func (p *Phone) Clear() error { return p.store.clear() }

// Stop ends the callbacks and closes the file. The handler must not be served any more. Later calls return what the
// first did.
func (p *Phone) Stop() error { return p.stop() }

func (p *Phone) shutdown() error {
	p.cancel()
	p.wg.Wait()
	p.webhooks.CloseIdleConnections()
	if err := p.store.close(); err != nil {
		return fmt.Errorf("stop phone: %w", err)
	}
	return nil
}
