package campaign_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"dotyk/rules/campaign"
)

// TestCanonicalOfAny: the canonical form of any campaign reads back as the same campaign, and it is the same whether the
// campaign was written in JSON or in YAML.
func TestCanonicalOfAny(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		src := drawFile(t)
		d, err := campaign.Parse(src)
		require.NoError(t, err, "%s", src)
		canonical, err := d.Canonical()
		require.NoError(t, err)
		again, err := campaign.Decode(canonical)
		require.NoError(t, err, "%s", canonical)
		same, err := again.Canonical()
		require.NoError(t, err)
		require.Equal(t, string(canonical), string(same))
		require.Equal(t, d.Hash(), again.Hash())
		require.Equal(t, d.Needs(), again.Needs())
		require.Equal(t, d.TriggerNeeds(), again.TriggerNeeds())
		require.Len(t, again.Messages(), len(d.Messages()))

		var tree any
		require.NoError(t, json.Unmarshal(canonical, &tree))
		written, err := yaml.Marshal(tree)
		require.NoError(t, err)
		inYAML, err := campaign.Parse(written)
		require.NoError(t, err, "%s", written)
		require.Equal(t, d.Hash(), inYAML.Hash())
	})
}
