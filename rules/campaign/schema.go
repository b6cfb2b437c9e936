package campaign

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Schema gives the JSON Schema (draft 2020-12) of a campaign file, for editors to complete and check it with. What it
// refuses, Parse refuses; Parse finds more.
func Schema() ([]byte, error) {
	definitions := make(map[string]any, len(objects))
	for _, o := range objects {
		definitions[o.name] = o.schema()
	}
	schema, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "A campaign of Dotyk",
		"$ref":    "#/$defs/" + objCampaign.name,
		"$defs":   definitions,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(schema, '\n'), nil
}

// schema is the JSON Schema of a group of fields.
func (o *object) schema() map[string]any {
	properties, required := make(map[string]any, len(o.fields)), []string{}
	for _, f := range o.fields {
		properties[f.name] = map[string]any{"description": f.doc, "allOf": []any{f.kind.schema}}
		if f.required {
			required = append(required, f.name)
		}
	}
	schema := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		schema["required"] = required
	}
	if o.single {
		schema["minProperties"], schema["maxProperties"] = 1, 1
	}
	return schema
}

// table is a group of fields as the reference shows it: in Markdown, one row a field.
func (o *object) table() string {
	var b strings.Builder
	b.WriteString("| field | holds | meaning |\n|---|---|---|\n")
	for _, f := range o.fields {
		name := "`" + f.name + "`"
		if f.required {
			name += " *"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, f.kind.words, f.doc)
	}
	return b.String()
}
