package activities

import (
	"context"
	"errors"
	"fmt"
	"net/mail"
	"sync"
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/channels/content"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

// outboxKept is how long it takes until a change of a workspace's settings is heeded.
const outboxKept = 5 * time.Second

// outbox is what a workspace has decided about its messages, ready for use. It never changes.
type outbox struct {
	settings channels.Settings
	classes  *channels.Classes
	signer   *links.Signer
	from     Address
	replyTo  string
	utm      map[string]*content.Text
	until    time.Time
}

// outboxes keeps what was loaded last.
type outboxes struct {
	mu   sync.Mutex
	byID map[int64]*outbox
}

// outbox gives that of a workspace.
func (a *Activities) outbox(ctx context.Context, workspace int64) (*outbox, error) {
	a.outboxes.mu.Lock()
	kept := a.outboxes.byID[workspace]
	a.outboxes.mu.Unlock()
	if kept != nil && time.Now().Before(kept.until) {
		return kept, nil
	}
	o, err := a.loadOutbox(ctx, workspace)
	if err != nil {
		return nil, err
	}
	a.outboxes.mu.Lock()
	defer a.outboxes.mu.Unlock()
	if a.outboxes.byID == nil {
		a.outboxes.byID = map[int64]*outbox{}
	}
	a.outboxes.byID[workspace] = o
	return o, nil
}

func (a *Activities) loadOutbox(ctx context.Context, workspace int64) (*outbox, error) {
	settings, err := a.Store.Delivery(ctx, workspace)
	if err != nil {
		return nil, err
	}
	secret, err := a.Store.Secret(ctx, workspace)
	if err != nil {
		return nil, err
	}
	o := &outbox{settings: settings, from: a.From, utm: map[string]*content.Text{}, until: time.Now().Add(outboxKept)}
	if o.classes, err = a.Store.Classes(ctx, workspace); err != nil {
		return nil, err
	}
	if o.signer, err = links.NewSigner(secret); err != nil {
		return nil, fmt.Errorf("sign links of workspace %d: %w", workspace, err)
	}
	if from := settings.Email.From; from != "" {
		address, err := mail.ParseAddress(from)
		if err != nil {
			return nil, fmt.Errorf("sender of workspace %d: %w", workspace, err)
		}
		o.from = Address{Email: address.Address, Name: address.Name}
	}
	if reply := settings.Email.ReplyTo; reply != "" {
		address, err := mail.ParseAddress(reply)
		if err != nil {
			return nil, fmt.Errorf("address for replies of workspace %d: %w", workspace, err)
		}
		o.replyTo = address.Address
	}
	for name, value := range settings.Tracking.UTM {
		if o.utm[name], err = content.CompileText(value); err != nil {
			return nil, fmt.Errorf("UTM parameter %s of workspace %d: %w", name, workspace, err)
		}
	}
	return o, nil
}

// mailer gives what a workspace sends e-mail over; nil without anything.
func (a *Activities) mailer(ctx context.Context, workspace int64) (channels.EmailSender, error) {
	if a.Mailers == nil {
		return a.Email, nil
	}
	sender, err := a.Mailers.For(ctx, workspace)
	if errors.Is(err, ErrNoMailer) {
		return nil, nil //nolint:nilnil // none is a state of its own
	}
	return sender, err
}

// places are how many messages may be in the hands of a sender at one time, each an element.
type places struct {
	mu   sync.Mutex
	byID map[placesOf]chan struct{}
}

// placesOf tells senders apart: those of e-mail by themselves, for workspaces may share one. One whose number of
// connections has changed has new places.
type placesOf struct {
	channel     audience.Channel
	sender      any
	connections int
}

func (p *places) of(channel audience.Channel, sender any, connections int) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	key := placesOf{channel, sender, connections}
	if p.byID == nil {
		p.byID = map[placesOf]chan struct{}{}
	}
	if p.byID[key] == nil {
		p.byID[key] = make(chan struct{}, connections)
	}
	return p.byID[key]
}

// tracking says how the links of a message are written.
func (s *sending) tracking(ctx context.Context, m *store.Outgoing, b content.Bindings) (content.Tracking, error) {
	t := content.Tracking{}
	base, ws := s.outbox.settings.Tracking.Base(s.PublicURL), s.in.Workspace
	pixel, err := s.outbox.signer.Open(ws, m.TouchID)
	if err != nil {
		return t, fmt.Errorf("sign picture: %w", err)
	}
	t.Pixel = links.URL(base, links.Open, pixel)
	t.Link = func(target string) string {
		token, err := s.outbox.signer.Click(ws, m.TouchID, target)
		if err != nil { // no address that can be followed: it stays as it is
			return target
		}
		return links.URL(base, links.Click, token)
	}
	if len(s.outbox.utm) > 0 {
		t.UTM = make(map[string]string, len(s.outbox.utm))
		for name, text := range s.outbox.utm {
			if t.UTM[name], err = text.Render(ctx, b); err != nil {
				return t, fmt.Errorf("fill UTM parameter %s: %w", name, err)
			}
		}
	}
	return t, nil
}
