package store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeJSON(t *testing.T) {
	t.Parallel()
	var v map[string]any
	require.NoError(t, decodeJSON([]byte(` {"a": 12345678901234567890} `), &v))
	require.Error(t, decodeJSON([]byte(`{} {}`), &v))
	require.Error(t, decodeJSON([]byte(`{}]`), &v))
	require.Error(t, decodeJSON([]byte(`{`), &v))
	require.Error(t, decodeJSON(nil, &v))
}

func TestSetTimezone(t *testing.T) {
	t.Parallel()
	params := map[string]string{}
	setTimezone(params)
	require.Equal(t, map[string]string{"timezone": "UTC"}, params)
	params = map[string]string{"TimeZone": "Europe/Kyiv"}
	setTimezone(params)
	require.Equal(t, map[string]string{"TimeZone": "Europe/Kyiv"}, params)
}
