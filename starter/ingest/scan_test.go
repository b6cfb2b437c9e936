package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func scan(doc string) (*hazard, error) {
	s := scanner{data: []byte(doc), maxDepth: 100}
	if err := s.value(); err != nil {
		return nil, err
	}
	if s.space(); s.pos < len(s.data) {
		return nil, s.fail("more")
	}
	return s.hazard, nil
}

func TestScannerHazards(t *testing.T) {
	t.Parallel()
	for doc, place := range map[string]string{
		`{"a":"x\u0000y"}`:                   "a",
		`{"a":[1,{"b":"\ud800"}]}`:           "a[1].b",
		`{"a":[1,{"b":"\ud83d x"}]}`:         "a[1].b",
		`{"a":"\udc00"}`:                     "a",
		`{"a":{},"b":[[],"\udc00"]}`:         "b[1]",
		"{\"a\":\"\xff\"}":                   "a",
		`{"a":1e400}`:                        "a",
		`{"a":-1e-20000}`:                    "a",
		`{"a":1e99999999999999999999}`:       "a",
		`[` + strings.Repeat("7", 401) + `]`: "[0]",
		`{"ok":1,"\u0000":2}`:                "",
	} {
		h, err := scan(doc)
		require.NoError(t, err, doc)
		require.NotNil(t, h, doc)
		require.Equal(t, place, h.place, doc)
		require.NotEmpty(t, h.advice, doc)
	}
	for _, doc := range []string{`{"a":"\ud83d\ude00 😀 \\u0000"}`, `1e308`, `-0.0`, `123456789012345678901234567890.5`, `1E-300`, `""`, ` [ ] `, `{"a":{"b":[]}}`} {
		h, err := scan(doc)
		require.NoError(t, err, doc)
		require.Nil(t, h, doc)
	}
}

func TestScannerDepth(t *testing.T) {
	t.Parallel()
	h, err := scan(strings.Repeat(`[`, 100) + strings.Repeat(`]`, 100))
	require.NoError(t, err)
	require.Nil(t, h)
	h, err = scan(strings.Repeat(`{"a":[`, 1_000_000) + strings.Repeat(`]}`, 1_000_000))
	require.NoError(t, err)
	require.Contains(t, h.reason, "nested more than 100 deep")
	_, err = scan(strings.Repeat(`[`, 1_000_000))
	require.Error(t, err)
}

// FuzzScanner compares the scanner's grammar with that of encoding/json.
func FuzzScanner(f *testing.F) {
	for _, doc := range []string{
		`{"a":[1,2.5e-3,true,false,null,"\u00e9\n"],"b":{}}`, `[`, `{"a"}`, `{"a":}`, `{,}`, `[1,]`, `[,1]`, `01`, `1.`, `.5`, `-`,
		`+1`, `1e`, `"\x"`, `"\u12"`, `"` + "\x01" + `"`, `tru`, `nulll`, `{"a":1,}`, `{"a":1 "b":2}`, `[1 2]`, ``, ` `, `]`, `{]`, `[}`,
		`{"a":1]`, "\"\xff\"", `"\ud800\u0041"`, `{"a":1}x`,
	} {
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc string) {
		if strings.Count(doc, "[")+strings.Count(doc, "{") > 9000 {
			t.Skip("deeper than encoding/json goes")
		}
		h, err := scan(doc)
		require.Equal(t, json.Valid([]byte(doc)), err == nil, "%q: %v", doc, err)
		if err == nil && h == nil {
			var v any
			require.NoError(t, json.Unmarshal([]byte(doc), &v), "what has no hazard can be decoded")
		}
	})
}
