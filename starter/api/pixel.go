package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"dotyk/starter/ingest"
)

// gif is the smallest picture that every mail program and browser draws: 1 by 1 pixel, transparent.
var gif = [...]byte{
	'G', 'I', 'F', '8', '9', 'a', 1, 0, 1, 0, 0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, '!', 0xF9, 4, 1, 0, 0, 0, 0, ',', 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 'D', 1, 0, ';',
}

// pixel takes a call from where no script runs. The message stands in ?data= as JSON in base64 (Segment's pixel), or in
// single parameters, with dots for nesting such as properties.plan=pro (RudderStack's). The picture comes in any case;
// the status says whether the message was stored.
func (s *server) pixel(kind ingest.Kind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		status := http.StatusOK
		if r.Method == http.MethodGet { // HEAD comes from scanners
			if err := s.takePixel(kind, r); err != nil {
				p, known := explain(err)
				if !known {
					s.Logger.ErrorContext(r.Context(), "pixel failed", "error", err)
				}
				status = p.status
			}
		}
		w.Header().Set("Content-Type", "image/gif")
		w.Header().Set("Cache-Control", "no-store, no-cache, must-revalidate, private")
		w.WriteHeader(status)
		_, _ = w.Write(gif[:]) // whoever went away does not need the picture
		return nil
	}
}

func (s *server) takePixel(kind ingest.Kind, r *http.Request) error {
	if len(r.URL.RawQuery) > 2*s.Limits.Event { // base64 and escapes make it longer than the message
		return tooLarge(2 * s.Limits.Event)
	}
	query := r.URL.Query()
	body, err := pixelBody(query)
	if err != nil {
		return err
	}
	key, err := s.writeKey(r, bodyKey(body))
	if err != nil {
		return err
	}
	parsed, err := ingest.Parse(kind, body, s.params(r, key))
	if err != nil {
		return err
	}
	return s.store(r, key, parsed, &accepted{})
}

func pixelBody(query url.Values) ([]byte, error) {
	if data := query.Get("data"); data != "" {
		data = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", " ", "+").Replace(data), "=")
		body, err := base64.RawStdEncoding.DecodeString(data)
		if err != nil {
			return nil, &problem{status: http.StatusBadRequest, Code: "bad_base64", Message: "data is not base64", Advice: "send the message as JSON in base64"}
		}
		return body, nil
	}
	message := map[string]any{}
	for name, values := range query {
		if name != "writeKey" {
			nest(message, strings.Split(name, "."), values[0])
		}
	}
	return json.Marshal(message)
}

// nest puts a value into objects within objects. A place that is taken already stays as it is.
func nest(into map[string]any, path []string, value string) {
	for len(path) > 1 {
		inner, ok := into[path[0]].(map[string]any)
		if !ok {
			if into[path[0]] != nil {
				return
			}
			inner = map[string]any{}
			into[path[0]] = inner
		}
		into, path = inner, path[1:]
	}
	if into[path[0]] == nil {
		into[path[0]] = value
	}
}
