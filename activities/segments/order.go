package segments

import (
	"slices"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules"
)

// mentioned lists the segments that something with these mentions asks for.
func mentioned(mentions []string) []string {
	var names []string
	for _, m := range mentions {
		if name, ok := strings.CutPrefix(m, rules.MentionSegment); ok {
			names = append(names, name)
		}
	}
	return names
}

// InOrder gives the segments so that each stands after those it mentions, and otherwise as they stood. Saving refuses
// cycles; should there be one all the same, it is cut at an arbitrary place.
func InOrder(list []store.LiveSegment) []store.LiveSegment {
	byName := make(map[string]int, len(list))
	for i := range list {
		byName[list[i].Name] = i
	}
	ordered := make([]store.LiveSegment, 0, len(list))
	seen := make([]bool, len(list))
	var visit func(i int)
	visit = func(i int) {
		if seen[i] {
			return
		}
		seen[i] = true
		for _, name := range mentioned(list[i].Mentions) {
			if at, ok := byName[name]; ok {
				visit(at)
			}
		}
		ordered = append(ordered, list[i])
	}
	for i := range list {
		visit(i)
	}
	return ordered
}

// cycle gives the way from a segment with these mentions back to itself, beginning and ending with its name; nil when
// there is none.
func cycle(list []store.Segment, name string, mentions []string) []string {
	next := make(map[string][]string, len(list))
	for _, s := range list {
		next[s.Name] = mentioned(s.Mentions)
	}
	next[name] = mentioned(mentions)
	seen := map[string]bool{}
	var find func(from string) []string
	find = func(from string) []string {
		for _, to := range next[from] {
			if to == name {
				return []string{from, to}
			}
			if seen[to] {
				continue
			}
			seen[to] = true
			if rest := find(to); rest != nil {
				return slices.Insert(rest, 0, from)
			}
		}
		return nil
	}
	return find(name)
}
