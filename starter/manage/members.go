package manage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"dotyk/activities/segments"
)

type membersInput struct {
	SegmentPath
	Paging
	AsOf string `query:"as_of" maxLength:"100" doc:"A past moment, as 2026-01-31 (midnight UTC) or 2026-01-31T09:00:00Z; now when left out. Give one to page through a list that does not change meanwhile."`
}

type memberList struct {
	Count   int64    `json:"count" doc:"Of all pages."`
	Members []Member `json:"members"`
	Next    string   `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listMembers(ctx context.Context, ws int64, in *membersInput) (*body[memberList], error) {
	if in.After != "" && uuid.Validate(in.After) != nil {
		return nil, badCursor()
	}
	asOf, err := moment("query.as_of", in.AsOf)
	if err != nil {
		return nil, err
	}
	list, count, err := s.segments.Members(ctx, ws, in.Name, asOf, in.After, in.Limit)
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	answer := memberList{Count: count, Members: NewMembers(list)}
	if len(list) == in.Limit {
		answer.Next = list[len(list)-1].CustomerID
	}
	return answerWith(answer), nil
}

// importInput keeps the body for the handler, which reads it as it comes in.
type importInput struct {
	SegmentPath
	Replace     bool   `query:"replace" doc:"Whoever is not in the list leaves; an empty list leaves nobody."`
	ContentType string `header:"Content-Type"`
	list        io.Reader
}

// Resolve takes the body.
func (in *importInput) Resolve(ctx huma.Context) []error {
	in.list = ctx.BodyReader()
	return nil
}

type idList struct {
	IDs []string `json:"ids" doc:"Our ids, the site's ids, e-mails or phones."`
}

// addImport describes the body apart from the handler: huma would read the whole of what it knows.
func (s *server) addImport() {
	op := operation(http.MethodPost, strings.TrimPrefix(membersPath, Base), "importMembers", "segments",
		"Add customers to a static segment, or replace its list")
	op.Description = "Customers are named by our id, the site's id, e-mail or phone: one a line, or a column of a CSV file. Unknown ones are reported with their line, and the others are taken."
	add(s, op, s.importMembers)
	text := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	s.api.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"text/csv":         text,
		"application/json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[idList](), true, "")},
	}}
}

func (s *server) importMembers(ctx context.Context, ws int64, in *importInput) (*body[ImportReport], error) {
	list, above, err := s.listOf(in)
	if err != nil {
		return nil, err
	}
	seen := &watched{from: list}
	report, err := s.segments.Import(ctx, ws, in.Name, seen, in.Replace)
	if seen.err != nil { // the sender's fault, whatever the import made of it
		return nil, bodyProblem(seen.err)
	}
	if none, ok := errors.AsType[*segments.NoneFoundError](err); ok {
		return nil, nobodyKnown(none, above)
	}
	if err != nil {
		return nil, noSegment(err, in.Name)
	}
	view := NewImportReport(report)
	for i := range view.Unknown {
		view.Unknown[i].Line -= above
	}
	return answerWith(view), nil
}

// nobodyKnown is the answer to a list of strangers. Its first lines are of our making, as many as above says.
func nobodyKnown(none *segments.NoneFoundError, above int) error {
	sent := &segments.NoneFoundError{Unknown: slices.Clone(none.Unknown), Count: none.Count}
	for i := range sent.Unknown {
		sent.Unknown[i].Line -= above
	}
	p := problem(http.StatusUnprocessableEntity, "none_known", "%s: send our ids, the site's ids, e-mails or phones of customers that there are", sent)
	for _, u := range sent.Unknown[:min(mostFaults, len(sent.Unknown))] {
		p.Errors = append(p.Errors, Fault{Location: "body", Line: u.Line, Message: shortened(u.Text) + " names nobody"})
	}
	return p
}

// listOf gives the list as CSV, whichever way it was sent, and how many lines of it are ours and not the sender's.
func (s *server) listOf(in *importInput) (list io.Reader, above int, err error) {
	kind, _, err := mime.ParseMediaType(in.ContentType)
	switch {
	case err == nil && (kind == "text/csv" || kind == "text/plain"):
		return in.list, 0, nil
	case err == nil && kind == "application/json":
		ids, err := s.readIDs(in.list)
		if err != nil {
			return nil, 0, err
		}
		return column(ids), 1, nil
	}
	return nil, 0, problem(http.StatusUnsupportedMediaType, "unsupported_media_type", `the list is neither text/csv nor application/json: say which it is by Content-Type, and send {"ids": […]} as JSON`)
}

// readIDs reads a list in JSON. It is held in memory, so its size is that of any other request.
func (s *server) readIDs(from io.Reader) ([]string, error) {
	raw, err := io.ReadAll(io.LimitReader(from, s.MaxBody+1))
	if err != nil {
		return nil, bodyProblem(err)
	}
	if int64(len(raw)) > s.MaxBody {
		return nil, bodyProblem(&http.MaxBytesError{Limit: s.MaxBody})
	}
	var list idList
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&list); err != nil || list.IDs == nil || decoder.More() {
		return nil, problem(http.StatusBadRequest, "bad_request", `the body is not a list of ids: send {"ids": ["…", "…"]} and nothing else`)
	}
	for i, id := range list.IDs {
		fault := ""
		switch {
		case strings.TrimSpace(id) == "": // a list of nothing else would pass for an empty one
			fault = "is empty"
		case strings.ContainsFunc(id, unicode.IsControl):
			fault = "has a control character"
		default:
			continue
		}
		p := problem(http.StatusUnprocessableEntity, "invalid", "ids[%d] %s, and so is nobody's id: leave it out", i, fault)
		p.Errors = []Fault{{Location: fmt.Sprintf("body.ids[%d]", i), Message: fault}}
		return nil, p
	}
	return list.IDs, nil
}

// column writes ids as CSV. An empty first line keeps the first id from being taken for a heading.
func column(ids []string) io.Reader {
	var b strings.Builder
	b.WriteString("\"\"\n")
	for _, id := range ids {
		b.WriteString(`"` + strings.ReplaceAll(id, `"`, `""`) + "\"\n")
	}
	return strings.NewReader(b.String())
}

// watched remembers the error of a reader.
type watched struct {
	from io.Reader
	err  error
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.err = err
	}
	return n, err
}
