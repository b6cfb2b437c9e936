package importer

import (
	"fmt"
	"slices"
	"strings"

	"github.com/shopspring/decimal"
	"go.yaml.in/yaml/v3"
)

// lineRule is one rule of a mapping: what to do with lines that meet all of its conditions. The first rule that a line
// meets decides; a line that meets none is taken.
type lineRule struct {
	conditions []condition
	action     ruleAction
	text       string // the reason, or the name of the event
}

type ruleAction string

const (
	actionSkip   ruleAction = "skip"   // leave the line out and count it under the reason
	actionReject ruleAction = "reject" // write it to the report
	actionEvent  ruleAction = "event"  // orders: its order becomes an event of another name
)

type condition struct {
	column int
	holds  func(cell string) bool
}

func (r *lineRule) meets(l line) bool {
	for _, c := range r.conditions {
		if !c.holds(l.column(c.column)) {
			return false
		}
	}
	return true
}

// rule gives the first rule that a line meets; nil when there is none.
func (m *Mapping) rule(l line) *lineRule {
	for i := range m.rules {
		if m.rules[i].meets(l) {
			return &m.rules[i]
		}
	}
	return nil
}

func (r *mapReader) lineRules(n *yaml.Node) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.report(n, "rules must be a list", "begin each with a dash")
		return
	}
	actions := []string{string(actionSkip), string(actionReject)}
	if r.m.kind == Orders {
		actions = append(actions, string(actionEvent))
	}
	for _, item := range n.Content {
		o, ok := r.object(item, "a rule", append([]string{"when"}, actions...))
		if !ok {
			continue
		}
		var rule lineRule
		for _, action := range actions {
			if o.get(action) == nil {
				continue
			}
			if rule.action != "" {
				r.report(item, "the rule has two outcomes", "keep one of "+strings.Join(actions, ", "))
			}
			rule.action, rule.text = ruleAction(action), r.text(o, action)
			if rule.action == actionEvent {
				r.eventName(o.get(action), rule.text)
			}
		}
		if rule.action == "" {
			r.report(item, "the rule has no outcome", "add one of "+strings.Join(actions, ", ")+", each with its reason or name")
		}
		rule.conditions = r.conditions(item, o.get("when"))
		r.m.rules = append(r.m.rules, rule)
	}
}

func (r *mapReader) conditions(rule, n *yaml.Node) []condition {
	if n == nil {
		r.report(rule, "the rule says not when it applies", "add when: {Column: empty}, or another condition")
		return nil
	}
	o, ok := r.object(n, "when", nil)
	if ok && len(o.names) == 0 {
		r.report(n, "when names no column", "add a condition such as {Column: empty}")
	}
	var list []condition
	for _, name := range o.names {
		column := r.column(n, name)
		for _, holds := range r.tests(o.get(name), name) {
			list = append(list, condition{column, holds})
		}
	}
	return list
}

var (
	textTests   = []string{"equals", "starts_with", "ends_with", "contains"}
	numberTests = []string{"above", "at_least", "below", "at_most"}
)

const testAdvice = "write empty, present, or a group such as {starts_with: C} or {at_most: 0}"

// tests reads the conditions on one column.
func (r *mapReader) tests(n *yaml.Node, column string) []func(string) bool {
	if n.Kind == yaml.ScalarNode {
		switch word, _ := r.scalar(n, column); word {
		case "empty":
			return []func(string) bool{func(cell string) bool { return cell == "" }}
		case "present":
			return []func(string) bool{func(cell string) bool { return cell != "" }}
		default:
			r.report(n, fmt.Sprintf("%s is not a condition", shown(word)), testAdvice)
			return nil
		}
	}
	o, ok := r.object(n, "a condition", slices.Concat([]string{"one_of"}, textTests, numberTests))
	if ok && len(o.names) == 0 && len(n.Content) == 0 {
		r.report(n, "the condition is empty", testAdvice)
	}
	var list []func(string) bool
	for _, name := range o.names {
		if name == "one_of" {
			words := r.list(o.get(name), "one_of")
			list = append(list, func(cell string) bool { return slices.Contains(words, cell) })
			continue
		}
		operand, ok := r.scalar(o.get(name), name)
		if !ok {
			continue
		}
		if slices.Contains(textTests, name) {
			list = append(list, textTest(name, operand))
			continue
		}
		limit, wrong := newNumbers(".", "").read(operand)
		if wrong != nil {
			r.report(o.get(name), fmt.Sprintf("%s needs a number, not %s", name, shown(operand)), "write it with digits, and a point before decimals")
			continue
		}
		list = append(list, numberTest(name, limit, &r.m.numbers))
	}
	return list
}

func textTest(name, operand string) func(string) bool {
	return func(cell string) bool {
		switch name {
		case "starts_with":
			return strings.HasPrefix(cell, operand)
		case "ends_with":
			return strings.HasSuffix(cell, operand)
		case "contains":
			return strings.Contains(cell, operand)
		default:
			return cell == operand
		}
	}
}

// numberTest compares; what is no number meets no comparison, and is refused where a number is needed.
func numberTest(name string, limit decimal.Decimal, n *numbers) func(string) bool {
	return func(cell string) bool {
		number, wrong := n.read(cell)
		if wrong != nil {
			return false
		}
		switch c := number.Cmp(limit); name {
		case "above":
			return c > 0
		case "at_least":
			return c >= 0
		case "below":
			return c < 0
		default:
			return c <= 0
		}
	}
}

func folded(words []string) []string {
	for i := range words {
		words[i] = strings.ToLower(words[i])
	}
	return words
}
