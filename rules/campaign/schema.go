package campaign

import (
	"encoding/json"
	"fmt"
	"maps"
)

// Schema gives the JSON Schema (draft 2020-12) of a campaign file, for editors to complete and check it with. A file that
// it accepts can have violations all the same: only Parse finds them all.
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
		property := maps.Clone(f.kind.schema)
		property["description"] = f.doc
		properties[f.name] = property
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
