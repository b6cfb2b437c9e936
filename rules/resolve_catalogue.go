package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

// attribute checks the name of an attribute against the catalogue.
func (r *resolver) attribute(at ast.Node, name string) Type {
	if r.opts.Schema == nil {
		return ""
	}
	of, ok := r.opts.Schema.Attributes[name]
	if !ok {
		names := append(slices.Collect(maps.Keys(r.opts.Schema.Attributes)), slices.Collect(maps.Keys(recordFields))...)
		r.strange(at, "attribute", name, names, "starter catalogue declare attribute "+word(name)+" TYPE")
	}
	return of
}

// eventName checks the name of an event against the catalogue.
func (r *resolver) eventName(at ast.Node, name string) {
	if r.opts.Schema == nil || r.opts.Schema.Events == nil {
		return
	}
	_, seen := r.opts.Schema.Events[name]
	if _, own := ownEvents[name]; !seen && !own {
		names := append(slices.Collect(maps.Keys(r.opts.Schema.Events)), slices.Collect(maps.Keys(ownEvents))...)
		r.strange(at, "event", name, names, "starter catalogue declare event "+word(name))
	}
}

// property checks the name of a property of an event against the catalogue.
func (r *resolver) property(at ast.Node, event, name string) Type {
	if r.opts.Schema == nil || r.opts.Schema.Events == nil || event == "" || eventField(name) != kindAny {
		return ""
	}
	properties, seen := r.opts.Schema.Events[event]
	own := ownEvents[event]
	if !seen && own == nil {
		return "" // the event itself is strange
	}
	of, ok := properties[name]
	ownType, isOwn := own[name]
	switch {
	case isOwn && ok && ownType != of: // others send an event of this name, too
		return TypeMixed
	case isOwn:
		return ownType
	case !ok:
		names := slices.Concat(slices.Collect(maps.Keys(properties)), slices.Collect(maps.Keys(own)), []string{"at"})
		r.strange(at, "property of "+event, name, names, "starter catalogue declare property "+word(event)+" "+word(name)+" TYPE")
	}
	return of
}

func (r *resolver) segment(at ast.Node, name string) {
	if r.opts.Schema == nil || r.opts.Schema.Segments == nil || slices.Contains(r.opts.Schema.Segments, name) {
		return
	}
	r.failSuggest(at, fmt.Sprintf("there is no segment %q", name), name, r.opts.Schema.Segments)
}

func (r *resolver) topic(at ast.Node, name string) {
	if r.opts.Schema != nil && r.opts.Schema.Topics != nil && !slices.Contains(r.opts.Schema.Topics, name) {
		r.strange(at, "topic", name, r.opts.Schema.Topics, "starter topic set "+word(name))
	}
}

func (r *resolver) campaign(at ast.Node, name string) {
	if r.opts.Schema != nil && r.opts.Schema.Campaigns != nil && !slices.Contains(r.opts.Schema.Campaigns, name) {
		r.strange(at, "campaign", name, r.opts.Schema.Campaigns, "")
	}
}

// strange deals with a name that the catalogue does not hold. One that is nearly another is a slip of the fingers, and
// an error; any other may be of data that is still to come, and is a warning.
func (r *resolver) strange(at ast.Node, what, name string, names []string, declare string) {
	if r.err != nil {
		return
	}
	slices.Sort(names)
	e := newError(r.src, at.Location().From, fmt.Sprintf("no %s is called %q", what, name))
	e.Suggestion = Suggest(name, names)
	if e.Suggestion != "" && slip(name, e.Suggestion) {
		if declare != "" {
			e.Message += "; if it is to come, declare it: " + declare
		}
		r.err = e
		return
	}
	e.Message += " yet"
	r.warnings = append(r.warnings, e)
}

// word is a name as it is typed at a command line.
func word(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == "" {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}

// slip tells whether one name is so near another that it must be a slip of the fingers: order_complted. What is only
// similar, such as order_cancelled, is a name of its own as likely as not.
func slip(name, other string) bool {
	const long = 8
	most := 1
	if len([]rune(name)) >= long {
		most = 2
	}
	return distance([]rune(name), []rune(other)) <= most
}

// warnAboutTimes warns of times that are compared with text letter by letter.
func (r *resolver) warnAboutTimes(n ast.Node, value, other part) {
	if value.kind != kindAny || value.hint != TypeTime || !other.fixed || other.kind != kindText {
		return
	}
	r.warnings = append(r.warnings, newError(r.src, n.Location().From, fmt.Sprintf(
		"%s holds times, and is compared with text letter by letter; write time(%s) to compare times", brief(n), brief(n))))
}
