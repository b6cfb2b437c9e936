package channels

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dotyk/rules/audience"
)

// ErrClass is wrapped by every error about a class of failures that cannot be used.
var ErrClass = errors.New("bad error class")

// Class says what a provider's code means. Providers change their codes, so classes are data.
type Class struct {
	Channel audience.Channel // email, sms, call
	// Code is the provider's code, or the beginning of codes with * at the end. An e-mail's is the code of the reply, the
	// enhanced code of RFC 3463, or both: 550, 5.1.1, 550 5.1.1, 5.7.*; Twilio's is a number. * is any code, and none.
	Code string
	// Text is a regular expression (RE2) that the provider's words must hold, whatever the case; empty for any.
	Text string
	Kind FailureKind // not Unknown
	Note string      // for people
}

// Check says what is wrong with a class, and how to mend it; nil when nothing is.
func (c *Class) Check() error {
	_, err := c.compile()
	return err
}

// Names of the kinds of failure in commands, settings and the API.
//
//nolint:gochecknoglobals // a table
var kindNames = map[FailureKind]string{
	Temporary: "temporary", Unreachable: "unreachable", BadAddress: "bad_address", OptedOut: "opted_out",
	BadMessage: "bad_message", SenderBlocked: "sender_blocked", Unknown: "unknown",
}

// Name is the kind in one word, as ParseFailureKind reads it.
func (k FailureKind) Name() string { return kindNames[k] }

// ParseFailureKind reads the name of a kind. An error that wraps ErrClass names those there are.
func ParseFailureKind(name string) (FailureKind, error) {
	for kind, known := range kindNames {
		if known == name {
			return kind, nil
		}
	}
	return 0, fmt.Errorf("%w: kind %q: give one of %s", ErrClass, name, strings.Join(KindNames(), ", "))
}

// KindNames are those of the kinds that a class may have.
func KindNames() []string {
	var names []string
	for k := Temporary; k < Unknown; k++ {
		names = append(names, k.Name())
	}
	return names
}

const (
	maxClassCode = 50
	maxClassText = 500
)

// compiled is a class that can be asked.
type compiled struct {
	Class
	code   string
	prefix bool
	text   *regexp.Regexp
}

func (c *Class) compile() (compiled, error) {
	code, prefix := strings.CutSuffix(c.Code, "*")
	switch {
	case c.Channel != audience.Email && c.Channel != audience.SMS && c.Channel != audience.Call:
		return compiled{}, fmt.Errorf("%w: channel %q: give %s, %s or %s", ErrClass, c.Channel, audience.Email, audience.SMS, audience.Call)
	case c.Code == "" || len(c.Code) > maxClassCode || strings.Contains(code, "*") || strings.TrimSpace(code) != code || strings.ContainsAny(code, "\x00\r\n\t"):
		return compiled{}, fmt.Errorf("%w: code %q: give a code such as 550 5.1.1 or 21610, or its beginning with one * at the end", ErrClass, c.Code)
	case c.Kind < Temporary || c.Kind >= Unknown:
		return compiled{}, fmt.Errorf("%w: kind %q: give one of %s; what is unknown stays so, for it may have been sent",
			ErrClass, c.Kind, strings.Join(KindNames(), ", "))
	case len(c.Text) > maxClassText:
		return compiled{}, fmt.Errorf("%w: a text of %d characters: give %d at the most", ErrClass, len(c.Text), maxClassText)
	}
	one := compiled{Class: *c, code: code, prefix: prefix}
	if c.Text != "" {
		var err error
		if one.text, err = regexp.Compile("(?i)" + c.Text); err != nil {
			return compiled{}, fmt.Errorf("%w: text %q is no regular expression: %w", ErrClass, c.Text, err)
		}
	}
	return one, nil
}

func (c *compiled) matches(channel audience.Channel, e *SendError) bool {
	return c.Channel == channel && c.matchesCode(e.Code) && (c.text == nil || c.text.MatchString(e.Detail))
}

// matchesCode compares with the code as a whole, and with its parts.
func (c *compiled) matchesCode(code string) bool {
	if c.is(code) {
		return true
	}
	reply, enhanced, both := strings.Cut(code, " ")
	return both && (c.is(reply) || c.is(enhanced))
}

func (c *compiled) is(code string) bool {
	if c.prefix {
		return strings.HasPrefix(code, c.code)
	}
	return code == c.code
}

// Classes judge failures. The zero value knows what is built in. They do not change, and are safe for concurrent use.
type Classes struct{ own []compiled }

// NewClasses compiles classes that are asked before those that are built in: the first list first, and in each list the more
// exact before the less. An error wraps ErrClass.
func NewClasses(lists ...[]Class) (*Classes, error) {
	c := &Classes{}
	for _, list := range lists {
		list = slices.Clone(list)
		slices.SortStableFunc(list, exactFirst)
		for i := range list {
			one, err := list[i].compile()
			if err != nil {
				return nil, err
			}
			c.own = append(c.own, one)
		}
	}
	return c, nil
}

// exactFirst orders whole codes before beginnings, long ones before short ones, and those that want a text before others.
func exactFirst(a, b Class) int {
	rank := func(c Class) [3]int {
		code, prefix := strings.CutSuffix(c.Code, "*")
		r := [3]int{0, -len(code), 1}
		if prefix {
			r[0] = 1
		}
		if c.Text != "" {
			r[2] = 0
		}
		return r
	}
	x, y := rank(a), rank(b)
	return slices.Compare(x[:], y[:])
}

// Kind says what a failure means: by the classes that were given, else as its sender judged it, else, where nobody did, as
// of a status that a provider reports later, by those built in. What is Unknown stays so, and nothing becomes Unknown: only
// the sender saw whether the message may have gone.
func (c *Classes) Kind(channel audience.Channel, e *SendError) FailureKind {
	if e.Kind == Unknown {
		return Unknown
	}
	for i := range c.own {
		if c.own[i].matches(channel, e) {
			return c.own[i].Kind
		}
	}
	// The sender knows more than the code: 5.1.1 in answer to MAIL speaks of our address, not of the customer's.
	if e.Kind != 0 {
		return e.Kind
	}
	for _, one := range builtIn() {
		if one.matches(channel, e) {
			return one.Kind
		}
	}
	return Temporary
}
