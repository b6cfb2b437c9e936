package campaign

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dotyk/rules"
)

// scope is what rules at some place of a campaign know of the steps before it.
type scope struct {
	results []string // ids of steps that have a result
	sent    []string // ids of email and sms steps
	// around is what is known at places that are read later and yet can lie before: at the end of each repeat around this
	// place, from where it is come to again, or anywhere, of a rule that is judged all the time.
	around []*scope
}

func (s scope) withResult(id string) scope {
	s.results = append(slices.Clip(s.results), id)
	return s
}

func (s scope) withResultIf(has bool, id string) scope {
	if has {
		return s.withResult(id)
	}
	return s
}

func (s scope) withSent(id string) scope {
	s.sent = append(slices.Clip(s.sent), id)
	return s
}

// merge adds what another scope, which grew from the same one, knows besides.
func (s scope) merge(o scope) scope {
	for _, id := range o.results {
		if !slices.Contains(s.results, id) {
			s = s.withResult(id)
		}
	}
	for _, id := range o.sent {
		if !slices.Contains(s.sent, id) {
			s = s.withSent(id)
		}
	}
	return s
}

// all is the scope with what is known around it. It is complete when all steps have been read.
func (s scope) all() scope {
	for _, o := range s.around {
		s = s.merge(*o)
	}
	return s
}

// pendingRule is a rule that has been read and waits until all steps are known.
type pendingRule struct {
	at      place
	source  string
	options rules.Options
	known   scope
	target  **rules.Rule
	use     use
}

// use is what a rule is for. It decides what is said about a rule that always gives the same answer.
type use uint8

const (
	useCondition use = iota
	useExit
	useAudience
	useValue
	useKey
)

// rule reads a field that must be a rule and has it compiled into target when everything is read.
func (r *reader) rule(n *node, path string, target **rules.Rule, u use, options rules.Options, known scope) {
	*target = &rules.Rule{} // so that what has a rule can be told from what has none, an else, before it is compiled
	switch n.shape {
	case shapeText, shapeNumber, shapeBool:
		r.pending = append(r.pending, pendingRule{n.place(path), strings.TrimSpace(n.text), options, known, target, u})
	case shapeNull, shapeList, shapeObject:
		r.wrongShape(n, path, "this", "a rule", `A rule is text, as in 'customer.email != ""'.`)
	}
}

// optionalRule is rule for a field that may be absent.
func (r *reader) optionalRule(
	fields map[string]*node, name, path string, target **rules.Rule, u use, options rules.Options, known scope,
) {
	if n := fields[name]; n != nil {
		r.rule(n, join(path, name), target, u, options, known)
	}
}

// compile compiles every rule that was read.
func (r *reader) compile() {
	for _, p := range r.pending {
		known := p.known.all()
		p.options.Results, p.options.Sent = slices.Concat(p.options.Results, known.results), known.sent
		for id := range r.ids {
			if !slices.Contains(p.options.Results, id) && !slices.Contains(p.options.Sent, id) {
				p.options.Later = append(p.options.Later, id)
			}
		}
		slices.Sort(p.options.Later)
		p.options.Schema = r.schema
		rule, err := rules.Compile(p.source, p.options)
		if err != nil {
			r.badRule(p, err)
			continue
		}
		*p.target = rule
		for _, w := range rule.Warnings() {
			r.warnings = append(r.warnings, Violation{
				Line: p.at.line, Column: p.at.column, Path: p.at.path, Code: CodeUnknownName, Message: w.Message, Rule: w,
			})
		}
		r.checkConstant(p, rule)
	}
}

func (r *reader) badRule(p pendingRule, err error) {
	v := Violation{Line: p.at.line, Column: p.at.column, Path: p.at.path, Code: CodeBadRule}
	v.Message = "the rule cannot be used: " + err.Error()
	if fault, ok := errors.AsType[*rules.Error](err); ok {
		v.Rule = fault
		v.Message = "the rule cannot be used: " + fault.Message
		if fault.Line > 1 || fault.Column > 1 {
			v.Message += fmt.Sprintf(" (line %d, column %d of the rule)", fault.Line, fault.Column)
		}
		if fault.Suggestion != "" {
			v.Advice = fmt.Sprintf("Did you mean %q?", fault.Suggestion)
		}
	}
	switch {
	case errors.Is(err, rules.ErrNotYet):
		v.Code, v.Advice = CodeResultBeforeStep, "Move that step before this one, outside of the other arms of a branch."
	case p.use == useKey && isWord(p.source):
		v.Advice = fmt.Sprintf("To use a property of the event, write entry.%s.", p.source)
	case p.use == useValue && v.Advice == "" && isWord(p.source):
		v.Advice = fmt.Sprintf(`To set the text itself, put it in quotes of its own: '"%s"'.`, p.source)
	}
	r.violations = append(r.violations, v)
}

func isWord(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func (r *reader) checkConstant(p pendingRule, rule *rules.Rule) {
	held, always := rule.Always()
	if !always || p.use == useValue || p.use == useKey || (p.use == useAudience && held) {
		return
	}
	message, advice := "this rule is always false", "What depends on it can never happen: remove it, or correct the rule."
	switch {
	case p.use == useExit && held:
		message = "this exit rule is always true"
		advice = "Every journey would leave before its first step: remove it, or correct the rule."
	case p.use == useAudience:
		message, advice = "this rule is always false, so nobody would enter", "Correct the rule."
	case held:
		message, advice = "this rule is always true", "Leave it out, or correct the rule."
	}
	r.report(p.at, CodeConstantRule, message, advice)
}
