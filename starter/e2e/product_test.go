package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/channels/email/smtptest"
	"dotyk/starter/devenv/phone"
)

// object is a JSON object.
type object = map[string]any

// site is where a shop's site sends events to, and the command line its marketer uses.
type site struct {
	url  string   // of the API
	key  string   // write key
	env  []string // of the starter: which database, which workspace
	data string   // address of the database
}

// product is a standalone program.
type product struct {
	site
	*process
	dir     string
	options []string
	senders []string // environment: where messages go
}

var apiLine = regexp.MustCompile(`(?m)^ {2}API +(http://\S+)$`)

// startProduct runs everything in one process, on a data directory of its own, with real senders that the test owns;
// without any of them it has the development mailbox and phone.
func startProduct(t *testing.T, name string, senders []string, options ...string) *product {
	t.Helper()
	p := &product{dir: filepath.Join(scratch, name), options: options, senders: senders}
	p.key = "write-key-of-" + name
	p.env = []string{"DOTYK_DATA=" + p.dir}
	t.Cleanup(func() {
		if !t.Failed() {
			return
		}
		log, err := os.ReadFile(filepath.Join(p.dir, "log"))
		t.Logf("the end of the log (%v):\n%s", err, log[max(0, len(log)-8000):])
	})
	p.start(t, "127.0.0.1:0")
	raw, err := os.ReadFile(filepath.Join(p.dir, "database-url"))
	require.NoError(t, err)
	p.data = strings.TrimSpace(string(raw))
	return p
}

func (p *product) start(t *testing.T, listen string) {
	t.Helper()
	args := append([]string{"--data", p.dir, "--listen", listen, "--write-key", p.key}, p.options...)
	p.process = start(t, "standalone", p.senders, args...)
	p.url = p.await(t, apiLine)
	p.ready(t)
}

// restart starts the product anew, on the same data and at the same address.
func (p *product) restart(t *testing.T) {
	t.Helper()
	p.start(t, strings.TrimPrefix(p.url, "http://"))
}

// ready waits until the product says that it is.
func (s *site) ready(t *testing.T) {
	t.Helper()
	eventually(t, func() bool {
		res, err := http.Get(s.url + "/healthz")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, "the API at %s is not healthy", s.url)
}

// answer is what came back of a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// request makes an HTTP request; the key goes along as Segment's clients send it. A redirect is not followed.
func (s *site) request(t *testing.T, method, path, contentType, body string) answer {
	t.Helper()
	a, err := s.try(t.Context(), method, path, contentType, body)
	require.NoError(t, err)
	return a
}

func (s *site) try(ctx context.Context, method, path, contentType, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if strings.HasPrefix(path, "/v1/") {
		req.SetBasicAuth(s.key, "")
	}
	return do(req)
}

func do(req *http.Request) (answer, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	raw, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, string(raw)}, errors.Join(err, res.Body.Close())
}

// send posts events and wants every one of them to be taken as it is.
func (s *site) send(t *testing.T, events ...object) {
	t.Helper()
	a := s.request(t, http.MethodPost, "/v1/batch", "application/json", encode(t, object{"batch": events}))
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.JSONEq(t, `{"success":true}`, a.body)
}

