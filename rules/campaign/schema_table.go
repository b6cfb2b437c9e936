package campaign

import (
	"maps"
	"strings"
)

// object describes a group of fields of the language. The reader knows fields by it, and Schema and the reference are
// written from it, so that none of them can drift from the others.
type object struct {
	name   string // in the schema and the reference
	what   string // in messages, with its article
	fields []attribute
	single bool // exactly one of the fields stands in it
}

// attribute is one field of an object.
type attribute struct {
	name     string
	kind     kind
	required bool
	doc      string // for marketers; with the default, if there is one
}

// names lists the fields of an object.
func (o *object) names() []string {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.name
	}
	return names
}

// kind is what a field holds, in words for the reference and as JSON Schema.
type kind struct {
	words  string
	schema map[string]any
}

const durationPattern = `^ *([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)? *$`

// The kinds of fields that are not made of others.
var (
	kindText     = kind{"text", map[string]any{"type": "string", "pattern": `\S`}}
	kindLiquid   = kind{"text, Liquid", kindText.schema}
	kindName     = kind{"name", map[string]any{"type": "string", "minLength": 1, "maxLength": 200}}
	kindID       = kind{"id", map[string]any{"type": "string", "pattern": idPattern.String(), "maxLength": maxID}}
	kindRule     = kind{"rule", map[string]any{"type": []string{"string", "number", "boolean"}}}
	kindDuration = kind{"length of time", map[string]any{"type": "string", "minLength": 2, "pattern": durationPattern}}
	kindSigned   = kind{"length of time, with - for before", map[string]any{
		"type": "string", "pattern": strings.Replace(durationPattern, "^ *", "^ *[+-]?", 1),
	}}
	kindShare = kind{"part, as in 5%", map[string]any{"type": "string", "pattern": sharePattern.String()}}
	kindFlag  = kind{"true or false", map[string]any{"type": "boolean"}}
	kindClock = kind{"time of day, as in 09:00", map[string]any{
		"type": "string", "pattern": `^ *([01][0-9]|2[0-3]):[0-5][0-9] *$`,
	}}
	kindDays  = kind{"days, as in mon-fri", map[string]any{"type": "string"}}
	kindTime  = kind{"moment, as in 2026-12-01T09:00:00+02:00", map[string]any{"type": "string", "format": "date-time"}}
	kindZone  = kind{"customer, workspace or a zone such as Europe/Kyiv", map[string]any{"type": "string", "minLength": 1}}
	kindValue = kind{"any value", map[string]any{"not": map[string]any{"type": "null"}}}
	kindNull  = kind{"nothing", map[string]any{"type": "null"}}
	kindUser  = kind{"e-mail address of a user", kindName.schema}
	kindSteps = kind{"list of steps", map[string]any{"type": "array", "items": reference("step")}}
)

func reference(name string) map[string]any { return map[string]any{"$ref": "#/$defs/" + name} }

// group is a field that holds an object of the language.
func group(name string) kind { return kind{"[" + name + "](#" + name + ")", reference(name)} }

// listOf is a field that holds a list.
func listOf(item kind) kind {
	return kind{"list: " + item.words, map[string]any{"type": "array", "items": item.schema}}
}

// mapOf is a field that holds names of the author's choice, each with a value.
func mapOf(value kind) kind {
	return kind{"names, each with: " + value.words, map[string]any{
		"type": "object", "additionalProperties": value.schema, "minProperties": 1,
	}}
}

// either is a field that holds one of several kinds.
func either(kinds ...kind) kind {
	words, schemas := make([]string, len(kinds)), make([]any, len(kinds))
	for i, k := range kinds {
		words[i], schemas[i] = k.words, k.schema
	}
	return kind{strings.Join(words, "; or "), map[string]any{"anyOf": schemas}}
}

// oneOf is a field that holds one of some words.
func oneOf(words ...string) kind {
	return kind{strings.Join(words, ", "), map[string]any{"enum": words}}
}

// onlyTrue is a field that can hold true and nothing else.
var onlyTrue = kind{"true", map[string]any{"const": true}}

// whole is a field that holds a whole number.
func whole(least, most int) kind {
	return kind{"whole number", map[string]any{"type": "integer", "minimum": least, "maximum": most}}
}

// noEmptyList gives a kind of list that has an item at least.
func noEmptyList(k kind) kind {
	schema := maps.Clone(k.schema)
	schema["minItems"] = 1
	return kind{k.words, schema}
}
