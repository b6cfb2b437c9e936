package api

import (
	"net/http"
	"net/url"
	"strconv"
)

// settings is what Segment's browser client asks for first; it refuses to start without "integrations".
func (s *server) settings(w http.ResponseWriter, r *http.Request) error {
	text := r.PathValue("key")
	if _, err := s.lookUp(r.Context(), text); err != nil {
		return err
	}
	base := s.publicBase(r)
	w.Header().Set("Cache-Control", "public, max-age=300")
	writeJSON(w, http.StatusOK, map[string]any{
		"integrations": map[string]any{
			"Segment.io": map[string]any{"apiKey": text, "apiHost": base.Host + base.Path + "/v1", "protocol": base.Scheme, "unbundledIntegrations": []string{}},
		},
		"plan":                      map[string]any{"track": map[string]any{"__default": map[string]any{"enabled": true, "integrations": map[string]any{}}}},
		"edgeFunction":              map[string]any{},
		"enabledMiddleware":         map[string]any{},
		"remotePlugins":             []string{},
		"metrics":                   map[string]any{"sampleRate": 0},
		"legacyVideoPluginsEnabled": false,
	})
	return nil
}

// sourceConfig is what RudderStack's browser client asks for first.
func (s *server) sourceConfig(w http.ResponseWriter, r *http.Request) error {
	key, err := s.writeKey(r, nil)
	if err != nil {
		return err
	}
	text, _, _ := r.BasicAuth()
	if text == "" {
		text = r.URL.Query().Get("writeKey")
	}
	id := strconv.FormatInt(key.Source.ID, 10)
	writeJSON(w, http.StatusOK, map[string]any{
		"source": map[string]any{
			"id": id, "name": key.Source.Name, "writeKey": text, "enabled": true, "workspaceId": strconv.FormatInt(key.Source.Workspace, 10),
			"config": map[string]any{}, "destinations": []string{}, "connections": []string{}, "dataplanes": map[string]any{},
		},
		"updatedAt": s.Now().UTC(),
	})
	return nil
}

// publicBase is the address under which the sender reaches this program.
func (s *server) publicBase(r *http.Request) *url.URL {
	if s.base != nil {
		return s.base
	}
	scheme := "http"
	if r.TLS != nil || s.trusted(r) && r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return &url.URL{Scheme: scheme, Host: r.Host}
}
