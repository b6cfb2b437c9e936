package segments

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestReadList(t *testing.T) {
	t.Parallel()
	const id = "0190c8a4-8c1e-7a53-9d64-2b1f0c3d4e5f"
	for name, c := range map[string]struct {
		text string
		want []entry
	}{
		"a value a line": {
			text: "u1\n\n Ann@Example.com \r\n+380 50 123-45-67\n" + strings.ToUpper(id) + "\n",
			want: []entry{
				{1, "u1", []lookup{{byExternal, "u1"}}},
				{3, "Ann@Example.com", []lookup{{byEmail, "ann@example.com"}, {byExternal, "Ann@Example.com"}}},
				{4, "+380 50 123-45-67", []lookup{{byPhone, "+380501234567"}, {byExternal, "+380 50 123-45-67"}}},
				{5, strings.ToUpper(id), []lookup{{byID, id}, {byExternal, strings.ToUpper(id)}}},
			},
		},
		"a heading, semicolons and a mark of the byte order": {
			text: "\ufeffName;E-Mail;user_id\n\"Lee; Ann\";ann@example.com;u1\nBob;;u2\n",
			want: []entry{
				{2, "Lee; Ann ann@example.com u1", []lookup{{byExternal, "u1"}, {byEmail, "ann@example.com"}}},
				{3, "Bob  u2", []lookup{{byExternal, "u2"}}},
			},
		},
		"a line without any way to name a customer": {
			text: "id,email\nnonsense,\n", want: []entry{{2, "nonsense", nil}},
		},
		"only the first column counts": {
			text: "u1,10\nu2,20\n",
			want: []entry{{1, "u1 10", []lookup{{byExternal, "u1"}}}, {2, "u2 20", []lookup{{byExternal, "u2"}}}},
		},
		"nothing": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			list, err := readList(strings.NewReader(c.text))
			require.NoError(t, err)
			require.Equal(t, c.want, list)
		})
	}

	t.Run("Fails with its reader", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("connection reset")
		_, err := readList(iotest.ErrReader(broken))
		require.ErrorIs(t, err, broken)
		_, err = readList(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("u1\nu2"))))
		require.ErrorIs(t, err, iotest.ErrTimeout)
	})
}

func FuzzReadList(f *testing.F) {
	f.Add("id,email\nu1,ann@example.com\n")
	f.Add("\ufeffu1\n\"a\nb\"\n+380;x")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readList(strings.NewReader(text))
		if err != nil {
			return
		}
		last := 0
		for _, e := range list {
			require.Greater(t, e.line, last)
			require.NotEmpty(t, e.text)
			last = e.line
			for _, l := range e.lookups {
				require.NotEmpty(t, l.value)
				require.NotContains(t, l.value, "\x00")
			}
		}
	})
}
