package campaign_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"dotyk/rules/campaign"
)

const schemaURL = "https://dotyk.example/campaign.json"

// compiled gives the schema of campaign files, or of a part of them, for a validator that is not ours.
func compiled(t *testing.T, part string) *jsonschema.Schema {
	t.Helper()
	src, err := campaign.Schema()
	require.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource(schemaURL, document))
	schema, err := compiler.Compile(schemaURL + part)
	require.NoError(t, err)
	return schema
}

// instance gives a YAML or JSON file as the validator wants it.
func instance(t require.TestingT, src []byte) any {
	var tree any
	require.NoError(t, yaml.Unmarshal(src, &tree))
	asJSON, err := json.Marshal(tree)
	require.NoError(t, err)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	require.NoError(t, err)
	return value
}

func TestSchemaAccepts(t *testing.T) {
	t.Parallel()
	schema := compiled(t, "")
	files, err := filepath.Glob("../../starter/*/*.yaml")
	require.NoError(t, err)
	more, err := filepath.Glob("../../starter/*/*/*.yaml")
	require.NoError(t, err)
	sources := append(referenceExamples(t), wholeFile, welcome)
	for _, file := range append(files, more...) {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		if _, err := campaign.Parse(src); err == nil {
			sources = append(sources, string(src))
		}
	}
	for _, src := range sources {
		require.NoError(t, schema.Validate(instance(t, []byte(src))), src)
	}
}

// TestSchemaAcceptsAny: what Parse accepts, the schema accepts, in the form in which it was written and in the canonical one.
func TestSchemaAcceptsAny(t *testing.T) {
	t.Parallel()
	schema := compiled(t, "")
	rapid.Check(t, func(t *rapid.T) {
		src := drawFile(t)
		require.NoError(t, schema.Validate(instance(t, src)), "%s", src)
		d, err := campaign.Parse(src)
		require.NoError(t, err)
		canonical, err := d.Canonical()
		require.NoError(t, err)
		require.NoError(t, schema.Validate(instance(t, canonical)), "%s", canonical)
	})
}

// TestSchemaRefuses: each group of fields refuses each of its fields with a slip of the pen in its name, and so does Parse.
func TestSchemaRefuses(t *testing.T) {
	t.Parallel()
	src, err := campaign.Schema()
	require.NoError(t, err)
	var schema struct {
		Defs map[string]struct {
			Properties map[string]any `json:"properties"`
		} `json:"$defs"`
	}
	require.NoError(t, json.Unmarshal(src, &schema))
	require.Len(t, schema.Defs, len(campaign.Tables()))
	for name, group := range schema.Defs {
		part := compiled(t, "#/$defs/"+name)
		require.NotEmpty(t, group.Properties)
		for field := range group.Properties {
			err := part.Validate(map[string]any{field + "x": "1d"})
			require.ErrorContains(t, err, "additional properties '"+field+"x' not allowed", "%s.%s", name, field)
		}
	}
	whole := compiled(t, "")
	for _, c := range []struct{ right, wrong string }{
		{"timeout:", "timout:"},
		{"arms:", "arm:"},
		{"fallback:", "fallbak:"},
		{"holdout:", "hold_out:"},
		{"round_robin:", "robin:"},
		{"after: 4h", "after: soon"},
		{"max: 10", "max: 0"},
		{"priority: 7", "priority: high"},
		{"- exit: {", "- leave: {"},
	} {
		wrong := strings.Replace(wholeFile, c.right, c.wrong, 1)
		require.NotEqual(t, wholeFile, wrong)
		require.Error(t, whole.Validate(instance(t, []byte(wrong))), c.wrong)
		_, err := campaign.Parse([]byte(wrong))
		require.Error(t, err, c.wrong)
	}
}
