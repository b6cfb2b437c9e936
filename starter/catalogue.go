package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules"
	"dotyk/starter/manage"
)

type catalogueCommands struct {
	List    catalogueList    `cmd:"" help:"List the known attributes, events and properties."`
	Declare catalogueDeclare `cmd:"" help:"Declare an attribute, an event or a property, with its type."`
	Forget  catalogueForget  `cmd:"" help:"Take a declaration back; what was seen stays known."`
	Learn   catalogueLearn   `cmd:"" help:"Learn from everything that is stored, as after an import."`
}

type catalogueList struct {
	workspaced
	JSON bool `help:"Print it as JSON."`
}

// Run lists the catalogue.
func (c *catalogueList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Catalogue)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewEntries(list))
	}
	t := newTable(p.stdout, "in rules", "type", "declared", "seen", "last seen", "what for")
	for _, e := range list {
		declared, seen := "", ""
		if e.Declared {
			declared = "yes"
		}
		if !e.LastSeen.IsZero() {
			seen = when(e.LastSeen)
		}
		t.row(inRules(e), typeOf(e), declared, strconv.FormatInt(e.Count, 10), seen, e.Description)
	}
	return t.end("nothing was seen yet: starter catalogue learn reads what is stored")
}

// inRules is how a rule names an entry.
func inRules(e store.CatalogueEntry) string {
	switch e.Kind {
	case "attribute":
		return "customer." + e.Name
	case "event":
		return fmt.Sprintf("events(%q)", e.Name)
	}
	return fmt.Sprintf("events(%q) .%s", e.Event, e.Name)
}

// typeOf is an entry's type, and of a mixed one what was seen, the most frequent first.
func typeOf(e store.CatalogueEntry) string {
	if e.Type != rules.TypeMixed || e.Declared {
		return string(e.Type)
	}
	var parts []string
	for _, t := range rules.Types {
		if n := e.Counts[t]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", t, n))
		}
	}
	if len(parts) == 0 {
		return string(e.Type)
	}
	return "mixed: " + strings.Join(parts, ", ")
}

// entryKey names an entry as a rule does, without quotes.
type entryKey struct {
	Kind string   `arg:"" enum:"attribute,event,property" help:"attribute, event or property."`
	Name []string `arg:"" help:"Its name, in quotes if it has spaces; of a property, event.property or event property."`
}

// entry reads the key. What stands after the name is left over.
func (k entryKey) entry() (e store.CatalogueEntry, rest []string, err error) {
	e, rest = store.CatalogueEntry{Kind: k.Kind, Name: k.Name[0]}, k.Name[1:]
	if k.Kind != "property" {
		return e, rest, nil
	}
	event, name, _ := strings.Cut(e.Name, ".")
	if len(rest) > 1 || len(rest) == 1 && !isType(rest[0]) { // apart, and then the event's name may have a dot itself
		event, name, rest = e.Name, rest[0], rest[1:]
	}
	if event == "" || name == "" {
		return e, nil, fmt.Errorf("%q does not name a property: write event.property, as order_completed.total, or event property", e.Name)
	}
	e.Event, e.Name = event, name
	return e, rest, nil
}

func isType(word string) bool { return slices.Contains(rules.Types, rules.Type(word)) }

// leftOver is the complaint about words that belong to nothing.
func leftOver(words []string) error {
	return fmt.Errorf("%q is too much: write a name that has spaces in quotes", strings.Join(words, " "))
}

type catalogueDeclare struct {
	workspaced
	entryKey
	Description string `help:"What it is."`
}

// Help gives an example.
func (*catalogueDeclare) Help() string {
	return `After the name comes the type: text, number, boolean, time, list, object or mixed. Left out, only the name is declared.

Examples:
  starter catalogue declare attribute plan text
  starter catalogue declare property order_completed.total number
  starter catalogue declare property "Order Completed" total number`
}

// declared reads what to declare.
func (c *catalogueDeclare) declared() (store.CatalogueEntry, error) {
	e, rest, err := c.entry()
	switch {
	case err != nil:
		return e, err
	case len(rest) > 1:
		return e, leftOver(rest[:len(rest)-1])
	case len(rest) == 0:
	case !isType(rest[0]):
		return e, fmt.Errorf("%q is no type: write text, number, boolean, time, list, object or mixed, and a name that has spaces in quotes", rest[0])
	case c.Kind == "event":
		return e, fmt.Errorf("an event has no type: declare its properties, as property %s.total %s", e.Name, rest[0])
	default:
		e.Type = rules.Type(rest[0])
	}
	e.Description, e.Declared = c.Description, true
	return e, nil
}

// Run declares an entry.
func (c *catalogueDeclare) Run(p *program) error {
	e, err := c.declared()
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Declare(p.ctx, ws.ID, []store.CatalogueEntry{e}); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "declared %s\n", strings.TrimSpace(inRules(e)+" "+string(e.Type)))
	return nil
}

type catalogueForget struct {
	workspaced
	entryKey
}

// Run takes a declaration back.
func (c *catalogueForget) Run(p *program) error {
	e, rest, err := c.entry()
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return leftOver(rest)
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.Undeclare(p.ctx, ws.ID, e.Kind, e.Event, e.Name); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s is not declared any more\n", inRules(e))
	return nil
}

type catalogueLearn struct{ workspaced }

// Run learns from what is stored.
func (c *catalogueLearn) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.LearnStored(p.ctx, ws.ID); err != nil {
		return err
	}
	list, err := st.Catalogue(p.ctx, ws.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s are known\n", plural(int64(len(list)), "name"))
	return nil
}
