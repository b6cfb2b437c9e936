package campaign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const (
	winnerArm    = "winner"
	restOfAll    = "rest"
	defaultAlpha = 0.05
)

func (r *reader) split(d draft) (*SplitStep, scope) {
	const advice = "Write {arms: {a: 50%, b: 50%}}, or with steps " +
		"{arms: {a: {share: 50%, steps: […]}, b: {share: rest, steps: […]}}}."
	fields := r.body(d, objSplit, advice)
	s := &SplitStep{ID: r.id(d, fields)}
	if d.n.shape != shapeObject {
		return s, d.known
	}
	after := d.known.withResult(s.ID)
	ways := r.ways(d, fields["arms"], advice)
	if len(ways) == 0 {
		return s, after
	}
	s.Arms = make([]SplitArm, len(ways))
	shares := make([]*node, len(ways))
	for i, way := range ways {
		way.d.numbers, way.d.known = append(slices.Clip(d.numbers), i+1), d.known.withResult(s.ID)
		var known scope
		s.Arms[i], shares[i], known = r.way(way)
		after = after.merge(known)
	}
	r.wayNames(ways, s)
	r.divide(d, s, shares)
	r.experiment(d, s, fields)
	return s, after
}

// way is an arm of a split as it stands in the file.
type way struct {
	d     draft
	name  string
	named bool  // by the field that it stands under, not within
	at    place // of the name
}

// ways finds the arms, which are written by their names or as a list.
func (r *reader) ways(d draft, arms *node, advice string) []way {
	const least = 2
	var ways []way
	switch path := d.at("arms"); {
	case arms == nil:
	case arms.shape == shapeObject:
		for _, f := range arms.fields {
			at := join(path, f.name)
			ways = append(ways, way{draft{n: f.node, path: at}, f.name, true, f.at.place(at)})
		}
	case arms.shape == shapeList:
		for i, item := range arms.items {
			at := fmt.Sprintf("%s[%d]", path, i)
			name := &node{line: item.line, column: item.column}
			for _, f := range item.fields {
				if f.name == "name" {
					name = f.node
				}
			}
			ways = append(ways, way{draft{n: item, path: at}, name.text, false, name.place(join(at, "name"))})
		}
	default:
		r.wrongShape(arms, path, "this", "a group of arms", advice)
		return nil
	}
	if len(ways) < least {
		r.report(d.n.place(d.path), CodeNoArms, "a split needs two arms at least", advice)
		return nil
	}
	return ways
}

// way reads one arm: its part alone, or a group with its part and steps. It gives the node of the part, too.
func (r *reader) way(w way) (SplitArm, *node, scope) {
	const advice = "Write its part, as in 50% or rest, or {share: 50%, steps: […]}."
	arm, known := SplitArm{Name: w.name, Winner: w.name == winnerArm}, w.d.known
	if w.d.n.shape == shapeText || w.d.n.shape == shapeNumber {
		return arm, w.d.n, known
	}
	fields := r.body(w.d, objWay, advice)
	if name := fields["name"]; name != nil && w.named {
		r.report(name.place(w.d.at("name")), CodeConflict, "the arm has a name already: the field that it stands under",
			"Remove this one.")
	}
	steps := fields["steps"]
	switch {
	case w.d.n.shape != shapeObject:
		return arm, nil, known
	case fields["share"] == nil:
		r.missing(w.d.n, w.d.path, "share", "the arm does not say which part of the customers it gets", advice)
	case arm.Winner && steps != nil:
		r.report(steps.place(w.d.at("steps")), CodeConflict,
			"the arm winner has no steps of its own: it goes the way of the arm that won",
			"Remove them, or call the arm otherwise.")
		return arm, fields["share"], known
	}
	if steps != nil {
		arm.Steps, known = r.within(w.d, steps, "steps", "the arm")
	}
	return arm, fields["share"], known
}

// wayNames checks the names of the arms.
func (r *reader) wayNames(ways []way, s *SplitStep) {
	for i, w := range ways {
		switch {
		case !idPattern.MatchString(w.name) || len(w.name) > maxID:
			r.report(w.at, CodeBadValue, fmt.Sprintf("%q cannot be the name of an arm", clip(w.name)),
				"Write letters, digits and underscores, with no digit first.")
		case slices.ContainsFunc(s.Arms[:i], func(a SplitArm) bool { return a.Name == w.name }):
			r.report(w.at, CodeDuplicateField, fmt.Sprintf("two arms are called %q", w.name),
				"Give each arm a name of its own.")
		}
	}
}

