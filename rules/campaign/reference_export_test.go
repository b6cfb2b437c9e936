package campaign

import (
	"fmt"
	"strings"
)

// Tables gives each group of fields as the reference shows it, by its name: in Markdown, one row a field.
func Tables() map[string]string {
	tables := make(map[string]string, len(objects))
	for _, o := range objects {
		var b strings.Builder
		b.WriteString("| field | holds | meaning |\n|---|---|---|\n")
		for _, f := range o.fields {
			required := ""
			if f.required {
				required = " *"
			}
			fmt.Fprintf(&b, "| `%s`%s | %s | %s |\n", f.name, required, f.kind.words, f.doc)
		}
		tables[o.name] = b.String()
	}
	return tables
}
