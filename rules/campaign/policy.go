package campaign

import (
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
type Policy struct {
	Quiet   []QuietHours
	Caps    []Cap
	Holdout Share // of all customers: no marketing campaign lets them in
}

// QuietHours are times of day at which customers are not disturbed, on their own clocks.
type QuietHours struct {
	Channel audience.Channel // "" for all
	Country string           // ISO 3166 region, upper case; "" for all
	Window  calendar.Window
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
	return p, nil
}

// JSON writes a policy in the form that ParsePolicy reads, the same for policies that mean the same.
func (p Policy) JSON() []byte {
	form := formPolicy{Quiet: make([]formQuiet, 0, len(p.Quiet)), Caps: make([]formCap, 0, len(p.Caps))}
	for _, q := range p.Quiet {
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
	return form.encode()
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
