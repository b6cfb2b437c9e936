package rehearsal

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// Faults is everything that is wrong with a scenario file, in the order of the file.
type Faults []campaign.Violation //nolint:errname // a list for people, as campaign.Violations is

// Error gives all faults, one after the other.
func (fs Faults) Error() string {
	lines := []string{"the scenario cannot be used:"}
	for _, f := range fs {
		lines = append(lines, "- "+strings.ReplaceAll(f.String(), "\n", "\n  "))
	}
	return strings.Join(lines, "\n")
}

// maxFile is the most bytes of a scenario file.
const maxFile = 4 << 20

// Read reads a scenario from YAML or JSON. The error is Faults.
func Read(src []byte) (*Scenario, error) {
	if len(src) > maxFile {
		return nil, Faults{{
			Code: campaign.CodeTooLarge, Message: "the file is too large", Advice: "Make groups of customers with count.",
		}}
	}
	var document yaml.Node
	if err := yaml.NewDecoder(bytes.NewReader(src)).Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Faults{{Code: campaign.CodeSyntax, Message: "the file is empty"}}
		}
		return nil, yamlFaults(err, campaign.CodeSyntax)
	}
	r := &reader{}
	r.known(document.Content[0], reflect.TypeFor[Scenario](), "")
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	var s Scenario
	if err := document.Decode(&s); err != nil {
		return nil, yamlFaults(err, campaign.CodeWrongType)
	}
	r.check(&s)
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	s.complete()
	return &s, nil
}

var (
	yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): `)
	yamlType = regexp.MustCompile("^cannot unmarshal !!\\w+(?: `(.*)`)? into (.*)$")
)

// yamlFaults says in our words what the YAML library found.
func yamlFaults(err error, code string) Faults {
	var faults Faults
	if errors.As(err, &faults) {
		return faults
	}
	texts := []string{err.Error()}
	if all, ok := errors.AsType[*yaml.TypeError](err); ok {
		texts = all.Errors
	}
	for _, text := range texts {
		f := campaign.Violation{Code: code, Message: text}
		if at := yamlLine.FindStringSubmatch(text); at != nil {
			f.Message = strings.TrimPrefix(text, at[0])
			if line, err := strconv.Atoi(at[1]); err == nil {
				f.Line, f.Column = line, 1
			}
		}
		if m := yamlType.FindStringSubmatch(f.Message); m != nil {
			f.Message = fmt.Sprintf("%s cannot stand here", cmp.Or(m[1], "a value of this form"))
			f.Advice = "See the reference of scenario files."
		}
		faults = append(faults, f)
	}
	return faults
}

type reader struct{ faults Faults }

func (r *reader) report(at Place, path, code, message, advice string) {
	r.faults = append(r.faults, campaign.Violation{
		Line: at.Line, Column: at.Column, Path: path, Code: code, Message: message, Advice: advice,
	})
}

// known reports the fields of a node that its type has not.
func (r *reader) known(n *yaml.Node, t reflect.Type, path string) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.report(placeOf(n), path, campaign.CodeAlias, "anchors (&) and aliases (*) are not accepted",
			"Write out what they stand for.")
	case t == reflect.TypeFor[People]() && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			r.known(n.Content[i+1], reflect.TypeFor[Person](), join(path, n.Content[i].Value))
		}
	case t == reflect.TypeFor[PolicyField]() || t == reflect.TypeFor[Moment]() || t == reflect.TypeFor[Span]():
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		r.knownFields(n, t, path)
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, item := range n.Content {
			r.known(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			r.known(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value))
		}
	}
}

func (r *reader) knownFields(n *yaml.Node, t reflect.Type, path string) {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		if tag := field.Tag.Get("yaml"); tag != "-" {
			fields[tag] = field.Type
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i]
		field, ok := fields[name.Value]
		if !ok {
			names := slices.Sorted(maps.Keys(fields))
			advice := "It can have: " + strings.Join(names, ", ") + "."
			if meant := rules.Suggest(name.Value, names); meant != "" {
				advice = fmt.Sprintf("Did you mean %q?", meant)
			}
			r.report(placeOf(name), join(path, name.Value), campaign.CodeUnknownField,
				fmt.Sprintf("there is no field %q here", name.Value), advice)
			continue
		}
		r.known(n.Content[i+1], field, join(path, name.Value))
	}
}

func placeOf(n *yaml.Node) Place { return Place{n.Line, n.Column} }

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
