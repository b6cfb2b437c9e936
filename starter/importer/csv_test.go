package importer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// readAll reads a text to its end.
func readAll(tb interface{ Fatalf(string, ...any) }, text string, comma byte) []row {
	rows := newCSVReader(strings.NewReader(text), 0, 0, comma, decodeUTF8)
	var all []row
	for {
		got, err := rows.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			tb.Fatalf("read: %v", err)
		}
		got.cells = append([]string{}, got.cells...)
		all = append(all, got)
	}
}

func TestCSVReader(t *testing.T) {
	t.Parallel()
	type read struct {
		line  int
		cells []string
		fault string
	}
	tests := []struct {
		name, text string
		comma      byte
		want       []read
	}{
		{"Plain", "a,b\nc,d\n", ',', []read{{1, []string{"a", "b"}, ""}, {2, []string{"c", "d"}, ""}}},
		{"No end of the last line", "a,b", ',', []read{{1, []string{"a", "b"}, ""}}},
		{"Line ends of Windows", "a,b\r\nc,d\r\n", ',', []read{{1, []string{"a", "b"}, ""}, {2, []string{"c", "d"}, ""}}},
		{"Empty cells", ",\n,,", ',', []read{{1, []string{"", ""}, ""}, {2, []string{"", "", ""}, ""}}},
		{"Semicolons", "1,5;b\n", ';', []read{{1, []string{"1,5", "b"}, ""}}},
		{"Tabs", "a\tb\n", '\t', []read{{1, []string{"a", "b"}, ""}}},
		{"Quotes", `"a,b","c ""d""",""` + "\n", ',', []read{{1, []string{"a,b", `c "d"`, ""}, ""}}},
		{"Line breaks in quotes", "\"a\r\nb\",c\nd,e\n", ',', []read{{1, []string{"a\nb", "c"}, ""}, {3, []string{"d", "e"}, ""}}},
		{"A quote inside of an unquoted cell", `5" disk,b`, ',', []read{{1, []string{`5" disk`, "b"}, ""}}},
		{"A blank line", "a\n\nb\n", ',', []read{{1, []string{"a"}, ""}, {2, []string{""}, ""}, {3, []string{"b"}, ""}}},
		{
			"A quote that is never closed costs its line alone", "a,\"b\nc,d\ne,f\n", ',',
			[]read{{1, []string{"a"}, "a quote is opened and not closed"}, {2, []string{"c", "d"}, ""}, {3, []string{"e", "f"}, ""}},
		},
		{
			"A quote that is closed by another line's", "a,\"b\nc,\"d\",e\nf,g,h\n", ',',
			[]read{{1, []string{"a"}, "text follows a closing quote"}, {2, []string{"c", "d", "e"}, ""}, {3, []string{"f", "g", "h"}, ""}},
		},
		{"Text after a closing quote", "\"a\"b,c\nd,e\n", ',', []read{{1, []string{}, "text follows a closing quote"}, {2, []string{"d", "e"}, ""}}},
		{"Not UTF-8", "a,\xff\nb,c\n", ',', []read{{1, []string{"a", "\uFFFD"}, "the line is not valid UTF-8"}, {2, []string{"b", "c"}, ""}}},
		{"U+0000", "a,\x00\nb,c\n", ',', []read{{1, []string{"a", "\uFFFD"}, "the line holds the character U+0000, which cannot be kept"}, {2, []string{"b", "c"}, ""}}},
		{
			"Not UTF-8 within a quoted line break", "a,\"b\n\xff\"\nc,d\n", ',',
			[]read{
				{1, []string{"a"}, "a quote is opened and not closed"},
				{2, []string{"\uFFFD\""}, "the line is not valid UTF-8"},
				{3, []string{"c", "d"}, ""},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []read
			for _, r := range readAll(t, test.text, test.comma) {
				one := read{r.line, r.cells, ""}
				if r.fault != nil {
					one.fault = r.fault.reason
				}
				got = append(got, one)
			}
			require.Equal(t, test.want, got)
		})
	}

	t.Run("A line without end does not fill the memory", func(t *testing.T) {
		t.Parallel()
		for _, length := range []int{maxRecord - 1, maxRecord, maxRecord + 1, maxRecord + 2, maxRecord + 3, 3*maxRecord + 1} {
			got := readAll(t, strings.Repeat("x", length)+"\na,b\n", ',')
			require.Len(t, got, 2)
			require.Equal(t, length > maxRecord+1, got[0].fault != nil && len(got[0].raw) < 1100, "length %d", length)
			require.Equal(t, []string{"a", "b"}, got[1].cells)
			require.EqualValues(t, length+5, got[1].end)
		}
	})

	t.Run("A quote left open in a long file costs its line alone", func(t *testing.T) {
		t.Parallel()
		const lines = 20_000
		got := readAll(t, "a,\"b\n"+strings.Repeat("c,d\n", lines), ',')
		require.Len(t, got, lines+1)
		require.NotNil(t, got[0].fault)
		for i, r := range got[1:] {
			require.Nil(t, r.fault)
			require.Equal(t, i+2, r.line)
		}
	})

	t.Run("Fails as the file fails", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("disk on fire")
		for _, start := range []string{"a,b\nc", "a,\"b\nc"} {
			rows := newCSVReader(io.MultiReader(strings.NewReader(start), &failing{broken}), 0, 0, ',', decodeUTF8)
			var err error
			for err == nil {
				_, err = rows.next()
			}
			require.ErrorIs(t, err, broken)
		}
	})
}

