package server_test

import (
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
	"dotyk/starter/server"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestServer(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := server.Start(t.Context(), ln, server.Config{Store: storetest.New(t), Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	for path, status := range map[string]int{
		"/healthz": http.StatusOK, "/openapi.json": http.StatusOK, "/api/v1/segments": http.StatusUnauthorized,
		"/api/v2/segments": http.StatusUnauthorized, "/nowhere": http.StatusNotFound,
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+ln.Addr().String()+path, http.NoBody)
		require.NoError(t, err)
		w, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		require.Equal(t, status, w.StatusCode, path)
	}
}
