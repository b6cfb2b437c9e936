package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/email/inbound"
	"dotyk/channels/links"
	"dotyk/rules/audience"
)

// sent puts a message that was sent on a customer's record, and gives its id.
func (l *ledger) sent(customer, address string, status audience.TouchStatus) string {
	l.t.Helper()
	id := uuid.NewString()
	l.sql(`INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, address, step, occurred_at)
		VALUES ($1, $2, $3, 'email', 'out', $4, $5, 'mail', $6)`, l.seed.Workspace, id, customer, status, address, noon)
	return id
}

func (l *ledger) value(query string, args ...any) string {
	l.t.Helper()
	conn, err := pgx.Connect(l.t.Context(), l.url)
	require.NoError(l.t, err)
	defer conn.Close(l.t.Context()) //nolint:errcheck // nothing of it is needed any more
	var s string
	require.NoError(l.t, conn.QueryRow(l.t.Context(), query, args...).Scan(&s))
	return s
}

func (l *ledger) status(touch string) string {
	return l.value(`SELECT status FROM touches WHERE id = $1`, touch)
}

func (l *ledger) suppressed() store.Reason {
	return store.Reason(l.value(`SELECT coalesce(string_agg(reason, ',' ORDER BY reason), '') FROM suppressions WHERE workspace_id = $1 AND cleared_at IS NULL`, l.seed.Workspace))
}

func (l *ledger) events(name string) string {
	return l.value(`SELECT count(*)::text FROM events WHERE workspace_id = $1 AND name = $2`, l.seed.Workspace, name)
}

func (l *ledger) report(key string, r inbound.Report, at time.Time) store.ReportResult {
	l.t.Helper()
	result, err := l.st.TakeReport(l.t.Context(), l.seed.Workspace, store.MailReport{Key: key, Report: r, At: at})
	require.NoError(l.t, err)
	return result
}

func bounced(touch string, reason inbound.Reason, verdict inbound.Verdict) inbound.Report {
	return inbound.Report{Kind: inbound.Bounce, OriginalID: touch + "@shop.example", Recipients: []inbound.Recipient{{
		Address: "forwarded@elsewhere.example", Action: "failed", Status: "5.1.1", Code: "550", Diagnostic: "550 5.1.1 no", Reason: reason, Verdict: verdict,
	}}}
}