// divide reads the parts of the arms, gives one of them the rest, and checks that they add up.
func (r *reader) divide(d draft, s *SplitStep, shares []*node) {
	var sum Share
	rest, faults := -1, len(r.violations)
	for i, n := range shares {
		switch path := d.at("arms") + "." + clip(s.Arms[i].Name); {
		case n == nil:
			return // reported
		case n.shape == shapeText && strings.TrimSpace(n.text) == restOfAll && rest >= 0:
			r.report(n.place(path), CodeBadShares, "two arms have the rest", "Give one of them a part, as in 50%.")
		case n.shape == shapeText && strings.TrimSpace(n.text) == restOfAll:
			rest = i
		default:
			if s.Arms[i].Share = r.share(n, path); s.Arms[i].Share == 0 && len(r.violations) == faults {
				r.report(n.place(path), CodeBadShares, "nobody would go this way",
					"Give it a part, as in 50%, or remove it.")
			}
			sum += s.Arms[i].Share
		}
	}
	at := d.n.place(d.at("arms"))
	switch {
	case len(r.violations) > faults:
	case rest >= 0 && sum < wholeShare:
		s.Arms[rest].Share = wholeShare - sum
	case rest >= 0:
		r.report(at, CodeBadShares, fmt.Sprintf("the parts add up to %s, so there is no rest", sum),
			"Make the parts smaller.")
	case sum != wholeShare:
		r.report(at, CodeBadShares, fmt.Sprintf("the parts add up to %s instead of 100%%", sum),
			`Correct them, or give one arm "rest".`)
	}
}

// experiment reads what decides about the arm winner.
func (r *reader) experiment(d draft, s *SplitStep, fields map[string]*node) {
	at := d.n.place(d.path)
	if !slices.ContainsFunc(s.Arms, func(a SplitArm) bool { return a.Winner }) {
		r.foreign(d, fields, "a split without an arm called winner", "by", "after", "alpha", "default")
		return
	}
	s.By = SplitBy(r.word(fields, "by", d.path, "", string(ByClicks), string(ByOpens), string(ByGoal)))
	s.After = r.optionalDuration(fields, "after", d.path, 0)
	s.Alpha = r.alpha(fields, d)
	s.Default = r.name(fields, "default", d.path)
	var arms []string
	for _, a := range s.Arms {
		if !a.Winner {
			arms = append(arms, a.Name)
		}
	}
	const least = 2
	if len(arms) < least {
		r.report(at, CodeNoArms, "an experiment needs two arms besides the winner", "Add an arm.")
		return
	}
	if fields["by"] == nil {
		r.missing(d.n, d.path, "by", "the split does not say by what an arm wins",
			`Add "by: clicks", "by: opens" or "by: goal".`)
	}
	if fields["after"] == nil {
		r.missing(d.n, d.path, "after", "the split does not say when the winner is chosen",
			`Add "after:", as in "after: 4h".`)
	}
	if s.By == ByGoal && !r.hasGoal {
		r.report(fields["by"].place(d.at("by")), CodeConflict, "the campaign has no goal to count",
			`Add "goal:" to the campaign, or count clicks.`)
	}
	switch {
	case fields["default"] == nil:
		s.Default = arms[0]
	case s.Default != "" && !slices.Contains(arms, s.Default):
		r.report(fields["default"].place(d.at("default")), CodeBadValue,
			fmt.Sprintf("there is no arm %q", clip(s.Default)), didYouMean(s.Default, arms))
	}
}

func (r *reader) alpha(fields map[string]*node, d draft) float64 {
	n := fields["alpha"]
	if n == nil {
		return defaultAlpha
	}
	alpha, err := strconv.ParseFloat(n.text, 64)
	if n.shape != shapeNumber || err != nil || !(alpha > 0 && alpha < 1) {
		r.report(n.place(d.at("alpha")), CodeBadValue, "alpha must be a number between 0 and 1", "Write it as in 0.05.")
		return defaultAlpha
	}
	return alpha
}
