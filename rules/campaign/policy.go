package campaign

import (
	"time"

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
