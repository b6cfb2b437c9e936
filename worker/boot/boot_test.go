package boot

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without them the accounts of workspaces would be listed, and used for nothing.
func TestActivitiesGetTheAccountsOfWorkspaces(t *testing.T) {
	t.Parallel()
	w := &Worker{}
	conf, err := w.configure(Config{}, Options{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NotNil(t, w.Mailers)
	require.Same(t, w.Mailers, conf.Mailers)
}
