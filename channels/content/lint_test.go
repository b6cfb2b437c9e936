package content_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/content"
)

func TestLint(t *testing.T) {
	t.Parallel()
	codes := func(src content.EmailSource) (list []string) {
		e, err := content.CompileEmail(src)
		require.NoError(t, err)
		out, err := e.Render(t.Context(), nil)
		require.NoError(t, err)
		for _, w := range e.Lint(out) {
			list = append(list, w.Code)
		}
		return list
	}
	fine := `<img src="a" alt=""><a href="https://x">x</a><a href="{{ unsubscribe_url }}">stop</a>`
	require.Empty(t, codes(content.EmailSource{Subject: strings.Repeat("ж", 60), HTML: fine}))
	require.Equal(t, []string{content.WarnLongSubject, content.WarnTooBig, content.WarnNoAlt, content.WarnInsecureLink, content.WarnNoUnsubscribe},
		codes(content.EmailSource{Subject: strings.Repeat("ж", 61), HTML: `<img src="a"><a href="HTTP://x">` + strings.Repeat("x", 103<<10)}))
}
