package campaign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"

	"dotyk/rules"
)

// Brakes are limits past which sending stops by itself: too much of it goes wrong, or it costs too much.
//
//	brakes: {failures: 5%, bounces: 3%, complaints: 0.1%, unsubscribes: 2%, spend: 100, per: 1h, after: 200}
//
// A field that is not set has its zero value, which leaves it to wherever the brakes stand over, see Over; in the end a
// limit that is nowhere set does not hold. None switches all of them off: `brakes: none`.
type Brakes struct {
	None         bool
	Failures     Share         // of the messages: the provider refused them, or they came back
	Bounces      Share         // the part of the failures that is due to the address
	Complaints   Share         // recipients said that it is spam
	Unsubscribes Share         // recipients want no more
	Spend        string        // in the workspace's currency, a decimal number; "" for no limit
	Per          time.Duration // the stretch of time that is looked at, up to now
	After        int           // messages in that time before any part of them counts
}

// The stretches of time that brakes can look at.
const (
	ShortestBrake = time.Minute
	LongestBrake  = 7 * 24 * time.Hour
)

// DefaultBrakes are those of marketing campaigns where nobody set any. The bounces are those at which large providers put
// a sender under review (Amazon SES, 5 %), the complaints those from which Gmail and Yahoo treat all of a sender's mail as
// spam (0.3 %). Campaigns that people agreed to lose well below 1 % of their recipients a message: at 2 % it is the wrong
// audience. Failures of every kind together show a provider that refuses us.
func DefaultBrakes() Brakes {
	return Brakes{
		Failures: 10 * percent, Bounces: 5 * percent, Complaints: 3 * percent / 10, Unsubscribes: 2 * percent,
		Per: time.Hour, After: 200,
	}
}

// Over gives brakes with what these do not set taken from others.
func (b Brakes) Over(others Brakes) Brakes {
	if b.None {
		return Brakes{None: true}
	}
	for _, s := range []struct{ mine, theirs *Share }{
		{&b.Failures, &others.Failures},
		{&b.Bounces, &others.Bounces},
		{&b.Complaints, &others.Complaints},
		{&b.Unsubscribes, &others.Unsubscribes},
	} {
		if *s.mine == 0 {
			*s.mine = *s.theirs
		}
	}
	if b.Spend == "" {
		b.Spend = others.Spend
	}
	if b.Per == 0 {
		b.Per = others.Per
	}
	if b.After == 0 {
		b.After = others.After
	}
	return b
}

// BrakeCounts is what brakes judge: the messages of a stretch of time whose answer is known, and what came back.
type BrakeCounts struct {
	Messages     int    `json:"messages"`
	Failures     int    `json:"failures"`
	Bounces      int    `json:"bounces"`
	Complaints   int    `json:"complaints"`
	Unsubscribes int    `json:"unsubscribes"`
	Spend        string `json:"spend"` // a decimal number
}

// The limits of brakes, by name.
const (
	BrakeFailures     = "failures"
	BrakeBounces      = "bounces"
	BrakeComplaints   = "complaints"
	BrakeUnsubscribes = "unsubscribes"
	BrakeSpend        = "spend"
)

// least is how often something must have gone wrong to count: one case is chance.
const least = 2

// Passed gives the first limit that the counts pass, and in words by how much; "" when they keep all of them.
func (b Brakes) Passed(c BrakeCounts) (limit, why string) {
	if b.None {
		return "", ""
	}
	for _, l := range []struct {
		name  string
		limit Share
		count int
		what  string
	}{
		{BrakeComplaints, b.Complaints, c.Complaints, "led to complaints"},
		{BrakeBounces, b.Bounces, c.Bounces, "bounced"},
		{BrakeFailures, b.Failures, c.Failures, "failed"},
		{BrakeUnsubscribes, b.Unsubscribes, c.Unsubscribes, "made their recipients unsubscribe"},
	} {
		if l.limit == 0 || c.Messages < b.After || l.count < least || int64(l.count)*int64(wholeShare) <= int64(l.limit)*int64(c.Messages) {
			continue
		}
		return l.name, fmt.Sprintf("%d of %d messages %s within %s: %.2f%%, more than %s", l.count, c.Messages, l.what,
			rules.FormatDuration(b.Per), 100*float64(l.count)/float64(max(c.Messages, 1)), l.limit)
	}
	most, set := new(big.Rat).SetString(b.Spend)
	spent, known := new(big.Rat).SetString(c.Spend)
	if set && known && spent.Cmp(most) > 0 {
		return BrakeSpend, fmt.Sprintf("%s were spent within %s, more than %s", trimZeros(c.Spend), rules.FormatDuration(b.Per), b.Spend)
	}
	return "", ""
}

// formBrakes is the form in which brakes are kept and shown.
type formBrakes struct {
	Failures     string      `json:"failures,omitempty"`
	Bounces      string      `json:"bounces,omitempty"`
	Complaints   string      `json:"complaints,omitempty"`
	Unsubscribes string      `json:"unsubscribes,omitempty"`
	Spend        json.Number `json:"spend,omitempty"`
	Per          string      `json:"per,omitempty"`
	After        int         `json:"after,omitempty"`
}

