package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"dotyk/activities"
	"dotyk/activities/segments"
	"dotyk/activities/store"
	"dotyk/starter/campaigns"
)

// Config of the management API. Store is required; the zero value of any other field means its default.
type Config struct {
	Store  *store.Store
	Logger *slog.Logger // default: slog.Default

	// Desk dials calls. Default: one that refuses to, and says what to configure.
	Desk activities.Desk

	// Timeout is for reading and answering one request. Default 30 s.
	Timeout time.Duration
	// PreviewTimeout is for finding out what a rule would select: it is the one answer whose cost the caller decides.
	// Default 20 s.
	PreviewTimeout time.Duration
	// ImportTimeout is for reading and storing a list of members. Default 5 min.
	ImportTimeout time.Duration
	// SimulationTimeout is for playing a campaign over the past. Default 2 min.
	SimulationTimeout time.Duration

	// MaxBody is the size of a request in bytes; default 1 MB. MaxImport is that of a list of members as CSV; default
	// 64 MB, which is a million ids.
	MaxBody, MaxImport int64
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Desk.Store == nil {
		c.Desk.Store = c.Store
	}
	for value, standard := range map[*time.Duration]time.Duration{
		&c.Timeout: 30 * time.Second, &c.PreviewTimeout: 20 * time.Second, &c.ImportTimeout: 5 * time.Minute,
		&c.SimulationTimeout: 2 * time.Minute,
	} {
		if *value <= 0 {
			*value = standard
		}
	}
	if c.MaxBody <= 0 {
		c.MaxBody = 1 << 20
	}
	if c.MaxImport <= 0 {
		c.MaxImport = 64 << 20
	}
	return c
}

// Base is the path below which everything but the description is found.
const Base = "/api/v1"

// Scope lets a key use this API. A key that may send events has another: it stands in web pages.
const Scope = "manage"

// DescriptionPath is where OpenAPI describes the API. It needs no key.
const DescriptionPath = "/openapi.json"

// server is the state behind the routes.
type server struct {
	Config
	segments    *segments.Service
	campaigns   *campaigns.Service
	api         huma.API
	mux         *http.ServeMux
	problem     *huma.Schema
	description func() ([]byte, error)
}

// New makes the handler of Base and DescriptionPath. It starts no goroutine.
func New(cfg Config) http.Handler {
	s := &server{Config: cfg.withDefaults(), segments: segments.New(cfg.Store), campaigns: campaigns.New(cfg.Store), mux: http.NewServeMux()}
	s.api = humago.New(s.mux, s.humaConfig())
	schemas := s.api.OpenAPI().Components.Schemas
	s.problem = schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")
	s.routes()
	for _, unused := range []string{"ErrorModel", "ErrorDetail"} { // huma's own shape, which transform replaces
		delete(schemas.Map(), unused)
	}
	s.description = sync.OnceValues(func() ([]byte, error) { return json.Marshal(s.api.OpenAPI()) })
	s.mux.HandleFunc("GET "+DescriptionPath, s.describe)
	return s.guard()
}

const about = `Campaigns, segments, rules and the catalogue of one workspace's data.

Send the key as "Authorization: Bearer KEY". It must have the scope manage; starter key create --scope manage makes one.
Every failure is a problem by RFC 9457 with a code for programs and a detail that says how to mend it. Lists come in
pages: ask again with after set to next, as long as there is a next.`

// humaConfig leaves out huma's own pages: the description is served by describe, and the viewer loads scripts from
// elsewhere.
func (*server) humaConfig() huma.Config {
	cfg := huma.DefaultConfig("Dotyk management API", "1")
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", ""
	cfg.CreateHooks = nil // it would link every answer to a schema's page
	cfg.Transformers = []huma.Transformer{transform}
	cfg.RejectUnknownQueryParameters = true // a misspelt filter must not select everything
	cfg.Info.Description = about
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "A key with the scope manage."},
	}
	cfg.Tags = []*huma.Tag{
		{Name: "segments", Description: "Customers for whom a rule holds, or lists that were imported."},
		{Name: "rules", Description: "What a rule says, and whom it selects."},
		{Name: "catalogue", Description: "Attributes, events and their properties, as they were seen or declared."},
		{Name: "campaigns", Description: "What is sent to whom, when: drafts, versions, and what they came to."},
		{Name: "tasks", Description: "What campaigns give to people to do."},
		{Name: "users", Description: "People who work with the records."},
		{Name: "coupons", Description: "Codes that campaigns give to customers."},
		{Name: "policy", Description: "What holds for all marketing messages."},
		{Name: "accounts", Description: "Mail servers that the workspace sends over."},
		{Name: "error classes", Description: "What codes of providers mean."},
		{Name: "workspace", Description: "Where the workspace is."},
	}
	return cfg
}

func (s *server) describe(w http.ResponseWriter, r *http.Request) {
	text, err := s.description()
	if err != nil {
		s.write(w, r, fmt.Errorf("describe management API: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(text) // whoever went away does not need it
}

// operation names a route.
func operation(method, path, id, tag, summary string) huma.Operation {
	return huma.Operation{
		Method: method, Path: Base + path, OperationID: id, Tags: []string{tag}, Summary: summary,
		// Guard reads bodies and bounds them before huma does.
		MaxBodyBytes: -1, BodyReadTimeout: -1,
	}
}

// add hangs a route in. Handlers are given the workspace of the key, and any error they give is translated here.
func add[I, O any](s *server, op huma.Operation, handle func(ctx context.Context, ws int64, in *I) (*O, error)) {
	op.Security = []map[string][]string{{"key": {}}}
	op.Responses = map[string]*huma.Response{"default": {
		Description: "What went wrong.",
		Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: s.problem}},
	}}
	huma.Register(s.api, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, workspace(ctx), in)
		if err != nil {
			return nil, s.explained(ctx, err)
		}
		return out, nil
	})
}

// explained translates an error, and logs it when the caller is not to blame.
func (s *server) explained(ctx context.Context, err error) *problemError {
	p, known := explain(err)
	switch {
	case !known:
		s.Logger.ErrorContext(ctx, "request failed", "request_id", requestID(ctx), "error", err)
	case p.Status >= http.StatusInternalServerError && ctx.Err() == nil:
		s.Logger.WarnContext(ctx, "request refused", "request_id", requestID(ctx), "error", err)
	}
	return p
}
