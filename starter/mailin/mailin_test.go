package mailin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

const reply = "From: ann@example.com\r\nTo: reply@bounces.shop.example\r\nMessage-ID: <r@example.com>\r\nSubject: Re: Hi\r\n\r\nThank you\r\n"

// watched is a store that says when a mail was read, and can refuse to keep one.
type watched struct {
	*store.Store
	mu   sync.Mutex
	down bool
	done chan error
}

var errDown = errors.New("the database is away")

func (w *watched) refuse(down bool) {
	w.mu.Lock()
	w.down = down
	w.mu.Unlock()
}

func (w *watched) KeepMail(ctx context.Context, workspace int64, m store.InboundMail) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return "", errDown
	}
	return w.Store.KeepMail(ctx, workspace, m)
}

func (w *watched) ReadMail(ctx context.Context, ref store.MailRef) error {
	err := w.Store.ReadMail(ctx, ref)
	w.done <- err
	return err
}

func open(t *testing.T) (*watched, storetest.Seed) {
	t.Helper()
	st := storetest.New(t)
	seed := storetest.Workspace(t, st)
	require.NoError(t, st.SetDelivery(t.Context(), seed.Workspace, func(s *channels.Settings) error {
		s.Email.Bounces = "bounces.shop.example"
		return nil
	}))
	return &watched{Store: st, done: make(chan error, 10)}, seed
}

func start(t *testing.T, w *watched, o Options) *Receiver {
	t.Helper()
	r, err := Start(t.Context(), Config{Options: o, Store: w, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Stop()) })
	return r
}

func TestSMTP(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	r := start(t, w, Options{InboundSMTP: "127.0.0.1:0", MailBytes: 4096})
	address := r.smtp[0].ln.Addr().String()
	send := func(to, mail string) error {
		return smtp.SendMail(address, nil, "ann@example.com", []string{to}, []byte(mail))
	}

	require.ErrorContains(t, send("somebody@elsewhere.example", reply), "550", "we relay nothing")
	require.ErrorContains(t, send("b@bounces.shop.example", strings.Repeat("x\r\n", 5000)), "552")
	w.refuse(true)
	require.ErrorContains(t, send("b@bounces.shop.example", reply), "451", "answered only when stored")
	w.refuse(false)
	require.NoError(t, send("b@Bounces.shop.example", reply))
	require.NoError(t, <-w.done)
	left, err := w.OpenMails(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestLMTP(t *testing.T) {
	t.Parallel()
	w, seed := open(t)
	socket := filepath.Join(t.TempDir(), "lmtp")
	first, err := Start(t.Context(), Config{Options: Options{InboundLMTP: socket}, Store: w, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, first.Stop())
	start(t, w, Options{InboundLMTP: socket})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "unix", socket)
	require.NoError(t, err)
	c := gosmtp.NewClientLMTP(conn)
	require.NoError(t, c.Mail("", nil))
	require.NoError(t, c.Rcpt("b@bounces.shop.example", nil))
	require.Error(t, c.Rcpt("b@elsewhere.example", nil))
	data, err := c.Data()
	require.NoError(t, err)
	_, err = data.Write([]byte("\x00 not a mail"))
	require.NoError(t, err)
	require.NoError(t, data.Close())
	require.NoError(t, c.Quit())
	require.NoError(t, <-w.done)
	dead, err := w.DeadMails(t.Context(), seed.Workspace, 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = Start(t.Context(), Config{Options: Options{InboundLMTP: file}, Store: w, Logger: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "no socket")
}

// TestLeft reads what a process kept and did not read.
func TestLeft(t *testing.T) {
	t.Parallel()
	w, seed := open(t)
	_, err := w.KeepMail(t.Context(), seed.Workspace, store.InboundMail{Via: "smtp", Recipient: "b@bounces.shop.example", Raw: []byte(reply)})
	require.NoError(t, err)
	start(t, w, Options{})
	require.NoError(t, <-w.done)
}

func TestIMAP(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	user := imapmemserver.NewUser("box", "secret")
	require.NoError(t, user.Create("INBOX", nil))
	memory := imapmemserver.New()
	memory.AddUser(user)
	server := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		InsecureAuth: true, Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
	})
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.NoError(t, <-served)
	})
	put := func(mail string) {
		_, err := user.Append("INBOX", literal{strings.NewReader(mail)}, &imap.AppendOptions{})
		require.NoError(t, err)
	}
	count := func(folder string) int {
		status, err := user.Status(folder, &imap.StatusOptions{NumMessages: true})
		if err != nil {
			return 0
		}
		return int(*status.NumMessages)
	}
	r := start(t, w, Options{})
	box, err := parseMailbox("imap://box:secret@"+ln.Addr().String()+"/", r)
	require.NoError(t, err)

	put(reply)
	w.refuse(true)
	require.ErrorIs(t, box.take(t.Context()), errDown)
	require.Equal(t, 1, count("INBOX"), "what is not stored stays")
	w.refuse(false)
	require.NoError(t, box.take(t.Context()))
	require.NoError(t, <-w.done)
	require.Equal(t, 0, count("INBOX"))
	require.Equal(t, 1, count(folderTaken))

	storetest.Workspace(t, w.Store) // now a mail to an unknown address is nobody's
	put(strings.ReplaceAll(reply, "bounces.shop.example", "elsewhere.example"))
	put(strings.ReplaceAll(reply, "Thank you", "Thanks again"))
	require.NoError(t, box.take(t.Context()))
	require.NoError(t, <-w.done)
	require.Equal(t, 1, count(folderNobody))
	require.Equal(t, 2, count(folderTaken))

	box.password = "wrong"
	require.ErrorContains(t, box.take(t.Context()), "log in")
}

type literal struct{ *strings.Reader }

func (l literal) Size() int64 { return int64(l.Len()) }

func TestMailboxURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"imap://u:hidden@mail.example/":    "in the clear",
		"pop3://u:hidden@mail.example":     "imaps://",
		"imaps://mail.example/INBOX":       "without host, user or password",
		"imaps://u:hid%zzden@mail.example": "give a mailbox",
	} {
		_, err := parseMailbox(raw, nil)
		require.ErrorContains(t, err, want, raw)
		require.NotContains(t, err.Error(), "hid")
	}
	m, err := parseMailbox("imaps://u:p@mail.example/Bounces", nil)
	require.NoError(t, err)
	require.Equal(t, "mail.example:993", m.host)
	require.Equal(t, "Bounces", m.folder)
}
