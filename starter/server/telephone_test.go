package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/rules/audience"
	"dotyk/starter/devenv/phone"
	"dotyk/starter/manage"
	"dotyk/starter/server"
)

const (
	account  = "AC0123456789abcdef0123456789abcdef"
	token    = "fedcba9876543210fedcba9876543210"
	user     = "ann@shop.example"
	agent    = "+380671112233"
	customer = "+380501234567"
)

// desk is a server whose calls are dialled at a development phone.
type desk struct {
	t     *testing.T
	store *store.Store
	seed  storetest.Seed
	phone *phone.Phone
	url   string // of the server
	task  string // a call to make
	who   string // the customer's id
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	address := storetest.URL(t)
	d := &desk{t: t, store: storetest.Open(t, address)}
	d.seed = storetest.Workspace(t, d.store)
	var err error
	d.phone, err = phone.Start(t.Context(), phone.Config{
		AccountSID: account, AuthToken: token, Dir: t.TempDir(), Delay: time.Millisecond,
	})
	require.NoError(t, err)
	provider := httptest.NewServer(d.phone.Handler())
	t.Cleanup(func() {
		provider.Close()
		require.NoError(t, d.phone.Stop())
	})
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d.url = "http://" + ln.Addr().String()
	telephone := server.Telephone{AccountSID: account, AuthToken: token, BaseURL: provider.URL, From: "+15005550006", PublicURL: d.url}
	made, err := telephone.Desk(d.store)
	require.NoError(t, err)
	s := server.Start(t.Context(), ln, server.Config{
		Store: d.store, PublicURL: d.url, TwilioAuthToken: token, Logger: slog.New(slog.DiscardHandler), Desk: made,
	})
	t.Cleanup(func() { require.NoError(t, s.Stop()) })

	require.NoError(t, d.store.AddUser(t.Context(), d.seed.Workspace, store.User{Email: user, Phone: agent}))
	require.NoError(t, d.store.Receive(t.Context(), d.seed.Workspace, store.Inbound{
		Channel: audience.SMS, From: customer, Body: "Ring me", ProviderID: "SM1", At: time.Now(),
	}))
	c, err := d.store.FindCustomer(t.Context(), d.seed.Workspace, customer)
	require.NoError(t, err)
	d.who, d.task = c.ID, storetest.Call(t, address, d.seed.Workspace, c.ID, user)
	return d
}

// dial asks the API to dial the call, and gives the answer's status and body.
func (d *desk) dial() (int, string) {
	d.t.Helper()
	key, err := d.store.CreateKey(d.t.Context(), d.seed.Workspace, "crm", "", []string{manage.Scope})
	require.NoError(d.t, err)
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.url+manage.Base+"/tasks/"+d.task+"/dial", http.NoBody)
	require.NoError(d.t, err)
	r.Header.Set("Authorization", "Bearer "+key)
	w, err := http.DefaultClient.Do(r)
	require.NoError(d.t, err)
	raw, err := io.ReadAll(w.Body)
	require.NoError(d.t, err)
	require.NoError(d.t, w.Body.Close())
	return w.StatusCode, string(raw)
}

func (d *desk) read() store.Task {
	d.t.Helper()
	task, err := d.store.Task(d.t.Context(), d.seed.Workspace, d.task)
	require.NoError(d.t, err)
	return task
}

// settled waits until the newest call has come to an end and everybody was told.
func (d *desk) settled(status phone.Status) {
	d.t.Helper()
	require.Eventually(d.t, func() bool {
		calls := d.phone.Messages(customer)
		return len(calls) > 0 && calls[len(calls)-1].Status == status
	}, 20*time.Second, 5*time.Millisecond)
}

func TestDial(t *testing.T) {
	t.Parallel()

	t.Run("Connects both, and closes the task by what the provider tells", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		status, answer := d.dial()
		require.Equal(t, http.StatusAccepted, status, answer)
		var dialled manage.Dialled
		require.NoError(t, json.Unmarshal([]byte(answer), &dialled))
		rung := d.phone.Messages(customer)
		require.Len(t, rung, 1)
		require.Equal(t, manage.Dialled{CallID: rung[0].ID, Status: "queued"}, dialled)
		require.Equal(t, agent, rung[0].To, "the user's phone rings first")
		require.Eventually(t, func() bool { return d.read().Status == store.TaskDone }, 20*time.Second, 5*time.Millisecond)
		require.Equal(t, "reached", d.read().Outcome)
		require.Equal(t, "Twilio", d.read().ClosedBy)
		record, err := d.store.Record(t.Context(), d.seed.Workspace, d.who, 100)
		require.NoError(t, err)
		told := slices.DeleteFunc(record.Timeline, func(e store.TimelineEntry) bool { return e.Name != audience.EventCallCompleted })
		require.Len(t, told, 1)
		require.Equal(t, "1", fmt.Sprint(told[0].Properties["duration"]), "in seconds")

		status, answer = d.dial()
		require.Equal(t, http.StatusUnprocessableEntity, status, answer)
		require.Contains(t, answer, "closed already: reached")
	})

	t.Run("Leaves the task open where the user does not answer", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.phone.SetFault(func(phone.Call) phone.Fault {
			return phone.Fault{Callbacks: []phone.Callback{{Status: phone.Ringing}, {Status: phone.NoAnswer}}}
		})
		status, answer := d.dial()
		require.Equal(t, http.StatusAccepted, status, answer)
		d.settled(phone.NoAnswer)
		require.Equal(t, store.TaskOpen, d.read().Status)
	})

	t.Run("Says what the provider says", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t)
		d.phone.SetFault(func(phone.Call) phone.Fault {
			return phone.Fault{Status: http.StatusTooManyRequests, RetryAfter: 3 * time.Second}
		})
		status, answer := d.dial()
		require.Equal(t, http.StatusBadGateway, status, answer)
		require.Contains(t, answer, "Too Many Requests")
		require.Contains(t, answer, "ask for it again later")
		require.Equal(t, store.TaskOpen, d.read().Status)
	})
}

func TestTelephone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), server.TelephoneFile)
	none, err := server.ReadTelephone(file)
	require.NoError(t, err)
	require.Equal(t, server.Telephone{}, none)
	mute, err := none.Desk(nil)
	require.NoError(t, err)
	require.Nil(t, mute.Dialer)

	whole := server.Telephone{AccountSID: account, AuthToken: token, BaseURL: "http://127.0.0.1:1", From: "+15005550006", PublicURL: "http://shop.example"}
	require.NoError(t, whole.Note(file))
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	read, err := server.ReadTelephone(file)
	require.NoError(t, err)
	require.Equal(t, whole, read)
	require.Error(t, whole.Note(filepath.Join(file, "below")))

	require.NoError(t, os.WriteFile(file, []byte("{"), 0o600))
	_, err = server.ReadTelephone(file)
	require.ErrorContains(t, err, "read the standalone program's telephone")
	for wrong, change := range map[string]func(*server.Telephone){
		"TWILIO_AUTH_TOKEN": func(t *server.Telephone) { t.AuthToken = "" },
		"account sid":       func(t *server.Telephone) { t.AccountSID = "me" },
		"base URL":          func(t *server.Telephone) { t.BaseURL = "twilio" },
	} {
		telephone := whole
		change(&telephone)
		_, err := telephone.Desk(nil)
		require.ErrorContains(t, err, wrong)
	}
}
