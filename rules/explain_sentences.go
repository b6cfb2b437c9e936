package rules

import (
	"fmt"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// sentence says what a condition other than and, or, not and ?: is, and what it would have to be.
func (x *explainer) sentence(n ast.Node, want bool) string {
	if l, ok := x.loopOf(n); ok {
		return x.loopSentence(n, l, want)
	}
	if name, args, ok := called(n); ok {
		switch name {
		case "segment":
			if want {
				return "the customer must be in segment " + x.brief(args[0])
			}
			return "the customer must leave segment " + x.brief(args[0])
		case "in_topic":
			return x.topicSentence(args, want)
		}
	}
	if b, ok := n.(*ast.BinaryNode); ok {
		if must, of := x.requirement(b, want); must != "" {
			return fmt.Sprintf("%s; it must %s", x.state(of), must)
		}
	}
	return fmt.Sprintf("%s; it must be %t", x.state(n), want)
}

func (x *explainer) topicSentence(args []ast.Node, want bool) string {
	about := "messages on topic " + x.brief(args[0])
	if len(args) > 1 {
		about += " by " + strings.Trim(x.brief(args[1]), `"`)
	}
	if want {
		return fmt.Sprintf("the customer may not be sent %s; they must agree to them", about)
	}
	return fmt.Sprintf("the customer may be sent %s; they must unsubscribe from them", about)
}

var (
	opposite = map[string]string{"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
	mirrored = map[string]string{"==": "==", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
)

// requirement says what an operator wants, and of which of its sides. It is "" for operators that test nothing.
func (x *explainer) requirement(n *ast.BinaryNode, want bool) (must string, of ast.Node) {
	not := ""
	if !want {
		not = "not "
	}
	switch n.Operator {
	case "==", "!=", "<", "<=", ">", ">=":
		return x.comparison(n, want)
	case "in":
		return x.inRequirement(n, want)
	case "contains":
		return not + "contain " + x.target(n.Right), n.Left
	case "startsWith":
		return not + "start with " + x.target(n.Right), n.Left
	case "endsWith":
		return not + "end with " + x.target(n.Right), n.Left
	case "matches":
		return not + "match " + x.target(n.Right), n.Left
	}
	return "", n
}

func (x *explainer) comparison(n *ast.BinaryNode, want bool) (must string, of ast.Node) {
	operator, of, to := n.Operator, n.Left, n.Right
	if !want {
		operator = opposite[operator]
	}
	if x.fixed(of) && !x.fixed(to) {
		operator, of, to = mirrored[operator], to, of
	}
	target := x.target(to)
	switch {
	case target == "null" && operator == "==":
		return "be unknown", of
	case target == "null" && operator == "!=":
		return "be known", of
	case target == `""` && operator == "==":
		return "be empty", of
	case target == `""` && operator == "!=":
		return "not be empty", of
	}
	words := map[string]string{"==": "", "!=": "anything but ", "<": "less than ", "<=": "at most ", ">": "more than ", ">=": "at least "}
	if x.rule.written[n.Left].kind == kindTime || x.rule.written[n.Right].kind == kindTime {
		words = map[string]string{"==": "", "!=": "anything but ", "<": "before ", "<=": "at or before ", ">": "after ", ">=": "at or after "}
	}
	return "be " + words[operator] + target, of
}

func (x *explainer) inRequirement(n *ast.BinaryNode, want bool) (must string, of ast.Node) {
	if bounds, ok := n.Right.(*ast.BinaryNode); ok && bounds.Operator == ".." {
		between := "be between %s and %s"
		if !want {
			between = "not be between %s and %s"
		}
		return fmt.Sprintf(between, x.target(bounds.Left), x.target(bounds.Right)), n.Left
	}
	_, written := n.Right.(*ast.ArrayNode)
	if x.fixed(n.Left) && !written {
		if want {
			return "contain " + x.target(n.Left), n.Right
		}
		return "not contain " + x.target(n.Left), n.Right
	}
	if want {
		return "be one of " + x.target(n.Right), n.Left
	}
	return "be none of " + x.target(n.Right), n.Left
}

// loopSentence is about any, all and none.
func (x *explainer) loopSentence(n ast.Node, l loop, want bool) string {
	j := x.judge(n, l)
	noun, list, body := "item", x.brief(l.list), x.brief(l.body)
	if x.rule.written[l.list].item == kindEvent {
		noun = "event"
	}
	fulfil, must := "fulfil", map[string]string{"any": "at least one must", "all": "all must", "none": "none may"}[l.name]
	if !want {
		must = map[string]string{"any": "none may", "all": "at least one must not", "none": "at least one must"}[l.name]
	}
	if len(j.items) == 0 {
		if l.name == "all" {
			fulfil = "do not fulfil"
		}
		return fmt.Sprintf("there are no %ss in %s; there must be some that %s %s", noun, list, fulfil, body)
	}
	held := fmt.Sprint(j.held)
	switch {
	case j.results == nil:
		held = "some"
	case j.held == 0:
		held = "none"
	}
	if j.held == 1 {
		fulfil = "fulfils"
	}
	return fmt.Sprintf("%s of the %s in %s %s %s; %s", held, plural(len(j.items), noun), list, fulfil, body, must)
}

// state says what a part is now.
func (x *explainer) state(n ast.Node) string {
	return fmt.Sprintf("%s is %s", x.brief(n), words(x.outcome(n).value))
}

// target is what a part is compared with: as it stands in the rule, and with its value where that can change.
func (x *explainer) target(n ast.Node) string {
	if name, ok := n.(*ast.IdentifierNode); ok && name.Value == nameNull {
		return "null"
	}
	if _, ok := n.(*ast.NilNode); ok {
		return "null"
	}
	if text, ok := n.(*ast.StringNode); ok && text.Value == "" {
		return `""`
	}
	if _, resolved := x.rule.written[n]; !resolved || x.fixed(n) {
		return x.brief(n)
	}
	if o := x.outcome(n); o.fault == "" {
		return fmt.Sprintf("%s (%s)", x.brief(n), words(o.value))
	}
	return x.brief(n)
}

// fixed reports whether a part is the same in every evaluation.
func (x *explainer) fixed(n ast.Node) bool {
	p, resolved := x.rule.written[n]
	return p.fixed || (!resolved && literal(n))
}

// brief is the text of a part, on one line, for a sentence.
func (x *explainer) brief(n ast.Node) string {
	return shortened(strings.Join(strings.Fields(x.layout.text(n)), " "), maxInSentence)
}
