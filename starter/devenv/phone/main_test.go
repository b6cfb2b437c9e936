package phone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twilio/twilio-go/client"
	openapi "github.com/twilio/twilio-go/rest/api/v2010"
	"go.uber.org/goleak"
)

const (
	account  = "AC0123456789abcdef0123456789abcdef"
	token    = "fedcba9876543210fedcba9876543210"
	service  = "MG0123456789abcdef0123456789abcdef"
	ours     = "+15005550006"
	customer = "+380671234567"
)

// helperDir names the variable that turns the test's program into a phone that runs until it is killed.
const helperDir = "PHONE_TEST_HELPER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(helper(dir))
	}
	goleak.VerifyTestMain(m)
}

func helper(dir string) int {
	p, err := Start(context.Background(), Config{AccountSID: account, AuthToken: token, Dir: dir, Delay: time.Hour})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(httptest.NewServer(p.Handler()).URL)
	select {}
}

// rig is a phone, the server it is mounted under, and what was posted to its webhooks.
type rig struct {
	*Phone
	t     *testing.T
	url   string
	hooks chan hook
	hook  *httptest.Server
}

type hook struct {
	path string
	form url.Values
}

func newRig(t *testing.T, config Config) *rig {
	t.Helper()
	r := &rig{t: t, hooks: make(chan hook, 1000)}
	validator := client.NewRequestValidator(token)
	r.hook = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := req.ParseForm(); err != nil {
			t.Error(err)
		}
		params := map[string]string{}
		for key := range req.PostForm {
			params[key] = req.PostForm.Get(key)
		}
		if !validator.Validate(r.hook.URL+req.URL.String(), params, req.Header.Get("X-Twilio-Signature")) {
			t.Error("a webhook's signature is wrong")
		}
		if strings.HasPrefix(req.URL.Path, "/broken") {
			http.Error(w, "no", http.StatusInternalServerError)
			return
		}
		r.hooks <- hook{req.URL.RequestURI(), req.PostForm}
	}))
	t.Cleanup(r.hook.Close)
	if config.AccountSID == "" {
		config.AccountSID, config.AuthToken = account, token
	}
	if config.Dir == "" {
		config.Dir = t.TempDir()
	}
	if config.Delay == 0 {
		config.Delay = time.Millisecond
	}
	if config.InboundURL == "" {
		config.InboundURL = r.hook.URL + "/inbound?site=1"
	}
	var err error
	r.Phone, err = Start(t.Context(), config)
	require.NoError(t, err)
	srv := httptest.NewServer(r.Handler())
	srv.Config.ErrorLog = nil
	r.url = srv.URL
	t.Cleanup(func() {
		srv.Close()
		require.NoError(t, r.Stop())
	})
	return r
}

// next gives the form of the next webhook.
func (r *rig) next() hook {
	r.t.Helper()
	select {
	case h := <-r.hooks:
		return h
	case <-time.After(10 * time.Second):
		require.Fail(r.t, "no webhook came")
		return hook{}
	}
}

// transport sends what twilio-go sends to Twilio to the phone, and leaves no connection behind.
type transport struct {
	to   string
	next http.RoundTripper
}

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(tr.to)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Close = to.Scheme, to.Host, true
	return tr.next.RoundTrip(r)
}

// twilio gives Twilio's own client, pointed to the phone.
func (r *rig) twilio(next http.RoundTripper) *openapi.ApiService {
	return newTwilio(r.url, token, next)
}

func newTwilio(to, password string, next http.RoundTripper) *openapi.ApiService {
	c := &client.Client{
		Credentials: client.NewCredentials(account, password),
		HTTPClient:  &http.Client{Transport: transport{to, next}},
	}
	c.SetAccountSid(account)
	return openapi.NewApiService(client.NewRequestHandler(c))
}

func text(to, body string) *openapi.CreateMessageParams {
	params := &openapi.CreateMessageParams{}
	return params.SetTo(to).SetFrom(ours).SetBody(body)
}

// send sends a text that must be taken, and gives its sid.
func (r *rig) send(params *openapi.CreateMessageParams) string {
	r.t.Helper()
	m, err := r.twilio(http.DefaultTransport).CreateMessage(params)
	require.NoError(r.t, err)
	return *m.Sid
}

func code(err error) int {
	if e, ok := errors.AsType[*client.TwilioRestError](err); ok {
		return e.Code
	}
	return 0
}

func (r *rig) request(method, path, body string, header ...string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	require.NoError(r.t, err)
	req.Close = true
	for pair := range slices.Chunk(header, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(req)
	require.NoError(r.t, err)
	raw, err := io.ReadAll(res.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, res.Body.Close())
	return res.StatusCode, string(raw)
}

// testData reads a file of the shared test data, which stands beside the project or where DOTYK_TESTDATA says.
func testData(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("DOTYK_TESTDATA")
	if dir == "" {
		root, err := os.Getwd()
		require.NoError(t, err)
		for {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			require.NotEqual(t, root, filepath.Dir(root), "no go.mod above the test")
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "data")
	}
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("no test data %s (set DOTYK_TESTDATA)", name)
	}
	require.NoError(t, err)
	return raw
}

func decode[T any](t *testing.T, raw string) T {
	t.Helper()
	var value T
	require.NoError(t, json.Unmarshal([]byte(raw), &value))
	return value
}