func TestReports(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (l *ledger, customer, touch string) {
		t.Helper()
		l = openLedger(t)
		customer = l.customer("ann", "UTC", nil)
		return l, customer, l.sent(customer, "ann@example.com", audience.Delivered)
	}

	t.Run("A hard bounce fails even what was delivered, suppresses our address, and counts once", func(t *testing.T) {
		t.Parallel()
		l, _, touch := open(t)
		r := bounced(touch, inbound.UserUnknown, inbound.VerdictHard)
		require.False(t, l.report("mail:1", r, noon).Repeated)
		require.True(t, l.report("mail:1", r, noon).Repeated)
		l.report("mail:2", r, noon) // another server says so, too
		require.Equal(t, "failed", l.status(touch))
		require.Equal(t, store.ReasonHardBounce, l.suppressed())
		require.Equal(t, "1", l.events(audience.EventEmailBounced))
		l.report("mail:3", inbound.Report{Kind: inbound.Delivered, OriginalID: touch + "@x", Recipients: []inbound.Recipient{{Address: "a@b.example", Action: "delivered"}}}, noon)
		require.Equal(t, "failed", l.status(touch), "a late word lowers nothing")
	})

	t.Run("Our token finds the message, a forged one does not", func(t *testing.T) {
		t.Parallel()
		l, _, touch := open(t)
		secret, err := l.st.Secret(t.Context(), l.seed.Workspace)
		require.NoError(t, err)
		signer, err := links.NewSigner(secret)
		require.NoError(t, err)
		token, err := signer.Bounce(l.seed.Workspace, touch)
		require.NoError(t, err)
		r := bounced("none", inbound.UserUnknown, inbound.VerdictHard)
		r.Recipients[0].Address, r.Purpose = "", 'b'
		r.Token = strings.Repeat("a", len(token))
		require.Equal(t, 1, l.report("mail:1", r, noon).Unmatched)
		require.Equal(t, "delivered", l.status(touch))
		r.Token = strings.ToLower(token)
		l.report("mail:2", r, noon)
		require.Equal(t, "failed", l.status(touch))
		require.Equal(t, store.ReasonHardBounce, l.suppressed())
	})

	t.Run("The address finds what was sent last", func(t *testing.T) {
		t.Parallel()
		l, _, touch := open(t)
		r := bounced("none", inbound.UserUnknown, inbound.VerdictHard)
		r.Recipients[0].Address = "ann@example.com"
		l.report("mail:1", r, noon.Add(time.Hour))
		require.Equal(t, "failed", l.status(touch))
	})

	t.Run("Soft bounces of three days suppress, unless something was delivered between", func(t *testing.T) {
		t.Parallel()
		l, customer, touch := open(t)
		for day := range 3 {
			require.Empty(t, l.suppressed(), "before day %d", day)
			at := noon.AddDate(0, 0, day)
			touch = l.sent(customer, "ann@example.com", audience.Accepted)
			l.report(fmt.Sprintf("mail:%d", day), bounced(touch, inbound.MailboxFull, inbound.VerdictSoft), at)
			l.report(fmt.Sprintf("mail:again:%d", day), bounced(touch, inbound.MailboxFull, inbound.VerdictSoft), at)
		}
		require.Equal(t, store.ReasonSoftBounces, l.suppressed())
		require.Equal(t, "failed", l.status(touch))
	})

	t.Run("A delivery between soft bounces begins anew", func(t *testing.T) {
		t.Parallel()
		l, customer, _ := open(t)
		for day := range 3 {
			if day == 2 {
				good := l.sent(customer, "ann@example.com", audience.Delivered)
				l.sql(`INSERT INTO touch_statuses (workspace_id, touch_id, status, at) VALUES ($1, $2, 'delivered', $3)`,
					l.seed.Workspace, good, noon.AddDate(0, 0, 1).Add(time.Hour))
			}
			l.report(fmt.Sprintf("mail:%d", day), bounced(l.sent(customer, "ann@example.com", audience.Accepted), inbound.MailboxFull, inbound.VerdictSoft), noon.AddDate(0, 0, day))
		}
		require.Empty(t, l.suppressed())
	})

	t.Run("A fault of ours pauses the provider and blames nobody", func(t *testing.T) {
		t.Parallel()
		l, customer, _ := open(t)
		for n := range 4 {
			pauses, err := l.st.SenderPauses(t.Context(), l.seed.Workspace, noon.Add(time.Minute))
			require.NoError(t, err)
			require.Equal(t, n >= 3, len(pauses) == 1, "after %d", n)
			l.report(fmt.Sprintf("mail:%d", n), bounced(l.sent(customer, "ann@example.com", audience.Accepted), inbound.Blocked, inbound.VerdictPolicy), noon)
		}
		require.Empty(t, l.suppressed())
		require.Equal(t, "1", l.events(audience.EventSenderBlocked))
		require.NoError(t, l.st.ResumeSender(t.Context(), l.seed.Workspace, "example.com"))
		require.ErrorIs(t, l.st.ResumeSender(t.Context(), l.seed.Workspace, "example.com"), store.ErrNotFound)
	})

	t.Run("A complaint withdraws everything", func(t *testing.T) {
		t.Parallel()
		l, _, touch := open(t)
		r := inbound.Report{Kind: inbound.Complaint, Feedback: "abuse", OriginalID: touch + "@x", Recipients: []inbound.Recipient{{Reason: inbound.Feedback, Verdict: inbound.VerdictComplaint}}}
		l.report("mail:1", r, noon)
		l.report("mail:1", r, noon)
		require.Equal(t, store.ReasonComplaint, l.suppressed())
		require.Equal(t, "delivered", l.status(touch))
		require.Equal(t, "1", l.events(audience.EventEmailComplained))
		require.Equal(t, "1", l.events(audience.EventUnsubscribed))
		require.Equal(t, "withdrawn *", l.value(`SELECT action || ' ' || topic FROM consents WHERE workspace_id = $1`, l.seed.Workspace))
	})

	t.Run("A delay and an answer of a machine change nothing", func(t *testing.T) {
		t.Parallel()
		l, customer, _ := open(t)
		touch := l.sent(customer, "ann@example.com", audience.Accepted)
		late := bounced(touch, inbound.Expired, inbound.VerdictSoft)
		late.Kind, late.Recipients[0].Action = inbound.Delayed, "delayed"
		l.report("mail:1", late, noon)
		l.report("mail:2", inbound.Report{Kind: inbound.AutoReply, From: "ann@example.com", Recipients: []inbound.Recipient{{Address: "ann@example.com", Verdict: inbound.VerdictAuto}}}, noon)
		require.Equal(t, "accepted", l.status(touch))
		require.Equal(t, "0", l.events(audience.EventEmailBounced))
		require.Equal(t, "0", l.events(audience.EventEmailReplied))
	})
}