func encode(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

func identify(user string, traits object) object {
	return object{"type": "identify", "userId": user, "traits": traits}
}

func track(user, event string, properties object) object {
	return object{"type": "track", "userId": user, "event": event, "properties": properties}
}

// person is a customer that a test made up, unlike any other's.
type person struct{ id, email, phone string }

var people atomic.Int64

func newPerson(name string) person {
	n := people.Add(1)
	return person{
		id: fmt.Sprintf("%s-%d", name, n), email: fmt.Sprintf("%s-%d@example.com", name, n), phone: fmt.Sprintf("+38050%07d", 1000000+n),
	}
}

func (p person) identify() object {
	return identify(p.id, object{"email": p.email, "phone": p.phone, "name": p.id})
}

// result is what came of a command.
type result struct {
	code           int
	stdout, stderr string
}

// command runs the starter.
func (s *site) command(t *testing.T, args ...string) result {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program("starter"), args...)
	cmd.Env = append(cleanEnv(), s.env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if exit, failed := errors.AsType[*exec.ExitError](err); !failed || exit.ExitCode() < 0 {
		require.NoError(t, err, "run starter %v", args)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// succeed runs the starter, wants it to succeed and gives what it printed.
func (s *site) succeed(t *testing.T, args ...string) string {
	t.Helper()
	r := s.command(t, args...)
	require.Zero(t, r.code, "starter %v: %s%s", args, r.stdout, r.stderr)
	return r.stdout
}

// files writes a folder: contents by path.
func files(t *testing.T, contents map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range contents {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	return dir
}

// publish publishes a campaign by the command line.
func (s *site) publish(t *testing.T, source string) string {
	t.Helper()
	return s.succeed(t, "campaign", "publish", filepath.Join(files(t, map[string]string{"campaign.yaml": source}), "campaign.yaml"))
}

// record reads a customer's record by the command line.
func (s *site) record(t *testing.T, customer string) store.Record {
	t.Helper()
	var r store.Record
	require.NoError(t, json.Unmarshal([]byte(s.succeed(t, "customer", "show", "--json", customer)), &r))
	return r
}

// awaitTouch waits until the newest message of a step has one of the statuses and gives it.
func (s *site) awaitTouch(t *testing.T, customer, step string, statuses ...string) store.TimelineEntry {
	t.Helper()
	var found store.TimelineEntry
	eventually(t, func() bool {
		for _, e := range s.record(t, customer).Timeline {
			if e.Direction == "out" && e.Step == step {
				found = e
			}
		}
		return slices.Contains(statuses, string(found.Status))
	}, "no message of step %s to %s is %v", step, customer, statuses)
	return found
}

// rows runs a query on the product's database, past its guard of workspaces.
func rows[T any](t *testing.T, s *site, sql string, args ...any) []T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.data)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	result, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	list, err := pgx.CollectRows(result, pgx.RowTo[T])
	require.NoError(t, err)
	return list
}

// count runs a query that counts.
func (s *site) count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	return rows[int](t, s, sql, args...)[0]
}

// mailTo lists the mails to an address, oldest first.
func mailTo(sink *smtptest.Server, address string) []smtptest.Message {
	var found []smtptest.Message
	for _, m := range sink.Messages() {
		if len(m.To) == 1 && m.To[0] == address {
			found = append(found, m)
		}
	}
	return found
}

// awaitMail waits for the n-th mail to an address.
func awaitMail(t *testing.T, sink *smtptest.Server, address string, n int) smtptest.Message {
	t.Helper()
	var found []smtptest.Message
	eventually(t, func() bool {
		found = mailTo(sink, address)
		return len(found) >= n
	}, "mail %d to %s did not come", n, address)
	require.Len(t, found, n)
	return found[n-1]
}

// texts lists what was texted to a number on the product's development phone.
func (s *site) texts(t *testing.T, number string) []phone.Message {
	t.Helper()
	a := s.request(t, http.MethodGet, "/dev/phone?to="+strings.ReplaceAll(number, "+", "%2B"), "", "")
	require.Equal(t, http.StatusOK, a.status, a.body)
	var list []phone.Message
	require.NoError(t, json.Unmarshal([]byte(a.body), &list))
	return list
}

// awaitText waits for the n-th text to a number.
func (s *site) awaitText(t *testing.T, number string, n int) phone.Message {
	t.Helper()
	var found []phone.Message
	eventually(t, func() bool {
		found = s.texts(t, number)
		return len(found) >= n
	}, "text %d to %s did not come", n, number)
	require.Len(t, found, n)
	return found[n-1]
}
