package campaign

import (
	"cmp"
	"fmt"
	"slices"

	"dotyk/rules"
)

// Slot decides whether a message may take a place under the caps at its moment, m.At. Sent are the customer's marketing
// messages that went out; rivals are those of hers that are to go out now. Of rivals the one of higher priority comes
// first, then the earlier one, then the one of the lesser id. Why names the cap and, where a rival took the place, it.
func (p Policy) Slot(m Message, sent, rivals []Message) (ok bool, why string) {
	before := slices.DeleteFunc(slices.Clone(rivals), func(r Message) bool { return r.ID == m.ID || precedence(r, m) > 0 })
	slices.SortFunc(before, precedence)
	var admitted []Message
	for _, rival := range before {
		if full, _ := p.reached(rival, sent, admitted); full == nil {
			admitted = append(admitted, rival)
		}
	}
	full, rival := p.reached(m, sent, admitted)
	switch {
	case full == nil:
		return true, ""
	case rival == nil:
		return false, fmt.Sprintf("the cap of %s is reached", full)
	}
	return false, fmt.Sprintf("the cap of %s is reached: the place went to a message of campaign %s, of priority %d",
		full, rival.Campaign, rival.Priority)
}

// precedence orders rivals for a place.
func precedence(a, b Message) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
}

// reached gives the first cap under which there is no place for a message, and the last of the rivals that have one of
// the places, if any has.
func (p Policy) reached(m Message, sent, rivals []Message) (*Cap, *Message) {
	for i := range p.Caps {
		c := &p.Caps[i]
		if !c.Counts(m) {
			continue
		}
		taken := 0
		var last *Message
		for i := range sent {
			if sent[i].ID != m.ID && c.Counts(sent[i]) && c.near(sent[i], m) {
				taken++
			}
		}
		for i := range rivals {
			if c.Counts(rivals[i]) && c.near(rivals[i], m) {
				taken, last = taken+1, &rivals[i]
			}
		}
		if taken >= c.Most {
			return c, last
		}
	}
	return nil, nil
}

// Counts reports whether a cap counts a message.
func (c Cap) Counts(m Message) bool {
	return (c.Channel == "" || c.Channel == m.Channel) && (c.Topic == "" || c.Topic == m.Topic)
}

// near reports whether one stretch of time as long as the cap's can hold both messages.
func (c Cap) near(a, b Message) bool { return a.At.Sub(b.At).Abs() < c.Within }

// String says the cap in words: "3 email messages on topic news within 7d".
func (c Cap) String() string {
	what := "messages"
	if c.Most == 1 {
		what = "message"
	}
	if c.Channel != "" {
		what = string(c.Channel) + " " + what
	}
	if c.Topic != "" {
		what += " on topic " + c.Topic
	}
	return fmt.Sprintf("%d %s within %s", c.Most, what, rules.FormatDuration(c.Within))
}
