package campaign

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Difference is one thing that two versions of a campaign do not have in common.
//
// A field has its value in Before and After as the canonical form writes it, JSON-safe; nil where the version has no such
// field. A step that only one version has stands under "steps.<id>", whole but for the steps within it. Of a step that
// was moved, "steps.<id>.place" says where it stood and where it stands.
type Difference struct {
	Path   string `json:"path"` // of a step by its id: "steps.hello.template"
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// Diff lists what is different in b: of the campaign as a whole, then of its steps in the order of the file, at the end
// those that b has no more. Steps are told apart by their ids.
func Diff(a, b *Definition) []Difference {
	before, after := flatten(a), flatten(b)
	found := compare("", objCampaign, before.top, after.top)
	moved := moves(before, after)
	for _, s := range after.steps {
		path, was := "steps."+s.id, before.byID[s.id]
		if was == nil {
			found = append(found, Difference{Path: path, After: map[string]any{s.kind: s.body}})
			continue
		}
		if moved[s.id] {
			found = append(found, Difference{Path: path + ".place", Before: was.place(), After: s.place()})
		}
		if was.kind != s.kind {
			found = append(found,
				Difference{Path: path, Before: map[string]any{was.kind: was.body}, After: map[string]any{s.kind: s.body}})
			continue
		}
		found = append(found, compare(path+".", objectOf(s.kind), was.body, s.body)...)
	}
	for _, s := range before.steps {
		if after.byID[s.id] == nil {
			found = append(found, Difference{Path: "steps." + s.id, Before: map[string]any{s.kind: s.body}})
		}
	}
	return found
}

// flat is a campaign's canonical form with its tree of steps laid out.
type flat struct {
	top   map[string]any
	steps []*flatStep // in the order of the file
	byID  map[string]*flatStep
}

// flatStep is one step of it.
type flatStep struct {
	id, kind string
	body     map[string]any // without the steps within it
	list     string         // where it stands: "steps", or the way of a step
	behind   string         // id of the step before it in its list, "" if it is the first
}

func (s *flatStep) place() string {
	if s.behind == "" {
		return "first of " + s.list
	}
	return "behind " + s.behind + " of " + s.list
}

func flatten(d *Definition) *flat {
	f := &flat{top: maps.Clone(d.tree), byID: map[string]*flatStep{}}
	f.add("steps", f.top["steps"])
	delete(f.top, "steps")
	return f
}

// add lays out a list of steps.
func (f *flat) add(list string, steps any) {
	behind := ""
	items, _ := steps.([]any)
	for _, item := range items {
		step, _ := item.(map[string]any)
		for kind, content := range step {
			body, _ := content.(map[string]any)
			id, _ := body["id"].(string)
			s := &flatStep{id: id, kind: kind, body: maps.Clone(body), list: list, behind: behind}
			delete(s.body, "id")
			f.steps, f.byID[id], behind = append(f.steps, s), s, id
			f.within(s)
		}
	}
}

// within takes the lists of steps out of a step, and lays them out.
func (f *flat) within(s *flatStep) {
	if s.kind == "repeat" {
		f.add(s.id, s.body["steps"])
		delete(s.body, "steps")
	}
	arms, _ := s.body["arms"].([]any)
	ways := make([]any, len(arms))
	for i, item := range arms {
		arm, _ := item.(map[string]any)
		way := maps.Clone(arm)
		list := fmt.Sprintf("%s, arm %d", s.id, i+1)
		if name, named := arm["name"].(string); named {
			list = s.id + ", arm " + name
		}
		f.add(list, arm["steps"])
		delete(way, "steps")
		if otherwise, has := arm["else"]; has {
			f.add(list, otherwise)
			way["else"] = true
		}
		ways[i] = way
	}
	if len(ways) > 0 {
		s.body["arms"] = ways
	}
}

// moves finds the steps that stand elsewhere in b: in another list, or in another order among those that stayed.
func moves(before, after *flat) map[string]bool {
	moved := map[string]bool{}
	stayed := map[string][]*flatStep{}
	for _, s := range after.steps {
		switch was := before.byID[s.id]; {
		case was == nil:
		case was.list != s.list:
			moved[s.id] = true
		default:
			stayed[s.list] = append(stayed[s.list], s)
		}
	}
	rank := make(map[string]int, len(before.steps))
	for i, s := range before.steps {
		rank[s.id] = i
	}
	for _, list := range stayed {
		ranks := make([]int, len(list))
		for i, s := range list {
			ranks[i] = rank[s.id]
		}
		kept := increasing(ranks)
		for i, s := range list {
			if !kept[i] {
				moved[s.id] = true
			}
		}
	}
	return moved
}

// increasing marks a longest increasing part of a series: the least that could be moved is the rest.
func increasing(series []int) []bool {
	length, previous, last := make([]int, len(series)), make([]int, len(series)), -1
	for i := range series {
		length[i], previous[i] = 1, -1
		for j := range i {
			if series[j] < series[i] && length[j]+1 > length[i] {
				length[i], previous[i] = length[j]+1, j
			}
		}
		if last < 0 || length[i] > length[last] {
			last = i
		}
	}
	kept := make([]bool, len(series))
	for i := last; i >= 0; i = previous[i] {
		kept[i] = true
	}
	return kept
}

// compare lists the fields that differ, in the order of the reference. It looks into groups of fields, not into lists.
func compare(prefix string, o *object, a, b map[string]any) []Difference {
	names := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	var order []string
	if o != nil {
		order = o.names()
	}
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x), slices.Index(order, y)), cmp.Compare(x, y))
	})
	var found []Difference
	for _, name := range slices.Compact(names) {
		was, isGroup := a[name].(map[string]any)
		is, areGroups := b[name].(map[string]any)
		switch {
		case reflect.DeepEqual(a[name], b[name]):
		case isGroup && areGroups:
			found = append(found, compare(prefix+name+".", nil, was, is)...)
		default:
			found = append(found, Difference{Path: prefix + name, Before: a[name], After: b[name]})
		}
	}
	return found
}

// objectOf is the group of fields of a kind of step.
func objectOf(kind string) *object {
	for _, o := range objects {
		if o.name == kind && o != objExit {
			return o
		}
	}
	return objLeave
}
