package rehearse_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/starter/rehearse"
)

func journeys(t *testing.T) (fs.FS, []string) {
	t.Helper()
	files := os.DirFS("../examples/journeys")
	names, err := fs.Glob(files, "*.scenario.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return files, names
}

func TestJourneys(t *testing.T) {
	t.Parallel()
	files, names := journeys(t)
	for _, name := range names {
		t.Run(strings.TrimSuffix(name, ".scenario.yaml"), func(t *testing.T) {
			t.Parallel()
			o := rehearse.File(t.Context(), files, name)
			require.Empty(t, o.Error)
			for _, d := range o.Differences {
				t.Error(d.String())
			}
			t.Logf("%.1f ms, %d entries", o.Millis, len(o.Log))
		})
	}
}
