package mailbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"dotyk/starter/devenv/internal/fault"
	"dotyk/starter/devenv/internal/journal"
)

// Limits of what is kept when Config says nothing.
const (
	defaultMessages = 50_000
	defaultBytes    = 256 << 20
)

const (
	maxMessageBytes = 10 << 20        // of one message; longer ones are refused with 552
	ioAtMost        = 5 * time.Minute // RFC 5321, section 4.5.3.2: what a server waits for the next command
	stopAtMost      = 5 * time.Second // for messages that are just being received
)

// Config says where the mailbox listens and what it keeps.
type Config struct {
	// Addr is the TCP address of the SMTP server; "127.0.0.1:0" (any free port) if empty. It takes anybody's mail, so it
	// should stay on loopback.
	Addr string
	// Dir keeps the messages between runs, in mailbox.jsonl. It is made when missing.
	Dir string
	// MaxMessages and MaxBytes bound what is kept, the oldest going first; 50,000 and 256 MiB if zero.
	MaxMessages int
	MaxBytes    int
	// Inbound receives what a customer answers over POST /dev/mailbox/inbound; without it that is refused.
	Inbound func(context.Context, Reply) error
	// Logger hears what goes wrong; nil is silent.
	Logger *slog.Logger
}

// Mailbox receives mail. Its methods are safe for concurrent use.
type Mailbox struct {
	config   Config
	log      *slog.Logger
	listener net.Listener
	smtp     *smtp.Server
	served   chan error // what serving came to
	stop     func() error
	stopping chan struct{} // closed when Stop begins
	faults   fault.Rules[FaultRule]

	receiving sync.RWMutex // held for reading while a message comes in
	closed    bool         // guarded by receiving: no more messages are taken

	mu       sync.RWMutex
	journal  *journal.Journal[Message]
	messages []Message // oldest first; elements are never changed, so that readers share them
	bytes    int       // size of all of them
}

// Start opens the mailbox and begins to receive. It runs until Stop.
func Start(ctx context.Context, config Config) (*Mailbox, error) {
	if config.Addr == "" {
		config.Addr = "127.0.0.1:0"
	}
	if config.MaxMessages == 0 {
		config.MaxMessages = defaultMessages
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = defaultBytes
	}
	m := &Mailbox{config: config, log: config.Logger, served: make(chan error, 1), stopping: make(chan struct{})}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if m.journal, m.messages, err = journal.Open[Message](filepath.Join(config.Dir, "mailbox.jsonl")); err != nil {
		return nil, fmt.Errorf("start mailbox: %w", err)
	}
	for _, msg := range m.messages {
		m.bytes += msg.size()
	}
	var listen net.ListenConfig
	if m.listener, err = listen.Listen(ctx, "tcp", config.Addr); err != nil {
		return nil, errors.Join(fmt.Errorf("start mailbox: %w", err), m.journal.Close())
	}
	m.smtp = m.newServer()
	m.stop = sync.OnceValue(m.shutdown)
	go func() { m.served <- m.smtp.Serve(m.listener) }()
	return m, nil
}

// Addr is the address of the SMTP server: "127.0.0.1:41235".
func (m *Mailbox) Addr() string { return m.listener.Addr().String() }

// URL is the address for senders' configuration: "smtp://127.0.0.1:41235". There is neither TLS nor a password.
func (m *Mailbox) URL() string { return "smtp://" + m.Addr() }

// Messages gives what was received for an address, whatever its capitals, or everything for "", newest last.
func (m *Mailbox) Messages(to string) []Message {
	all := m.all()
	if to == "" {
		return slices.Clone(all)
	}
	var found []Message
	for _, msg := range all {
		if strings.EqualFold(msg.To, to) {
			found = append(found, msg)
		}
	}
	return found
}

// Clear forgets every message.
func (m *Mailbox) Clear() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.journal.Replace(nil); err != nil {
		return fmt.Errorf("clear mailbox: %w", err)
	}
	m.messages, m.bytes = nil, 0
	return nil
}

// Stop ends the SMTP server, letting messages that are just being received come in, and closes the file. Later calls
// return what the first did.
func (m *Mailbox) Stop() error { return m.stop() }

func (m *Mailbox) shutdown() error {
	close(m.stopping)
	listenErr := m.listener.Close()
	received := make(chan struct{})
	go func() {
		m.receiving.Lock()
		m.closed = true
		m.receiving.Unlock()
		close(received)
	}()
	select {
	case <-received:
	case <-time.After(stopAtMost):
	}
	// The listener is closed already, which Close and Serve complain of.
	var errs []error
	for _, err := range []error{listenErr, m.smtp.Close(), <-m.served} {
		if err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("stop mailbox: %w", err))
		}
	}
	<-received // closing the connections has ended the rest
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(append(errs, m.journal.Close())...)
}

// all gives the messages as they stand; the slice must not be changed.
func (m *Mailbox) all() []Message {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.messages
}

// keep stores messages; when it returns nil they survive the death of the process.
func (m *Mailbox) keep(fresh ...Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.journal.Append(fresh...); err != nil {
		return fmt.Errorf("keep message: %w", err)
	}
	m.messages = append(m.messages, fresh...)
	for _, msg := range fresh {
		m.bytes += msg.size()
	}
	return m.trim()
}

// trim drops the oldest tenth when there are too many messages, and takes what was dropped out of the file.
func (m *Mailbox) trim() error {
	if len(m.messages) <= m.config.MaxMessages && m.bytes <= m.config.MaxBytes {
		return nil
	}
	dropped := 0
	for dropped < len(m.messages)-1 &&
		(len(m.messages)-dropped > m.config.MaxMessages-m.config.MaxMessages/10 || m.bytes > m.config.MaxBytes-m.config.MaxBytes/10) {
		m.bytes -= m.messages[dropped].size()
		dropped++
	}
	m.messages = slices.Clone(m.messages[dropped:])
	m.log.Warn("development mailbox is full: dropped the oldest messages", "dropped", dropped, "kept", len(m.messages))
	return m.journal.Replace(m.messages)
}
