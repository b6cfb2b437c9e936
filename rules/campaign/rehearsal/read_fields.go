package rehearsal

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"dotyk/rules"
	"dotyk/rules/campaign"
)

// UnmarshalYAML reads customers in the order of the file.
func (p *People) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fault(n, campaign.CodeWrongType, "customers are given by their names",
			`Write "ann: {email: ann@example.com}".`)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		var one Person
		if err := n.Content[i+1].Decode(&one); err != nil {
			return err
		}
		one.ID, one.Place = n.Content[i].Value, placeOf(n.Content[i])
		*p = append(*p, one)
	}
	return nil
}

// UnmarshalYAML reads a customer.
func (p *Person) UnmarshalYAML(n *yaml.Node) error {
	type plain Person
	if err := n.Decode((*plain)(p)); err != nil {
		return err
	}
	p.Attributes, p.Scores = data(p.Attributes), data(p.Scores)
	for i := range p.History {
		p.History[i].Properties = data(p.History[i].Properties)
	}
	return nil
}

// UnmarshalYAML reads what happens, and its place.
func (m *Moved) UnmarshalYAML(n *yaml.Node) error {
	type plain Moved
	if err := n.Decode((*plain)(m)); err != nil {
		return err
	}
	m.Place, m.Properties, m.Update, m.Data = placeOf(n), data(m.Properties), data(m.Update), data(m.Data)
	return nil
}

// UnmarshalYAML reads what is expected, and its place.
func (e *Expectation) UnmarshalYAML(n *yaml.Node) error {
	type plain Expectation
	if err := n.Decode((*plain)(e)); err != nil {
		return err
	}
	e.Place, e.Record = placeOf(n), data(e.Record)
	return nil
}

// UnmarshalYAML reads a count, and its place.
func (c *Count) UnmarshalYAML(n *yaml.Node) error {
	type plain Count
	if err := n.Decode((*plain)(c)); err != nil {
		return err
	}
	c.Place = placeOf(n)
	return nil
}

// UnmarshalYAML reads the policy of a workspace.
func (p *PolicyField) UnmarshalYAML(n *yaml.Node) error {
	src, err := yaml.Marshal(n)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	p.Policy, err = campaign.ParsePolicy(src)
	if violations, ok := errors.AsType[campaign.Violations](err); ok {
		for i := range violations { // their places are those of the policy alone
			v := &violations[i]
			v.Line, v.Column, v.Path = n.Line, n.Column, join("policy", v.Path)
		}
		return Faults(violations)
	}
	return err
}

// UnmarshalYAML reads a time.
func (m *Moment) UnmarshalYAML(n *yaml.Node) error {
	t, ok := rules.ParseTime(n.Value)
	if !ok || n.Kind != yaml.ScalarNode {
		return fault(n, campaign.CodeBadValue, fmt.Sprintf("%q is no time", n.Value), "Write it as 2026-01-05T10:00:00Z.")
	}
	m.Time = t
	return nil
}

// UnmarshalYAML reads a duration.
func (s *Span) UnmarshalYAML(n *yaml.Node) error {
	d, err := rules.ParseDuration(n.Value)
	if err != nil {
		return fault(n, campaign.CodeBadDuration, err.Error(), "Write it as 60s, 1h30m or 2d.")
	}
	s.Duration, s.Set = d, true
	return nil
}

func fault(n *yaml.Node, code, message, advice string) Faults {
	return Faults{{Line: n.Line, Column: n.Column, Code: code, Message: message, Advice: advice}}
}

// data gives what stands in a YAML file as JSON would decode it: numbers as json.Number, times as text.
func data(fields map[string]any) map[string]any {
	if fields == nil {
		return nil
	}
	all := make(map[string]any, len(fields))
	for name, v := range fields {
		all[name] = value(v)
	}
	return all
}

func value(v any) any {
	switch v := v.(type) {
	case int:
		return json.Number(strconv.Itoa(v))
	case int64:
		return json.Number(strconv.FormatInt(v, 10))
	case uint64:
		return json.Number(strconv.FormatUint(v, 10))
	case float64:
		return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
	case time.Time:
		if v.Equal(v.Truncate(24*time.Hour)) && v.Location() == time.UTC {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339Nano)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = value(v[i])
		}
		return list
	case map[string]any:
		return data(v)
	}
	return v
}
