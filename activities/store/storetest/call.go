package storetest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Call gives a user, by e-mail address, a call to make to a customer, by id, which a click dials, as a journey would. It
// gives the task's id.
func Call(tb testing.TB, databaseURL string, workspace int64, customer, user string) string {
	tb.Helper()
	conn, err := pgx.Connect(tb.Context(), databaseURL)
	require.NoError(tb, err)
	id := uuid.NewString()
	made, err := conn.Exec(tb.Context(), `INSERT INTO tasks (workspace_id, id, customer_id, title, kind, dial, assignee)
		SELECT $1, $2, $3, 'Ring', 'call', true, id FROM users WHERE workspace_id = $1 AND email = $4`,
		workspace, id, customer, user)
	require.NoError(tb, err)
	require.EqualValues(tb, 1, made.RowsAffected(), "there is no user %s", user)
	require.NoError(tb, conn.Close(tb.Context()))
	return id
}
