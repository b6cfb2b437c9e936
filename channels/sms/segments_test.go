package sms_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	oracle "github.com/warthog618/sms"
	"pgregory.net/rapid"

	"dotyk/channels/sms"
)

func TestCount(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		body string
		want sms.Segments
	}{
		"empty":                    {"", sms.Segments{Encoding: sms.GSM7}},
		"one":                      {"a", sms.Segments{Encoding: sms.GSM7, Units: 1, Parts: 1}},
		"160":                      {strings.Repeat("a", 160), sms.Segments{Encoding: sms.GSM7, Units: 160, Parts: 1}},
		"161":                      {strings.Repeat("a", 161), sms.Segments{Encoding: sms.GSM7, Units: 161, Parts: 2}},
		"306":                      {strings.Repeat("a", 306), sms.Segments{Encoding: sms.GSM7, Units: 306, Parts: 2}},
		"307":                      {strings.Repeat("a", 307), sms.Segments{Encoding: sms.GSM7, Units: 307, Parts: 3}},
		"80 euros":                 {strings.Repeat("€", 80), sms.Segments{Encoding: sms.GSM7, Units: 160, Parts: 1}},
		"153 euros":                {strings.Repeat("€", 153), sms.Segments{Encoding: sms.GSM7, Units: 306, Parts: 3}},
		"70 letters":               {strings.Repeat("ж", 70), sms.Segments{Encoding: sms.UCS2, Units: 70, Parts: 1}},
		"71 letters":               {strings.Repeat("ж", 71), sms.Segments{Encoding: sms.UCS2, Units: 71, Parts: 2}},
		"35 faces":                 {strings.Repeat("😀", 35), sms.Segments{Encoding: sms.UCS2, Units: 70, Parts: 1}},
		"67 faces":                 {strings.Repeat("😀", 67), sms.Segments{Encoding: sms.UCS2, Units: 134, Parts: 3}},
		"small cedilla is not GSM": {"ç", sms.Segments{Encoding: sms.UCS2, Units: 1, Parts: 1}},
		"large cedilla is":         {"Ç", sms.Segments{Encoding: sms.GSM7, Units: 1, Parts: 1}},
		"backtick is not GSM":      {"`", sms.Segments{Encoding: sms.UCS2, Units: 1, Parts: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, sms.Count(tc.body))
		})
	}
}

func TestCountAsTwilioPublished(t *testing.T) {
	t.Parallel()
	var cases []struct {
		ID, Body, Encoding string
		Segments           int
	}
	require.NoError(t, json.Unmarshal(testData(t, "sms/sms_segments_dev.json"), &cases))
	require.NotEmpty(t, cases)
	for _, tc := range cases {
		got := sms.Count(tc.Body)
		require.Equal(t, tc.Encoding, string(got.Encoding), tc.ID)
		require.Equal(t, tc.Segments, got.Parts, tc.ID)
	}
}

func TestCountAgainstAnEncoder(t *testing.T) {
	t.Parallel()
	alphabet := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ab 1@£Çé\n€{}[]~|\\^")), 1, 400, -1),
		rapid.StringOfN(rapid.RuneFrom([]rune("aїжç`—😀\u200d")), 1, 300, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		body := alphabet.Draw(t, "body")
		parts, err := oracle.Encode([]byte(body))
		require.NoError(t, err)
		require.Equal(t, len(parts), sms.Count(body).Parts, "%q", body)
	})
}

func FuzzCount(f *testing.F) {
	f.Add("Hello")
	f.Add("Привіт 😀")
	f.Add("\xff\xfe")
	f.Fuzz(func(t *testing.T, body string) {
		s := sms.Count(body)
		require.Equal(t, body == "", s.Parts == 0)
		require.GreaterOrEqual(t, s.Units, utf8.RuneCountInString(body))
		require.LessOrEqual(t, s.Parts, s.Units)
	})
}

func BenchmarkCount(b *testing.B) {
	body := strings.Repeat("Your order is on its way. ", 8)
	for b.Loop() {
		sms.Count(body)
	}
}
