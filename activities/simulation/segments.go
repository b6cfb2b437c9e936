package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/rules/campaign/rehearsal"
)

// segments says how memberships are played.
type segments struct {
	rules   map[string]string // by the rule, by name
	history []string          // as they really were, by name, sorted
	unknown []string          // there are none of these names
}

// chooseSegments decides it for the segments that a simulation needs, and adds to its wants what their rules need. Real
// memberships are the truth where they are known from the beginning on, unless the campaign itself would have changed
// them; the others are found by their rules.
func chooseSegments(all []store.PastSegment, wants *rehearsal.Wants, from time.Time) (segments, error) {
	c := chooser{byName: map[string]store.PastSegment{}, wants: wants, from: from, ruled: map[string]bool{}}
	for _, g := range all {
		c.byName[g.Name] = g
	}
	chosen := segments{rules: map[string]string{}}
	history := map[string]bool{}
	for queue := slices.Concat(wants.Segments, wants.Lists); len(queue) > 0; queue = queue[1:] {
		name := queue[0]
		g, known := c.byName[name]
		switch {
		case !known:
			chosen.unknown = append(chosen.unknown, name)
		case !c.byRule(name):
			history[name] = true
		case chosen.rules[name] == "":
			rule, err := rules.Compile(g.Rule, rules.Options{})
			if err != nil {
				return segments{}, fmt.Errorf("compile the rule of segment %s: %w", name, err)
			}
			chosen.rules[name] = g.Rule
			wants.Also(rule.Needs())
			queue = append(queue, rule.Needs().Segments...)
		}
	}
	chosen.history = slices.Sorted(maps.Keys(history))
	slices.Sort(chosen.unknown)
	chosen.unknown = slices.Compact(chosen.unknown)
	return chosen, nil
}

type chooser struct {
	byName map[string]store.PastSegment
	wants  *rehearsal.Wants
	from   time.Time
	ruled  map[string]bool
}

// byRule reports whether a segment's members are found by its rule.
func (c *chooser) byRule(name string) bool {
	g, known := c.byName[name]
	if ruled, judged := c.ruled[name]; judged || !known || g.Kind == store.SegmentStatic {
		return ruled
	}
	c.ruled[name] = false // segments that mention each other
	ruled := g.Since.IsZero() || g.Since.After(c.from)
	for _, mention := range g.Mentions {
		inner, segment := strings.CutPrefix(mention, rules.MentionSegment)
		ruled = ruled || slices.Contains(c.wants.Changes, mention) || segment && c.byRule(inner)
	}
	c.ruled[name] = ruled
	return ruled
}
