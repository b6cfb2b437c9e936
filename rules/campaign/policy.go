package campaign

import (
	"fmt"
	"slices"
	"time"

	"dotyk/rules"
	"dotyk/rules/audience"
	"dotyk/rules/calendar"
)

// Policy is what holds for all marketing messages of a workspace. Transactional messages know none of it.
//
//	quiet:
//	  - {from: "21:00", to: "09:00"}
//	  - {channel: sms, country: UA, from: "20:00", to: "10:00", days: sat-sun}
//	caps:
//	  - {channel: email, most: 3, within: 7d}
//	holdout: 2%
//	jurisdiction: on
type Policy struct {
	Quiet   []QuietHours
	Caps    []Cap
	Holdout Share // of all customers: no marketing campaign lets them in
	// Jurisdiction adds the quiet hours that the law of the customer's country asks for (audience.Laws), to Quiet, except
	// for countries and channels of which the policy itself speaks.
	Jurisdiction bool
}

// QuietHours are times of day at which customers are not disturbed, on their own clocks.
type QuietHours struct {
	Channel audience.Channel // "" for all
	Country string           // ISO 3166 region, upper case; "" for all
	Window  calendar.Window
	lawful  bool // it was added by Jurisdiction
}

// Cap is how many messages a customer gets in any stretch of time that long.
type Cap struct {
	Channel audience.Channel // "" for all together
	Topic   string           // "" for all together
	Most    int
	Within  time.Duration
}

// Message is a marketing message of a customer, as caps count it.
type Message struct {
	ID       string
	Channel  audience.Channel
	Topic    string
	Campaign string // name
	Priority int    // of its campaign
	At       time.Time
}

// ParsePolicy reads a policy from YAML or JSON. The error is Violations.
func ParsePolicy(src []byte) (Policy, error) {
	var r reader
	var p Policy
	if root := r.read(src); root != nil {
		p = r.policy(root)
	}
	if len(r.violations) > 0 {
		return Policy{}, r.violations
	}
	if p.Jurisdiction {
		hours, err := p.lawfulHours()
		if err != nil {
			return Policy{}, fmt.Errorf("read quiet hours of the law: %w", err)
		}
		p.Quiet = append(p.Quiet, hours...)
	}
	return p, nil
}

// JSON writes a policy in the form that ParsePolicy reads, the same for policies that mean the same.
func (p Policy) JSON() []byte {
	form := formPolicy{Quiet: make([]formQuiet, 0, len(p.Quiet)), Caps: make([]formCap, 0, len(p.Caps))}
	for _, q := range p.Quiet {
		if q.lawful {
			continue
		}
		form.Quiet = append(form.Quiet, formQuiet{
			Channel: q.Channel, Country: q.Country, From: q.Window.From.String(), To: q.Window.To.String(),
			Days: q.Window.Days.String(),
		})
	}
	for _, c := range p.Caps {
		form.Caps = append(form.Caps, formCap{
			Channel: c.Channel, Topic: c.Topic, Most: c.Most, Within: rules.FormatDuration(c.Within),
		})
	}
	if p.Holdout != 0 {
		form.Holdout = p.Holdout.String()
	}
	if p.Jurisdiction {
		form.Jurisdiction = jurisdictionOn
	}
	return form.encode()
}

// lawfulHours are the quiet hours of the law where the policy itself says nothing about a country and channel.
func (p Policy) lawfulHours() ([]QuietHours, error) {
	var list []QuietHours
	for _, law := range audience.Laws() {
		own := slices.ContainsFunc(p.Quiet, func(q QuietHours) bool { return q.Country == law.Country && q.Channel == law.Channel })
		if own {
			continue
		}
		for _, hours := range law.Quiet {
			q := QuietHours{Channel: law.Channel, Country: law.Country, lawful: true}
			var err error
			if q.Window.From, err = calendar.ParseClock(hours.From); err != nil {
				return nil, err
			}
			if q.Window.To, err = calendar.ParseClock(hours.To); err != nil {
				return nil, err
			}
			if q.Window.Days, err = calendar.ParseWeekdays(hours.Days); err != nil {
				return nil, err
			}
			list = append(list, q)
		}
	}
	return list, nil
}

// QuietUntil tells whether a customer in a country and zone must not be disturbed on a channel at a moment, and until when.
func (p Policy) QuietUntil(channel audience.Channel, country string, zone *time.Location, at time.Time) (time.Time, bool) {
	var windows []calendar.Window
	for _, q := range p.Quiet {
		if (q.Channel == "" || q.Channel == channel) && (q.Country == "" || q.Country == country) {
			windows = append(windows, q.Window)
		}
	}
	if len(windows) == 0 {
		return at, false
	}
	return calendar.Until(windows, at, zone)
}

// Window is the longest stretch of time that a cap looks at; 0 without caps.
func (p Policy) Window() time.Duration {
	var longest time.Duration
	for _, c := range p.Caps {
		longest = max(longest, c.Within)
	}
	return longest
}
