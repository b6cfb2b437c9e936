package campaign_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"dotyk/rules/campaign"
)

var (
	fieldTable = regexp.MustCompile(`(?s)(<!-- fields: (\w+) -->\n).*?(<!-- end -->)`)
	yamlBlock  = regexp.MustCompile("(?s)```yaml\n(.*?)```")
	anchorLink = regexp.MustCompile(`\]\(#(\w+)\)`)
)

// TestReference holds the tables of the reference beside those that the reader uses.
func TestReference(t *testing.T) {
	t.Parallel()
	const file = "README.md"
	written, err := os.ReadFile(file)
	require.NoError(t, err)
	tables := campaign.Tables()
	fresh := fieldTable.ReplaceAllStringFunc(string(written), func(s string) string {
		parts := fieldTable.FindStringSubmatch(s)
		table := tables[parts[2]]
		require.NotEmpty(t, table, "there is no group of fields %q", parts[2])
		delete(tables, parts[2])
		return parts[1] + table + parts[3]
	})
	require.Empty(t, tables, "groups of fields that the reference lacks, or that stand in it twice")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(fresh), 0o600))
		return
	}
	require.Equal(t, fresh, string(written), "write it with: go test ./rules/campaign -run TestReference -update")
	for _, link := range anchorLink.FindAllStringSubmatch(fresh, -1) {
		require.Contains(t, fresh, "\n### "+link[1]+"\n", "a link leads nowhere")
	}
}

// TestReferenceExamples reads every example of the reference. What is only a part of a campaign is filled up.
func TestReferenceExamples(t *testing.T) {
	t.Parallel()
	for _, src := range referenceExamples(t) {
		t.Run(strings.Fields(src)[0]+" "+strings.Fields(src)[1], func(t *testing.T) {
			t.Parallel()
			d := parse(t, src)
			require.Empty(t, d.Warnings(), src)
		})
	}
}

func referenceExamples(t *testing.T) []string {
	t.Helper()
	src, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var examples []string
	for _, block := range yamlBlock.FindAllStringSubmatch(string(src), -1) {
		examples = append(examples, fillUp(t, block[1]))
	}
	require.Greater(t, len(examples), 30)
	return examples
}

func fillUp(t *testing.T, src string) string {
	t.Helper()
	if strings.HasPrefix(src, "- ") {
		src = "steps:\n" + src
	}
	var fields map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(src), &fields), src)
	for _, missing := range []struct{ name, text string }{
		{"campaign", "campaign: c\n"}, {"trigger", "trigger: {event: registered}\n"}, {"topic", "topic: news\n"}, {"steps", "steps: [{wait: 1d}]\n"},
	} {
		if fields[missing.name] == nil {
			src += missing.text
		}
	}
	return src
}
