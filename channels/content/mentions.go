package content

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// path is the beginning of an output: a name, and the one behind it.
var path = regexp.MustCompile(`^[\pL_][\pL\pN_]*(?:\.[\pL_][\pL\pN_]*)?`)

// constants are words of Liquid that look like names.
var constants = []string{"true", "false", "nil", "null", "empty", "blank"}

// Mentions gives what the outputs of templates show, sorted: a name, or a name and the field of it that is meant, as
// customer.city. What the templates make themselves, by assign, capture or a loop, is not among it. A template that cannot
// be read mentions nothing; compiling it says why.
func Mentions(sources ...string) []string {
	shown, made := map[string]bool{}, map[string]bool{"forloop": true, "tablerowloop": true}
	for _, source := range sources {
		tokens, err := scan(PartText, source)
		if err != nil {
			continue
		}
		for _, t := range tokens {
			name := path.FindString(t.args)
			switch {
			case name == "":
			case t.kind == outputToken:
				shown[name] = true
			case t.kind == tagToken && slices.Contains([]string{"assign", "capture", "for", "tablerow", "increment", "decrement"}, t.name):
				made[name] = true
			}
		}
	}
	maps.DeleteFunc(shown, func(name string, _ bool) bool {
		first, _, _ := strings.Cut(name, ".")
		return made[first] || slices.Contains(constants, first)
	})
	return slices.Sorted(maps.Keys(shown))
}
