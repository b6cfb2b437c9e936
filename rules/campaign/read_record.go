package campaign

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"

	"dotyk/rules"
)

// settable are the fields of the record that a campaign may set; other names are attributes. The rest of the record
// belongs to whoever is responsible for it: addresses, ids, consent.
var (
	settableText = []string{"name", "locale", "timezone", "stage"}
	unsettable   = []string{"id", "kind", "external_id", "email", "phone", "tags", "created_at", "unsubscribed"}
)

func (r *reader) update(d draft) *UpdateStep {
	const advice = "Write {set: {<attribute>: <rule>}, add: {<attribute>: <rule>}, add_tags: […], add_to: […]}."
	fields := r.body(d, objUpdate, advice)
	s := &UpdateStep{
		ID:         r.id(d, fields),
		AddTags:    r.nameSet(fields["add_tags"], d.at("add_tags"), "a tag", "[welcomed]"),
		RemoveTags: r.nameSet(fields["remove_tags"], d.at("remove_tags"), "a tag", "[welcomed]"),
		AddTo:      r.nameSet(fields["add_to"], d.at("add_to"), "a list", "[buyers]"),
		RemoveFrom: r.nameSet(fields["remove_from"], d.at("remove_from"), "a list", "[leads]"),
	}
	r.disjoint(d, "tag", s.AddTags, s.RemoveTags)
	r.disjoint(d, "list", s.AddTo, s.RemoveFrom)
	s.Set = r.assignments(d, fields, "set", r.settable)
	s.Add = r.assignments(d, fields, "add",
		func(at place, name string) (rules.Want, bool) { return r.addable(at, name, s.Set) })
	changes := len(d.n.fields)
	if hasField(d.n, "id") {
		changes--
	}
	if d.n.shape == shapeObject && changes == 0 {
		r.report(d.n.place(d.path), CodeNoContent, "the update changes nothing", advice)
	}
	return s
}

// disjoint reports names that are both added and removed.
func (r *reader) disjoint(d draft, what string, added, removed []string) {
	for _, name := range added {
		if slices.Contains(removed, name) {
			r.report(d.n.place(d.path), CodeConflict, fmt.Sprintf("the %s %q is both added and removed", what, name),
				"Keep one of them.")
		}
	}
}

func (r *reader) settable(at place, name string) (rules.Want, bool) {
	if slices.Contains(unsettable, name) {
		r.report(at, CodeBadValue, fmt.Sprintf("a campaign cannot set customer.%s", name),
			"Set an attribute of another name.")
		return 0, false
	}
	if slices.Contains(settableText, name) {
		return rules.WantText, true
	}
	return rules.WantValue, true
}

func (r *reader) addable(at place, name string, set []Assignment) (rules.Want, bool) {
	switch {
	case slices.Contains(unsettable, name), slices.Contains(settableText, name):
		r.report(at, CodeBadValue, fmt.Sprintf("nothing can be added to customer.%s", name),
			"Add to an attribute that holds a number.")
		return 0, false
	case slices.ContainsFunc(set, func(a Assignment) bool { return a.Attribute == name }):
		r.report(at, CodeConflict, fmt.Sprintf("%q is both set and added to", clip(name)), "Keep one of them.")
		return 0, false
	}
	if held := r.attributeType(name); held != "" && held != rules.TypeNumber && held != rules.TypeMixed {
		r.report(at, CodeBadValue, fmt.Sprintf("nothing can be added to customer.%s: its values are of the type %s", name, held),
			"Add to an attribute that holds a number, or set this one.")
		return 0, false
	}
	return rules.WantValue, true
}

// attributeType gives what is known of the values of an attribute; "" is nothing.
func (r *reader) attributeType(name string) rules.Type {
	if r.schema == nil {
		return ""
	}
	return r.schema.Attributes[name]
}

// anyName accepts every name of an assignment.
func anyName(place, string) (rules.Want, bool) { return rules.WantValue, true }

// assignments reads a field that may be absent and gives names rules, sorted by name. Accept says what the rule of a name
// must give, or reports the name and gives false.
func (r *reader) assignments(
	d draft, fields map[string]*node, name string, accept func(place, string) (rules.Want, bool),
) []Assignment {
	n, path := fields[name], d.at(name)
	switch {
	case n == nil:
		return nil
	case n.shape != shapeObject || len(n.fields) == 0:
		r.wrongShape(n, path, fmt.Sprintf("%q", name), "a group of fields with something in it",
			`Write one on each line, as in stage: '"nurtured"'.`)
		return nil
	}
	byName := slices.SortedStableFunc(slices.Values(n.fields),
		func(a, b field) int { return cmp.Compare(a.name, b.name) })
	list := make([]Assignment, 0, len(byName)) // never grows: rules are compiled into its items later
	for _, f := range byName {
		at := f.at.place(join(path, f.name))
		switch {
		case slices.ContainsFunc(list, func(a Assignment) bool { return a.Attribute == f.name }):
			r.report(at, CodeDuplicateField, fmt.Sprintf("%q stands twice in %q", clip(f.name), name),
				"Remove one of them.")
			continue
		case f.name == "" || len(f.name) > maxID:
			r.report(at, CodeBadValue, fmt.Sprintf("%q cannot be a name here", clip(f.name)), "")
			continue
		}
		want, ok := accept(at, f.name)
		if !ok {
			continue
		}
		list = append(list, Assignment{Attribute: f.name})
		r.rule(f.node, at.path, &list[len(list)-1].Value, useValue, d.options(want), d.known)
	}
	return list
}

// The event that redeems a coupon which does not say.
const (
	redeemEvent    = "order_completed"
	redeemProperty = "coupon"
)

var prefixPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,20}$`)

func (r *reader) coupon(d draft) *CouponStep {
	fields := r.body(d, objCoupon, "Write {pool: <name>, expires: 10d}, or {prefix: BDAY-, expires: 10d}.")
	s := &CouponStep{
		ID:           r.id(d, fields),
		Pool:         r.name(fields, "pool", d.path),
		Prefix:       r.name(fields, "prefix", d.path),
		Expires:      r.optionalDuration(fields, "expires", d.path, 0),
		Event:        redeemEvent,
		Property:     redeemProperty,
		Transferable: r.flag(fields, "transferable", d.path, false),
	}
	switch {
	case fields["pool"] != nil && fields["prefix"] != nil:
		r.report(d.n.place(d.path), CodeConflict, "codes of a pool have no prefix", `Keep "pool" or "prefix".`)
	case s.Prefix != "" && !prefixPattern.MatchString(s.Prefix):
		r.report(fields["prefix"].place(d.at("prefix")), CodeBadValue,
			fmt.Sprintf("%q cannot be the prefix of a code", clip(s.Prefix)),
			"Write at most 20 letters, digits, hyphens and underscores.")
	}
	if n := fields["redeemed"]; n != nil {
		r.redeemed(n, d.at("redeemed"), s)
	}
	return s
}

func (r *reader) redeemed(n *node, path string, s *CouponStep) {
	const advice = "Write {event: order_completed, property: coupon}."
	if n.shape != shapeObject || len(n.fields) == 0 {
		r.wrongShape(n, path, `"redeemed"`, "a group of fields with something in it", advice)
		return
	}
	fields := r.fields(n, path, objRedeemed)
	if fields["event"] != nil {
		s.Event = r.name(fields, "event", path)
	}
	if fields["property"] != nil {
		s.Property = r.name(fields, "property", path)
	}
}
