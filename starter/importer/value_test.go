package importer

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	kyiv, err := time.LoadLocation("Europe/Kyiv")
	require.NoError(t, err)
	want := time.Date(2026, 7, 9, 13, 5, 0, 0, time.UTC)
	for pattern, texts := range map[string][]string{
		"YYYY-MM-DD HH:mm:ss":     {"2026-07-09 16:05:00"},
		"YYYY-MM-DD HH:mm:ss.SSS": {"2026-07-09 16:05:00.000"},
		"DD.MM.YYYY HH:mm":        {"09.07.2026 16:05"},
		"D/M/YY h:mm A":           {"9/7/26 4:05 PM", "09/07/26 04:05 PM"},
		"MMM D, YYYY HH:mm":       {"Jul 9, 2026 16:05"},
		"D MMMM YYYY H:mm":        {"9 July 2026 16:05"},
		"YYYYMMDD HHmm":           {"20260709 1605"},
		"YYYY-MM-DDTHH:mm:ssZ":    {"2026-07-09T16:05:00+03:00", "2026-07-09T13:05:00Z"},
		"YYYY-MM-DD HH:mm ZZ":     {"2026-07-09 16:05 +0300"},
		"unix":                    {"1783602300"},
		"unix_ms":                 {"1783602300000"},
		"iso": {
			"2026-07-09T16:05:00+03:00", "2026-07-09T13:05:00Z", "2026-07-09 16:05:00", "2026-07-09T16:05", "2026-07-09 16:05:00+03:00",
			"2026-07-09 16:05:00 +0300", "2026-07-09T16:05:00.000+0300",
		},
	} {
		l, err := parseLayout(pattern)
		require.NoError(t, err, pattern)
		for _, text := range texts {
			got, wrong := l.read(text, kyiv)
			require.Nil(t, wrong, "%s as %s", text, pattern)
			require.Equal(t, want, got, "%s as %s", text, pattern)
		}
		_, wrong := l.read(l.example(kyiv), kyiv)
		require.Nil(t, wrong, "the example of %s", pattern)
		_, wrong = l.read("yesterday", kyiv)
		require.Equal(t, `"yesterday" is not a date as `+pattern, wrong.reason)
		require.Contains(t, wrong.advice, l.example(kyiv))
	}

	for pattern, want := range map[string]string{
		"2006-01-02":    `'2' is not part of a date layout`,
		"%Y-%m-%d":      `'%' is not part of a date layout`,
		"yyyy-MM-dd":    `'y' is not part of a date layout`,
		"HH:mm":         `the layout "HH:mm" lacks year, month or day`,
		"":              `the layout "" lacks year, month or day`,
		"YYYY-MM-DDї":   `'ї' is not part of a date layout`,
		"YYYY-MM-DD_SS": `'_' is not part of a date layout`,
	} {
		_, err := parseLayout(pattern)
		require.EqualError(t, err, want)
	}

	l, err := parseLayout("DD.MM.YYYY")
	require.NoError(t, err)
	_, wrong := l.read("01.02.0026", time.UTC)
	require.Equal(t, `"01.02.0026" is in the year 26`, wrong.reason)
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ mark, thousands, text, want string }{
		{".", "", "2.55", "2.55"},
		{".", "", "-12", "-12"},
		{".", "", "+0.10", "0.1"},
		{".", "", "0.1000000000000000055", "0.1000000000000000055"},
		{".", "", "1,234", ""}, // is it 1234 or 1.234?
		{".", "", "1e9", ""},
		{".", "", "1e999999999", ""},
		{".", "", "NaN", ""},
		{".", "", "", ""},
		{".", "", "£5", ""},
		{".", "", "5.", ""},
		{".", ",", "1,234,567.80", "1234567.8"},
		{".", ",", "1,234", "1234"},
		{".", ",", "12,34", ""},
		{".", ",", "1,2345", ""},
		{",", "", "2,55", "2.55"},
		{",", "", "2.55", ""},
		{",", "", "1,2,3", ""},
		{",", ".", "1.234,56", "1234.56"},
		{",", ".", "1.234", "1234"},
		{",", ".", "1.23", ""},
		{",", " ", "1 234 567,5", "1234567.5"},
		{",", " ", "1\u00a0234,5", "1234.5"},
		{",", " ", "1\u202f234,5", "1234.5"},
		{".", "'", "1'234.5", "1234.5"},
	} {
		got, wrong := newNumbers(test.mark, test.thousands).read(test.text)
		if test.want == "" {
			require.NotNil(t, wrong, "%q with %q and %q became %s", test.text, test.mark, test.thousands, got)
			continue
		}
		require.Nil(t, wrong, "%q with %q and %q", test.text, test.mark, test.thousands)
		require.Equal(t, test.want, got.String())
	}

	t.Run("Reads back every decimal exactly", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			d := decimal.New(rapid.Int64().Draw(t, "digits"), int32(-rapid.IntRange(0, 12).Draw(t, "decimals")))
			got, wrong := newNumbers(".", "").read(d.String())
			if wrong != nil || !got.Equal(d) {
				t.Fatalf("%s became %s (%v)", d, got, wrong)
			}
		})
	})
}

func TestBoolean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"Yes": true, "TRUE": true, "1": true, "так": true, "no": false, "0": false, "НІ": false} {
		got, wrong := boolean(text)
		require.Nil(t, wrong, text)
		require.Equal(t, want, got, text)
	}
	_, wrong := boolean("maybe")
	require.Equal(t, `"maybe" is neither yes nor no`, wrong.reason)
}

func TestAttributeName(t *testing.T) {
	t.Parallel()
	for heading, want := range map[string]string{
		"Loyalty Points": "loyalty_points", "  City ": "city", "e-mail": "e_mail", "Місто": "місто", "2nd name": "_2nd_name", "%": "", "a__b": "a__b",
	} {
		require.Equal(t, want, attributeName(heading))
	}
}

func TestDecoder(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"utf-8": "їжак", "UTF8": "їжак", "windows-1251": "\xbf\xe6\xe0\xea", "koi8-u": "\xa7\xd6\xc1\xcb",
	} {
		decode, ok := decoder(name)
		require.True(t, ok, name)
		got, wrong := decode([]byte(in))
		require.Nil(t, wrong)
		require.Equal(t, "їжак", got, name)
	}
	for _, name := range []string{"utf-16le", "shift_jis", "gb18030", "nonsense", ""} {
		_, ok := decoder(name)
		require.False(t, ok, name)
	}
	latin, ok := decoder("latin1")
	require.True(t, ok)
	got, wrong := latin([]byte("\xa340 \x80"))
	require.Nil(t, wrong)
	require.Equal(t, "£40 €", got)
}
