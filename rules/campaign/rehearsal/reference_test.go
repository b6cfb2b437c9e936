package rehearsal_test

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign/rehearsal"
)

// TestReference keeps the reference of scenario files complete, and its examples right.
func TestReference(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, of := range []reflect.Type{
		reflect.TypeFor[rehearsal.Scenario](), reflect.TypeFor[rehearsal.Person](), reflect.TypeFor[rehearsal.Past](),
		reflect.TypeFor[rehearsal.Received](), reflect.TypeFor[rehearsal.Moved](), reflect.TypeFor[rehearsal.Expectation](),
		reflect.TypeFor[rehearsal.Count](), reflect.TypeFor[rehearsal.AnswerField](),
	} {
		for field := range of.Fields() {
			if name := field.Tag.Get("yaml"); name != "-" {
				require.Regexp(t, "`"+name+"[`:]", string(readme), "%s of %s", name, of)
			}
		}
	}
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(readme, -1)
	require.Len(t, examples, 2)
	for _, example := range examples {
		_, err := rehearsal.Read(example[1])
		require.NoError(t, err)
	}
}