// noBrakes is the word for brakes that are switched off.
const noBrakes = "none"

// form is formBrakes, or the word for none.
func (b Brakes) form() any {
	if b.None {
		return noBrakes
	}
	return formBrakes{
		Failures: shareOrNone(b.Failures), Bounces: shareOrNone(b.Bounces), Complaints: shareOrNone(b.Complaints),
		Unsubscribes: shareOrNone(b.Unsubscribes), Spend: json.Number(b.Spend), Per: optional(b.Per), After: b.After,
	}
}

func shareOrNone(s Share) string {
	if s == 0 {
		return ""
	}
	return s.String()
}

// MarshalJSON writes brakes in the form that ParseBrakes reads.
func (b Brakes) MarshalJSON() ([]byte, error) { return json.Marshal(b.form()) }

// UnmarshalJSON reads what MarshalJSON wrote. The error is Violations.
func (b *Brakes) UnmarshalJSON(src []byte) error {
	if bytes.Equal(bytes.TrimSpace(src), []byte(`"`+noBrakes+`"`)) { // a file holds a group of fields at least
		*b = Brakes{None: true}
		return nil
	}
	read, err := ParseBrakes(src)
	if err == nil {
		*b = read
	}
	return err
}

// ParseBrakes reads brakes from YAML or JSON, as they stand below "brakes:" in a campaign. The error is Violations.
func ParseBrakes(src []byte) (Brakes, error) {
	if strings.TrimSpace(string(src)) == noBrakes {
		return Brakes{None: true}, nil
	}
	var r reader
	var b Brakes
	if root := r.read(src); root != nil {
		b = r.brakesAt(root, "")
	}
	if len(r.violations) > 0 {
		r.violations.sort()
		return Brakes{}, r.violations
	}
	return b, nil
}

// brakes reads a field that may be absent.
func (r *reader) brakes(n *node) *Brakes {
	if n == nil {
		return nil
	}
	b := r.brakesAt(n, "brakes")
	return &b
}

func (r *reader) brakesAt(n *node, path string) Brakes {
	const advice = "Write none, or limits, as in {bounces: 3%, per: 1h, after: 200}."
	switch {
	case n.shape == shapeText && n.text == noBrakes:
		return Brakes{None: true}
	case n.shape != shapeObject:
		r.wrongShape(n, path, "brakes", "limits, or the word none", advice)
		return Brakes{}
	}
	fields := r.fields(n, path, objBrakes)
	b := Brakes{
		Failures: r.limit(fields, "failures", path), Bounces: r.limit(fields, "bounces", path),
		Complaints: r.limit(fields, "complaints", path), Unsubscribes: r.limit(fields, "unsubscribes", path),
		Spend: r.amount(fields, "spend", path), Per: r.optionalDuration(fields, "per", path, 0),
	}
	if fields["per"] != nil && b.Per != 0 && (b.Per < ShortestBrake || b.Per > LongestBrake) {
		r.report(fields["per"].place(join(path, "per")), CodeBadValue,
			fmt.Sprintf("brakes look at a time of %s to %s", rules.FormatDuration(ShortestBrake), rules.FormatDuration(LongestBrake)), "")
	}
	if fields["after"] != nil {
		b.After = r.integer(fields["after"], join(path, "after"), "the number of messages", 1, maxBrakeAfter)
	}
	return b
}

const maxBrakeAfter = 1_000_000

// limit reads a field that may be absent and must be a part that something may reach.
func (r *reader) limit(fields map[string]*node, name, path string) Share {
	n := fields[name]
	if n == nil {
		return 0
	}
	before := len(r.violations)
	s := r.share(n, join(path, name))
	if s == 0 && len(r.violations) == before {
		r.report(n.place(join(path, name)), CodeBadValue, "a limit of 0% would always stop", "Write a larger part, as in 0.1%.")
	}
	return s
}

var amountPattern = regexp.MustCompile(`^[0-9]{1,9}(\.[0-9]{1,6})?$`)

// amount reads a field that may be absent and must be an amount of money. It is kept as text, since it must be exact.
func (r *reader) amount(fields map[string]*node, name, path string) string {
	n := fields[name]
	if n == nil {
		return ""
	}
	text := strings.TrimSpace(n.text)
	switch {
	case n.shape != shapeText && n.shape != shapeNumber:
		r.wrongShape(n, join(path, name), "this", "an amount of money", "Write it as in 100 or 49.90.")
	case !amountPattern.MatchString(text):
		r.report(n.place(join(path, name)), CodeBadValue, fmt.Sprintf("%q is no amount of money", clip(n.text)),
			"Write it in digits with at most six places, as in 100 or 49.90.")
	default:
		return trimZeros(text)
	}
	return ""
}

// trimZeros writes a decimal number in its shortest form.
func trimZeros(number string) string {
	if strings.Contains(number, ".") {
		number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
	}
	if number = strings.TrimLeft(number, "0"); number == "" || number[0] == '.' {
		number = "0" + number
	}
	return number
}
