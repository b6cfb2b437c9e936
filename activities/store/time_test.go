package store_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/activities/store/storetest"
	"dotyk/rules"
)

// connect opens a connection of the test's own.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) })
	return conn
}

// TestTime covers dotyk_time, by which rules read moments in SQL.
func TestTime(t *testing.T) {
	t.Parallel()

	t.Run("Reads what rules take for a moment, and nothing else", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, storetest.URL(t))
		for text, want := range map[string]string{
			"2026-01-01":                          "2026-01-01T00:00:00Z",
			"2024-02-29":                          "2024-02-29T00:00:00Z",
			"2000-02-29":                          "2000-02-29T00:00:00Z",
			"2026-12-31T23:59:59Z":                "2026-12-31T23:59:59Z",
			"2026-01-01T00:00:00.5Z":              "2026-01-01T00:00:00.5Z",
			"2026-01-01T00:00:00.000001Z":         "2026-01-01T00:00:00.000001Z",
			"2026-01-01T00:00:00.123456789Z":      "2026-01-01T00:00:00.123456Z",
			"2026-12-31T23:59:59.999999999Z":      "2026-12-31T23:59:59.999999Z",
			"2026-01-01T00:00:00+02:00":           "2025-12-31T22:00:00Z",
			"2026-01-01T00:00:00-00:30":           "2026-01-01T00:30:00Z",
			"2026-01-01T00:00:00+14:59":           "2025-12-31T09:01:00Z",
			"2026-01-01T00:00:00.123456789-14:59": "2026-01-01T14:59:00.123456Z",
			"2026-01-01T00:00:00-00:00":           "2026-01-01T00:00:00Z",
			"9999-12-31T23:59:59.999999999+14:59": "9999-12-31T09:00:59.999999Z",
			"0001-01-01":                          "0001-01-01T00:00:00Z",
			"0001-01-01T00:00:00-00:01":           "0001-01-01T00:01:00Z",

			"": "", "now": "", "infinity": "", "epoch": "", "20260101": "", "2026-1-1": "", "2026-01-1": "", "26-01-01": "",
			"2026-00-01": "", "2026-13-01": "", "2026-01-00": "", "2026-01-32": "", "2026-04-31": "", "2026-02-29": "",
			"1900-02-29": "", "2023-02-29": "", "0000-01-01": "", "12026-01-01": "", "-2026-01-01": "",
			" 2026-01-01": "", "2026-01-01 ": "", "2026-01-01\n": "", "\n2026-01-01": "", "2026-01-01T00:00:00Z\n": "",
			"2026-01-01T": "", "2026-01-01T00:00": "", "2026-01-01T00:00Z": "", "2026-01-01T00:00:00": "",
			"2026-01-01 00:00:00Z": "", "2026-01-01t00:00:00Z": "", "2026-01-01T00:00:00z": "",
			"2026-01-01T24:00:00Z": "", "2026-01-01T23:60:00Z": "", "2026-01-01T23:59:60Z": "", "2026-01-01T0:00:00Z": "",
			"2026-01-01T00:00:00.Z": "", "2026-01-01T00:00:00,5Z": "", "2026-01-01T00:00:00.1234567890Z": "",
			"2026-01-01T00:00:00+15:00": "", "2026-01-01T00:00:00+14:60": "", "2026-01-01T00:00:00+0200": "",
			"2026-01-01T00:00:00+02": "", "2026-01-01T00:00:00 Z": "", "2026-01-01T00:00:00Z+02:00": "",
			"2026-01-01T00:00:00−02:00": "", "٢٠٢٦-٠١-٠١": "", "２０２６-01-01": "",
			"0001-01-01T00:00:00+00:01": "", "9999-12-31T23:59:59-00:01": "",
			"2026-01-01\n2026-01-01": "", strings.Repeat("2026-01-01", 1<<20): "",
		} {
			var at *time.Time
			require.NoError(t, conn.QueryRow(t.Context(), `SELECT dotyk_time($1)`, text).Scan(&at), "%.50q", text)
			got := ""
			if at != nil {
				got = at.UTC().Format(time.RFC3339Nano)
			}
			require.Equal(t, want, got, "%.50q", text)
		}
		var null *time.Time
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT dotyk_time(NULL)`).Scan(&null))
		require.Nil(t, null)
	})

	t.Run("Agrees with the rules", func(t *testing.T) {
		t.Parallel()
		conn := connect(t, storetest.URL(t))
		near := rapid.StringMatching(`[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]([.,][0-9]{0,10})?(Z|z|[+-][01][0-9]:[0-6][0-9])?)?`)
		far := rapid.StringMatching(`[-0-9TZ:.+ ]{0,36}`)
		rapid.Check(t, func(rt *rapid.T) {
			text := rapid.OneOf(near, near, far).Draw(rt, "text")
			var at *time.Time
			require.NoError(rt, conn.QueryRow(t.Context(), `SELECT dotyk_time($1)`, text).Scan(&at))
			want, ok := rules.ParseTime(text)
			require.Equal(rt, ok, at != nil, "%q", text)
			if ok {
				require.True(rt, want.Truncate(time.Microsecond).Equal(*at), "%q is %v, not %v", text, want, at)
			}
		})
	})
}
