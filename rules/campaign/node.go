package campaign

import (
	"fmt"
	"slices"
	"strings"

	"dotyk/rules"
)

// shape is what a node of a file looks like.
type shape uint8

const (
	shapeNull shape = iota
	shapeText
	shapeNumber
	shapeBool
	shapeList
	shapeObject
)

func (s shape) String() string {
	switch s {
	case shapeNull:
		return "empty"
	case shapeText:
		return "text"
	case shapeNumber:
		return "a number"
	case shapeBool:
		return "true or false"
	case shapeList:
		return "a list"
	case shapeObject:
		return "a group of fields"
	}
	return "unknown"
}

// node is a piece of a campaign file, the same for YAML and JSON.
type node struct {
	shape        shape
	text         string // of a text, number or boolean, as it means, without quotes
	fields       []field
	items        []*node
	line, column int // 1-based, in characters
}

type field struct {
	name string
	at   *node // the name itself
	node *node
}

// place is where something stands in a file.
type place struct {
	line, column int
	path         string
}

func (n *node) place(path string) place { return place{n.line, n.column, path} }

// reader turns nodes into a definition and collects everything that is wrong on the way.
type reader struct {
	violations    Violations
	pending       []pendingRule
	ids           map[string]place
	spots         map[string]place // of fields at the top of the file, by path
	steps         int
	schema        *rules.Schema
	warnings      Violations
	coupons       scope // the coupon steps, wherever they stand
	hasGoal       bool
	transactional bool
	passes        int // how often the step that is read can be carried out by the repeats around it
}

func (r *reader) report(at place, code, message, advice string) {
	r.violations = append(r.violations, Violation{
		Line: at.line, Column: at.column, Path: at.path, Code: code, Message: message, Advice: advice,
	})
}

func (r *reader) warn(at place, code, message, advice string) {
	r.warnings = append(r.warnings, Violation{
		Line: at.line, Column: at.column, Path: at.path, Code: code, Message: message, Advice: advice,
	})
}

// fields reads a group of fields. Fields that it does not have are reported with the name that was probably meant,
// repeated fields once each.
func (r *reader) fields(n *node, path string, o *object) map[string]*node {
	known := o.names()
	found := make(map[string]*node, len(n.fields))
	for _, f := range n.fields {
		at := f.at.place(join(path, f.name))
		switch {
		case found[f.name] != nil:
			r.report(at, CodeDuplicateField, fmt.Sprintf("%q stands twice in %s", f.name, o.what),
				"Remove one of them.")
		case !slices.Contains(known, f.name):
			r.report(at, CodeUnknownField, fmt.Sprintf("%s has no field %q", o.what, clip(f.name)),
				didYouMean(f.name, known))
		default:
			found[f.name] = f.node
		}
	}
	return found
}

// missing reports a field that must be there.
func (r *reader) missing(n *node, path, name, message, advice string) {
	r.report(n.place(join(path, name)), CodeMissingField, message, advice)
}

func didYouMean(name string, known []string) string {
	if meant := rules.Suggest(name, known); meant != "" {
		return fmt.Sprintf("Did you mean %q?", meant)
	}
	return "It can have: " + strings.Join(known, ", ") + "."
}

func join(path, name string) string {
	name = clip(name)
	if path == "" {
		return name
	}
	return path + "." + name
}

// clip shortens what a file holds for a message.
func clip(s string) string {
	const longest = 60
	if runes := []rune(s); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return s
}

func (r *reader) wrongShape(n *node, path, what, wanted, advice string) {
	if n.shape == shapeNull {
		r.report(n.place(path), CodeWrongType, fmt.Sprintf("%s is empty, where %s is wanted", what, wanted), advice)
		return
	}
	r.report(n.place(path), CodeWrongType, fmt.Sprintf("%s is %s, where %s is wanted", what, n.shape, wanted), advice)
}

// text reads a field that must be text. It gives "" for an absent field.
func (r *reader) text(fields map[string]*node, name, path string) string {
	if fields[name] == nil {
		return ""
	}
	return r.textAt(fields[name], join(path, name), fmt.Sprintf("%q", name))
}

func (r *reader) textAt(n *node, path, what string) string {
	switch n.shape {
	case shapeText:
		if strings.TrimSpace(n.text) == "" {
			r.report(n.place(path), CodeBadValue, what+" is empty", "Give it a value, or remove it.")
		}
		return n.text
	case shapeNumber, shapeBool:
		r.wrongShape(n, path, what, "text", fmt.Sprintf("Put it in quotes: %q.", n.text))
	case shapeNull, shapeList, shapeObject:
		r.wrongShape(n, path, what, "text", "")
	}
	return ""
}

// name reads a field that names something: one line of text without spaces around it.
func (r *reader) name(fields map[string]*node, name, path string) string {
	if fields[name] == nil {
		return ""
	}
	return r.nameAt(fields[name], join(path, name), fmt.Sprintf("%q", name))
}

func (r *reader) nameAt(n *node, path, what string) string {
	const longest = 200
	s := r.textAt(n, path, what)
	if strings.TrimSpace(s) == s && !strings.ContainsAny(s, "\n\r\t") && len(s) <= longest {
		return s
	}
	if strings.TrimSpace(s) != "" {
		r.report(n.place(path), CodeBadValue, fmt.Sprintf("%s is not a usable name: %q", what, clip(s)),
			fmt.Sprintf("Write one line of at most %d bytes, without spaces around it.", longest))
	}
	return ""
}

// flag reads a field that must be true or false.
func (r *reader) flag(fields map[string]*node, name, path string, otherwise bool) bool {
	n := fields[name]
	if n == nil {
		return otherwise
	}
	if n.shape != shapeBool {
		r.wrongShape(n, join(path, name), fmt.Sprintf("%q", name), "true or false",
			"Write true or false, without quotes.")
		return otherwise
	}
	return strings.EqualFold(n.text, "true")
}