func TestMails(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	l.customer("ann", "UTC", nil)
	keep := func(raw string) store.MailRef {
		id, err := l.st.KeepMail(t.Context(), l.seed.Workspace, store.InboundMail{Via: "smtp", Recipient: "b@bounces.shop.example", Raw: []byte(raw), At: noon})
		require.NoError(t, err)
		return store.MailRef{Workspace: l.seed.Workspace, ID: id}
	}
	const reply = "From: ann@example.com\nTo: shop@shop.example\nMessage-ID: <r@example.com>\nSubject: Re: Hi\n\nThank you\n"
	first := keep(reply)
	require.Equal(t, first, keep("Received: from elsewhere\n\tby here\n"+reply), "the same mail by another way")
	open, err := l.st.OpenMails(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []store.MailRef{first}, open)
	for range 2 {
		require.NoError(t, l.st.ReadMail(t.Context(), first))
	}
	require.Equal(t, "1", l.events(audience.EventEmailReplied))

	odd := keep("\x00\x01 nothing that anybody can read")
	require.NoError(t, l.st.ReadMail(t.Context(), odd))
	dead, err := l.st.DeadMails(t.Context(), l.seed.Workspace, 10)
	require.NoError(t, err)
	require.Len(t, dead, 1)
	require.Contains(t, dead[0].Reason, "none of the kinds")
	raw, err := l.st.RawMail(t.Context(), l.seed.Workspace, dead[0].ID)
	require.NoError(t, err)
	require.Equal(t, "\x00\x01 nothing that anybody can read", string(raw))
	require.ErrorIs(t, l.st.ReadMail(t.Context(), store.MailRef{Workspace: l.seed.Workspace, ID: uuid.NewString()}), store.ErrNotFound)

	n, err := l.st.DropMails(t.Context(), l.seed.Workspace, time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.EqualValues(t, 1, n, "dead ones stay")
}

func TestProviderHooks(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	require.ErrorIs(t, l.st.SetProviderHook(t.Context(), l.seed.Workspace, "mailgun", "signing-key"), store.ErrNoSecretKey)
	key, err := store.NewSecretKey()
	require.NoError(t, err)
	keys, err := store.ParseSecretKeys(key)
	require.NoError(t, err)
	st, err := store.Open(t.Context(), l.url, store.Options{MaxConns: 2, SecretKeys: keys})
	require.NoError(t, err)
	defer st.Close()
	for _, provider := range []string{"mailgun", "ses"} {
		require.NoError(t, st.SetProviderHook(t.Context(), l.seed.Workspace, provider, "signing-key"))
		secret, err := st.ProviderSecret(t.Context(), l.seed.Workspace, provider)
		require.NoError(t, err)
		require.Equal(t, "signing-key", secret)
	}
	require.Equal(t, "0", l.value(`SELECT count(*)::text FROM provider_hooks WHERE provider = 'mailgun' AND secret LIKE '%signing%'`))
	require.NoError(t, st.RemoveProviderHook(t.Context(), l.seed.Workspace, "ses"))
	_, err = st.ProviderSecret(t.Context(), l.seed.Workspace, "ses")
	require.ErrorIs(t, err, store.ErrNotFound)
}
