package mailin

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"dotyk/activities/store"
)

// Where mails go that were taken, and those that are nobody's here. A mail is moved only after it was stored; what is left in
// the mailbox is taken by the next look, and is known again should it have been stored before.
const (
	folderTaken  = "Dotyk taken"
	folderNobody = "Dotyk unknown"
	imapBatch    = 50
)

// mailbox is one that mail is taken out of.
type mailbox struct {
	receiver       *Receiver
	host           string
	tls            *tls.Config // nil speaks plainly
	user, password string
	folder         string
}

var errMailboxURL = errors.New("give a mailbox such as imaps://user:password@host/INBOX")

func parseMailbox(raw string, r *Receiver) (*mailbox, error) {
	u, err := url.Parse(raw)
	if err != nil { // its text would hold the password
		return nil, fmt.Errorf("IMAP_URL: %w", errMailboxURL)
	}
	password, _ := u.User.Password()
	m := &mailbox{receiver: r, host: u.Host, user: u.User.Username(), password: password, folder: strings.Trim(u.Path, "/")}
	port := ""
	switch u.Scheme {
	case "imaps":
		port, m.tls = "993", &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	case "imap":
		port = "143"
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return nil, fmt.Errorf("IMAP_URL: imap:// would send the password in the clear to %s: use imaps://", u.Hostname())
		}
	default:
		return nil, fmt.Errorf("IMAP_URL with scheme %q: %w", u.Scheme, errMailboxURL)
	}
	if u.Hostname() == "" || m.user == "" || password == "" {
		return nil, fmt.Errorf("IMAP_URL without host, user or password: %w", errMailboxURL)
	}
	if u.Port() == "" {
		m.host = net.JoinHostPort(u.Hostname(), port)
	}
	if m.folder == "" {
		m.folder = "INBOX"
	}
	return m, nil
}

// poll looks into the mailbox again and again.
func (m *mailbox) poll(ctx context.Context) {
	tick := time.NewTicker(m.receiver.IMAPEvery)
	defer tick.Stop()
	for {
		if err := m.take(ctx); err != nil && ctx.Err() == nil {
			m.receiver.Logger.ErrorContext(ctx, "take mail out of the mailbox", "host", m.host, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// take stores all that is in the mailbox, and moves it.
func (m *mailbox) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	defer cancel()
	c, err := m.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // commands know no context: they fail with the connection
	defer func() {
		stop()
		_ = c.Close() // after a logout it is closed
	}()
	if err := c.Login(m.user, m.password).Wait(); err != nil {
		return fmt.Errorf("log in to mailbox as %s: %w", m.user, err)
	}
	if _, err := c.Select(m.folder, nil).Wait(); err != nil {
		return fmt.Errorf("open mailbox %s: %w", m.folder, err)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{NotFlag: []imap.Flag{imap.FlagDeleted}}, nil).Wait()
	if err != nil {
		return fmt.Errorf("list mailbox: %w", err)
	}
	for batch := range slices.Chunk(found.AllUIDs(), imapBatch) {
		if err := m.takeThese(ctx, c, batch); err != nil {
			return err
		}
	}
	if err := c.Logout().Wait(); err != nil {
		return fmt.Errorf("leave mailbox: %w", err)
	}
	return nil
}

func (m *mailbox) dial(ctx context.Context) (*imapclient.Client, error) {
	d := net.Dialer{Timeout: patience}
	var conn net.Conn
	var err error
	if m.tls != nil {
		conn, err = (&tls.Dialer{NetDialer: &d, Config: m.tls}).DialContext(ctx, "tcp", m.host)
	} else {
		conn, err = d.DialContext(ctx, "tcp", m.host)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to mailbox: %w", err)
	}
	return imapclient.New(conn, nil), nil
}

func (m *mailbox) takeThese(ctx context.Context, c *imapclient.Client, uids []imap.UID) error {
	body := &imap.FetchItemBodySection{Peek: true}
	list, err := c.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{body}}).Collect()
	if err != nil {
		return fmt.Errorf("fetch mail: %w", err)
	}
	var taken, nobody []imap.UID
	for _, one := range list {
		raw := one.FindBodySection(body)
		ours, err := m.keep(ctx, raw)
		if err != nil {
			return fmt.Errorf("keep mail: %w", err)
		}
		if ours {
			taken = append(taken, one.UID)
		} else {
			nobody = append(nobody, one.UID)
		}
	}
	return errors.Join(move(c, taken, folderTaken), move(c, nobody, folderNobody))
}

func move(c *imapclient.Client, uids []imap.UID, folder string) error {
	if len(uids) == 0 {
		return nil
	}
	set := imap.UIDSetNum(uids...)
	_, err := c.Move(set, folder).Wait()
	if err == nil {
		return nil
	}
	if made := c.Create(folder, nil).Wait(); made != nil { // the first time there is none
		return fmt.Errorf("move mail to %s: %w", folder, errors.Join(err, made))
	}
	if _, err := c.Move(set, folder).Wait(); err != nil {
		return fmt.Errorf("move mail to %s: %w", folder, err)
	}
	return nil
}

// keep stores a mail for the workspace to one of whose addresses it came. In an installation of one workspace all mail is its
// own; else what came to no address that we know is nobody's.
func (m *mailbox) keep(ctx context.Context, raw []byte) (ours bool, err error) {
	to, workspace, err := m.recipient(ctx, raw)
	if err != nil || workspace == 0 {
		return false, err
	}
	return true, m.receiver.keep(ctx, workspace, store.InboundMail{Via: "imap", Recipient: to, Raw: raw})
}

func (m *mailbox) recipient(ctx context.Context, raw []byte) (to string, workspace int64, err error) {
	first := ""
	if parsed, err := mail.ReadMessage(bytes.NewReader(raw)); err == nil {
		for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "To", "Cc"} {
			for _, value := range parsed.Header[name] {
				list, err := mail.ParseAddressList(value)
				if err != nil {
					continue // the next header may tell
				}
				for _, a := range list {
					if first == "" {
						first = a.Address
					}
					if workspace, ours, err := m.receiver.workspaceOf(ctx, a.Address); err != nil || ours {
						return a.Address, workspace, err
					}
				}
			}
		}
	}
	list, err := m.receiver.Store.Workspaces(ctx)
	if err != nil || len(list) != 1 {
		return first, 0, err
	}
	return first, list[0].ID, nil
}
