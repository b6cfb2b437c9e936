package rules

// Suggest gives the name that was probably meant by a misspelt one: the nearest of names, if it is near enough for a
// slip of the fingers. It gives "" if none is.
func Suggest(misspelt string, names []string) string {
	const longest = 64 // the cost is quadratic, and nobody mistypes a name this long
	if len(misspelt) > longest {
		return ""
	}
	best, bestDistance := "", 1+len([]rune(misspelt))/3
	for _, name := range names {
		if len(name) > longest {
			continue
		}
		if d := distance([]rune(misspelt), []rune(name)); d < bestDistance || (d == bestDistance && best == "") {
			best, bestDistance = name, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, substitutions and swaps of neighbours between two words (the
// optimal string alignment distance).
func distance(a, b []rune) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
