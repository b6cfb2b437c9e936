package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// change is what would have to happen: what a sentence says, or each of several changes, or one of several. The zero
// value is a change that has happened.
type change struct {
	sentence string
	each     bool
	of       []change
}

const (
	maxChanges    = 20     // sentences
	maxChange     = 600    // characters of one
	maxChangeText = 10_000 // bytes of their JSON together
)

// changes says what would make the rule true, or false.
func (x *explainer) changes(want bool) []string {
	c, possible := x.flip(x.rule.tree, want)
	if !possible {
		return []string{"nothing can change this answer"}
	}
	var lines []string
	size := 0
	for i, line := range c.lines() {
		line = shortened(line, maxChange)
		if size += encodedSize(line); i == maxChanges || size > maxChangeText {
			return append(lines, fmt.Sprintf("and %d more", len(c.of)-i))
		}
		lines = append(lines, line)
	}
	return lines
}

func (c change) lines() []string {
	if len(c.of) == 0 {
		return []string{c.sentence}
	}
	lines := make([]string, len(c.of))
	for i, one := range c.of {
		switch {
		case c.each:
			lines[i] = one.inline()
		case i == 0:
			lines[i] = "either " + one.inline()
		default:
			lines[i] = "or " + one.inline()
		}
	}
	return lines
}

func (c change) inline() string {
	if len(c.of) == 0 {
		return c.sentence
	}
	inner := make([]string, len(c.of))
	for i, one := range c.of {
		inner[i] = one.inline()
		if len(one.of) > 0 {
			inner[i] = "(" + inner[i] + ")"
		}
	}
	if c.each {
		return strings.Join(inner, ", and ")
	}
	return "either " + strings.Join(inner, ", or ")
}

// combined joins changes, each of which, or one of which, is needed.
func combined(each bool, of []change) change {
	var flat []change
	for _, c := range of {
		if len(c.of) > 0 && c.each == each {
			flat = append(flat, c.of...)
		} else {
			flat = append(flat, c)
		}
	}
	var distinct []change
	for _, c := range flat {
		same := func(o change) bool { return c.inline() == o.inline() }
		if !slices.ContainsFunc(distinct, same) {
			distinct = append(distinct, c)
		}
	}
	if len(distinct) == 1 {
		return distinct[0]
	}
	return change{each: each, of: distinct}
}

// flip says what would make a condition, which is not as wanted, true or false. It is not possible if nothing can.
func (x *explainer) flip(n ast.Node, want bool) (c change, possible bool) {
	if x.rule.written[n].fixed {
		return change{}, false
	}
	if operator, sides := junction(n); sides != nil {
		return x.flipJunction(sides, operator == "or", want)
	}
	if of, ok := negated(n); ok {
		return x.flip(of, !want)
	}
	if choice, ok := n.(*ast.ConditionalNode); ok {
		return x.flipChoice(choice, want)
	}
	o := x.outcome(n)
	if o.fault != "" {
		return change{sentence: fmt.Sprintf("%s could not be evaluated: %s", x.brief(n), o.fault)}, true
	}
	if x.rule.written[n].free && o.until.IsZero() {
		return change{}, false // only time could change it, and it will not
	}
	sentence := x.sentence(n, want)
	if at, ok := x.byItself(n, o.until, want); ok {
		sentence += ": by itself on " + at.UTC().Format(time.RFC3339Nano) + ", if nothing else changes"
	}
	return change{sentence: sentence}, true
}

// flipJunction says what would make a chain of conditions as wanted: one of them where one alone decides, else each of
// those that are not as wanted.
func (x *explainer) flipJunction(sides []ast.Node, dominant, want bool) (c change, possible bool) {
	var of []change
	for _, side := range sides {
		if o := x.outcome(side); o.fault == "" && o.holds() == want {
			continue
		}
		c, possible := x.flip(side, want)
		switch {
		case possible:
			of = append(of, c)
		case want != dominant:
			return change{}, false
		}
	}
	return combined(want != dominant, of), len(of) > 0
}

// flipChoice makes the branch that counts as wanted, or makes the other one count.
func (x *explainer) flipChoice(n *ast.ConditionalNode, want bool) (c change, possible bool) {
	held := x.outcome(n.Cond).holds()
	var of []change
	if c, possible := x.flip(chosen(n, held), want); possible {
		of = append(of, c)
	}
	if c, possible := x.flip(n.Cond, !held); possible {
		other := chosen(n, !held)
		if x.outcome(other).holds() == want {
			of = append(of, c)
		} else if also, possible := x.flip(other, want); possible {
			of = append(of, combined(true, []change{c, also}))
		}
	}
	return combined(false, of), len(of) > 0
}

// byItself looks for the moment at which time alone makes a condition as wanted, from one moment at which it may change
// to the next.
func (x *explainer) byItself(n ast.Node, until time.Time, want bool) (time.Time, bool) {
	const most = 500 // moments to look at
	program, err := assemble(x.rule.source, x.rule.written[n].node)
	if err != nil {
		return time.Time{}, false // n has an outcome: it has been assembled before
	}
	env := *x.env
	for range most {
		if until.IsZero() || x.work >= maxExplaining {
			return time.Time{}, false
		}
		env.Now = until
		state := newRun(&env)
		result, err := state.execute(x.rule.source, program)
		x.work += state.work + workToStart
		if err != nil {
			return time.Time{}, false // the answer by then is not known; the sentence says what is wanted all the same
		}
		if (result == true) == want {
			return env.Now, true
		}
		until = state.until
	}
	return time.Time{}, false
}