// failing is a reader that fails.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) { return 0, f.err }

// TestCSVReaderAgrees compares with encoding/csv on what that writes.
func TestCSVReaderAgrees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		comma := rapid.SampledFrom([]byte{',', ';', '\t', '|'}).Draw(t, "comma")
		cell := rapid.StringOfN(rapid.SampledFrom([]rune("ab,;\t|\"\n £дотик")), 0, 8, -1)
		records := rapid.SliceOfN(rapid.SliceOfN(cell, 2, 5), 0, 8).Draw(t, "records")
		var text bytes.Buffer
		w := csv.NewWriter(&text)
		w.Comma = rune(comma)
		w.UseCRLF = rapid.Bool().Draw(t, "CRLF")
		if err := w.WriteAll(records); err != nil {
			t.Fatal(err)
		}
		got := readAll(t, text.String(), comma)
		if len(got) != len(records) {
			t.Fatalf("%d records became %d rows of %q", len(records), len(got), text.String())
		}
		var end int64
		for i, r := range got {
			if r.fault != nil {
				t.Fatalf("row %d of %q: %v", i, text.String(), r.fault)
			}
			for j, c := range r.cells {
				if c != records[i][j] {
					t.Fatalf("cell %d of row %d: %q became %q", j, i, records[i][j], c)
				}
			}
			// Whoever begins at the end of a row reads what follows it.
			if rest := readAll(t, text.String()[r.end:], comma); len(rest) != len(got)-i-1 {
				t.Fatalf("%d rows follow row %d, not %d", len(rest), i, len(got)-i-1)
			}
			end = r.end
		}
		if len(got) > 0 && end != int64(text.Len()) {
			t.Fatalf("the last row ends at %d of %d", end, text.Len())
		}
	})
}

// FuzzCSVReader reads anything: every line is in exactly one row, whatever is wrong with it.
func FuzzCSVReader(f *testing.F) {
	for _, seed := range []string{"a,b\n", "\"a\nb\",c", "\"\"\"", "a,\"\n\"b\n\"", "\r\r\n\n", "\xff\x00,\"\n", strings.Repeat("\"\n", 600)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var end int64
		line := 0
		for _, r := range readAll(t, text, ',') {
			require.Greater(t, r.end, end)
			require.Greater(t, r.line, line)
			begins := strings.Count(text[:end], "\n") + 1
			require.Equal(t, begins, r.line, "rows leave nothing out")
			end, line = r.end, r.line
		}
		require.EqualValues(t, len(text), end)
	})
}
