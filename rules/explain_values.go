package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// show puts a value into its node, cut short.
func (x *explainer) show(node *Node, value any, looped bool) {
	items, isList := value.([]any)
	node.Total = len(items)
	if !isList || len(items) == 0 || kindOf(items[0]) != kindEvent {
		node.Value = shown(value, nil, maxValue)
		return
	}
	if looped {
		return
	}
	for i := range items[:min(len(items), x.mostItems())] {
		node.Items = append(node.Items, Item{Number: i + 1, Value: shown(items[i], nil, maxValue)})
	}
}

// mostItems is how many items of one list are shown. They become fewer when room gets scarce.
func (x *explainer) mostItems() int {
	const few = 3
	if x.room < maxExplained/2 {
		return few
	}
	return maxNotedItems
}

// shown makes a value JSON-safe and cuts it to about so many bytes. Of an event it keeps .at and the properties that are
// named, of an object the fields that are named, or all if none is.
func shown(value any, names []string, most int) any {
	switch v := value.(type) {
	case item:
		fields := named(names, most, func(name string) any { return eventValue(v.event, name) })
		fields["at"] = jsonSafe(present(v.event.OccurredAt))
		return clipped(fields, 2*most)
	case map[string]any:
		if len(names) > 0 {
			return clipped(named(names, most, func(name string) any { return v[name] }), 2*most)
		}
	}
	safe := jsonSafe(trimmed(value, maxNotedDepth))
	if text, ok := safe.(string); ok && encodedSize(clipText(text)) > most {
		const longest = 6 // bytes of a character in JSON
		return shortened(text, most/longest)
	}
	return clipped(safe, most)
}

// named gives fields by name, which share the room there is.
func named(names []string, most int, field func(name string) any) map[string]any {
	fields := make(map[string]any, len(names)+1)
	for _, name := range names {
		fields[name] = shown(field(name), nil, most/len(names))
	}
	return fields
}

// clipped leaves out what is deepest in a JSON-safe value, until no more than so many bytes are left.
func clipped(safe any, most int) any {
	for depth := maxNotedDepth; depth >= 0; depth-- {
		if short := clip(safe, depth); encodedSize(short) <= most {
			return short
		}
	}
	return "…"
}

// trimmed drops the items of lists that clip would not keep anyway, so that a long list is not converted for nothing.
func trimmed(value any, depth int) any {
	items, ok := value.([]any)
	if !ok || depth == 0 {
		return value
	}
	short := make([]any, min(len(items), maxNotedItems+1))
	for i := range short {
		short[i] = trimmed(items[i], depth-1)
	}
	return short
}

// loop is a function that evaluates something for each item of a list.
type loop struct {
	name      string
	list      ast.Node // as written
	body      ast.Node // as written
	predicate ast.Node // the body as it runs
}

func (l loop) conditional() bool {
	return slices.Contains([]string{"any", "all", "none", "count", "filter"}, l.name)
}

func (x *explainer) loopOf(n ast.Node) (loop, bool) {
	written, ok := n.(*ast.BuiltinNode)
	if !ok || len(written.Arguments) != 2 {
		return loop{}, false
	}
	resolved := x.rule.written[n].node
	if call, ok := resolved.(*ast.CallNode); ok && len(call.Arguments) == 2 { // sum, avg, min or max of a map
		resolved = call.Arguments[1]
	}
	runs, ok := resolved.(*ast.BuiltinNode)
	if !ok {
		return loop{}, false // min or max of two values
	}
	return loop{written.Name, written.Arguments[0], written.Arguments[1], runs.Arguments[1]}, true
}

// judgement is what a loop makes of the items of its list.
type judgement struct {
	items   []any
	results []any // of each item; nil if they could not be evaluated
	held    int
	fault   string
}

// judge evaluates a loop for each item, also for those that it does not come to.
func (x *explainer) judge(n ast.Node, l loop) judgement {
	j, ok := x.judged[n]
	if ok {
		return j
	}
	listed := x.outcome(l.list)
	j = judgement{items: list(listed.value), fault: listed.fault}
	if j.fault == "" && len(j.items) > 0 {
		each := x.run(&ast.BuiltinNode{Name: "map", Arguments: []ast.Node{&ast.ConstantNode{Value: j.items}, l.predicate}})
		j.results, _ = each.value.([]any)
		j.fault = each.fault
	}
	for _, result := range j.results {
		if result == true {
			j.held++
		}
	}
	x.judged[n] = j
	return j
}

// showLoop shows the items of a loop: first those that make it what it is, in order, then others.
func (x *explainer) showLoop(node *Node, n ast.Node, l loop) {
	j := x.judge(n, l)
	node.Total, node.Items = len(j.items), nil
	if j.fault != "" {
		node.Error = "its items could not be looked at: " + j.fault
	}
	names := fieldsIn(l.body)
	for _, i := range x.telling(l, j) {
		it := Item{Number: i + 1, Value: shown(j.items[i], names, maxValue/4)}
		switch {
		case j.results == nil:
		case l.conditional():
			it.Holds = new(j.results[i] == true)
		default:
			it.Gives = shown(j.results[i], nil, maxValue/4)
		}
		node.Items = append(node.Items, it)
	}
	if l.conditional() && j.fault == "" {
		node.Held = new(j.held)
	}
}

// telling chooses the items to show.
func (x *explainer) telling(l loop, j judgement) []int {
	most := x.mostItems()
	var first, others []int
	for i := range j.items {
		if j.results != nil && l.conditional() && (j.results[i] == true) == (l.name != "all") {
			first = append(first, i)
		} else if len(others) < most {
			others = append(others, i)
		}
	}
	first = append(first, others...)
	return first[:min(len(first), most)]
}

// fieldsIn lists the fields of the item that the body of a loop names, in order.
func fieldsIn(body ast.Node) []string {
	var names []string
	var visit func(n ast.Node)
	visit = func(n ast.Node) {
		if member, ok := n.(*ast.MemberNode); ok {
			_, ofItem := member.Node.(*ast.PointerNode)
			if name, ok := member.Property.(*ast.StringNode); ok && ofItem {
				names = append(names, name.Value)
			}
		}
		for _, child := range children(n) {
			if _, inner := child.(*ast.PredicateNode); !inner { // whose item is another
				visit(child)
			}
		}
	}
	visit(body)
	slices.Sort(names)
	return slices.Compact(names)
}

const maxInSentence = 120 // characters of a text, or bytes of a value, in a sentence

// words puts a value into a sentence.
func words(value any) string {
	switch v := value.(type) {
	case nil:
		return "not known"
	case string:
		if v == "" {
			return "empty"
		}
		return strconv.Quote(shortened(v, maxInSentence))
	case moment, span:
		return strings.Trim(plainJSON(jsonSafe(v)), `"`)
	case item:
		return fmt.Sprintf("the event of %v", jsonSafe(present(v.event.OccurredAt)))
	case []any:
		if len(v) > 0 && kindOf(v[0]) == kindEvent {
			return plural(len(v), "event")
		}
	}
	return plainJSON(shown(value, nil, maxInSentence))
}

func shortened(s string, most int) string {
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// plainJSON writes a value as people write JSON, with < and > as they are.
func plainJSON(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "…" // jsonSafe gives nothing that cannot be written
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
