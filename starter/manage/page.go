package manage

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// Paging is how a list is asked for.
type Paging struct {
	After string `query:"after" maxLength:"1000" doc:"The next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at the most."`
}

// page cuts the part out of a list that was asked for, in order of key, and says where the next one begins: "" after
// the last. Whatever is added or removed in between, no entry that stays is left out or given twice.
func page[T any](list []T, key func(T) []string, p Paging) (part []T, next string, err error) {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return slices.Compare(key(a), key(b)) })
	if p.After != "" {
		after, err := readCursor(p.After)
		if err != nil {
			return nil, "", err
		}
		at, found := slices.BinarySearchFunc(list, after, func(e T, k []string) int { return slices.Compare(key(e), k) })
		if found {
			at++
		}
		list = list[at:]
	}
	if len(list) <= p.Limit {
		return list, "", nil
	}
	return list[:p.Limit], newCursor(key(list[p.Limit-1])), nil
}

// separator stands between the parts of a key; Postgres keeps no text with it.
const separator = "\x00"

// newCursor writes the key of the last entry of a page.
func newCursor(key []string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(key, separator)))
}

func readCursor(text string) ([]string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, badCursor()
	}
	return strings.Split(string(raw), separator), nil
}

func badCursor() *problemError {
	p := problem(http.StatusUnprocessableEntity, "bad_cursor", "after is not the next of any page: leave it out to begin at the first")
	p.Errors = []Fault{{Location: "query.after", Message: "not a cursor of this list"}}
	return p
}
