package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mapReader reads a mapping, and collects what is wrong with it.
type mapReader struct {
	m        *Mapping
	problems []Problem
	dates    date // the layout and zone of dates that name none
}

func (r *mapReader) report(n *yaml.Node, reason, advice string) {
	p := Problem{Reason: reason, Advice: advice}
	if n != nil {
		p.Line, p.Column = n.Line, n.Column
	}
	r.problems = append(r.problems, p)
}

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// document reads one YAML document.
func (r *mapReader) document(src []byte) *yaml.Node {
	const largest = 1 << 20
	if len(src) > largest {
		r.report(nil, fmt.Sprintf("the mapping is larger than %d bytes", largest), "is this the right file?")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc, second yaml.Node
	err := decoder.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) != 1:
		r.report(nil, "the mapping is empty", `begin with "import: customers" or "import: orders"`)
	case err != nil:
		text := err.Error()
		found := yamlPlace.FindStringSubmatch(text)
		p := Problem{Reason: "the mapping is not YAML: " + text, Advice: "check indentation, quotes and colons"}
		if found != nil {
			p.Reason = "the mapping is not YAML: " + strings.TrimPrefix(text, found[0])
			if number, err := strconv.Atoi(found[1]); err == nil {
				p.Line, p.Column = number, 1
			}
		}
		r.problems = append(r.problems, p)
	case !errors.Is(decoder.Decode(&second), io.EOF):
		r.report(nil, "the file holds more than one document", "keep one mapping per file")
	default:
		return doc.Content[0]
	}
	return nil
}

// object is a YAML mapping whose keys are all known.
type object struct {
	*yaml.Node
	fields map[string]*yaml.Node
	names  []string // in the order of the file
}

func (o object) get(name string) *yaml.Node { return o.fields[name] }

// object reads a YAML mapping. With known it refuses every other key.
func (r *mapReader) object(n *yaml.Node, what string, known []string) (object, bool) {
	o := object{Node: n, fields: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		r.report(n, what+" must be a group of fields", "write field: value, one a line")
		return o, false
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, field := n.Content[i], n.Content[i+1]
		name, ok := r.scalar(key, "the name of a field")
		switch {
		case !ok:
		case o.fields[name] != nil:
			r.report(key, fmt.Sprintf("the field %s stands twice", name), "remove one of them")
		case known != nil && !slices.Contains(known, name):
			r.report(key, fmt.Sprintf("%s has no field %q", what, name), didYouMean(name, known)+"it has "+strings.Join(known, ", "))
		default:
			o.fields[name] = field
			o.names = append(o.names, name)
		}
	}
	return o, true
}

// scalar reads a text, a number or a truth value as it is written.
func (r *mapReader) scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.report(n, "anchors (&) and aliases (*) are not taken here", "write out what they stand for")
	case n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null":
		r.report(n, what+" must be a text", "")
	default:
		return n.Value, true
	}
	return "", false
}

// text reads an optional field; empty when it is missing.
func (r *mapReader) text(o object, field string) string {
	n := o.get(field)
	if n == nil {
		return ""
	}
	s, ok := r.scalar(n, field)
	if ok && s == "" {
		r.report(n, field+" is empty", "remove the field, or fill it")
	}
	return s
}

func (r *mapReader) choice(o object, field string, choices ...string) string {
	s := r.text(o, field)
	if s != "" && !slices.Contains(choices, s) {
		r.report(o.get(field), fmt.Sprintf("%s cannot be %s", field, shown(s)), didYouMean(s, choices)+"write "+strings.Join(choices, " or "))
		return ""
	}
	return s
}

func (r *mapReader) flag(o object, field string) bool {
	return r.choice(o, field, "true", "false") == "true"
}

// list reads a list of texts, or a single one.
func (r *mapReader) list(n *yaml.Node, what string) []string {
	if n == nil {
		return nil
	}
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var texts []string
	for _, item := range items {
		if s, ok := r.scalar(item, what); ok {
			texts = append(texts, s)
		}
	}
	return texts
}
