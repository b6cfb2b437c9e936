package audience

import (
	"slices"
	"time"
)

// Always is a number of months without an end.
const Always = -1

// Law is what holds for marketing messages to people in one country, by one channel. It is a default for those who have
// asked nobody yet, and no legal advice: Source names where to read it up, AsOf when the row was written down. No lawyer
// has looked at the rows.
type Law struct {
	Country string // ISO 3166 region
	Channel Channel
	OptIn   bool // nothing may be sent before a yes, the cases of Bought and Asked apart
	// Bought and Asked are for how many months a purchase, or a request, stands for a yes (soft opt-in, implied consent);
	// 0 for none, Always without an end.
	Bought, Asked int
	Quiet         []Hours
	Postal        bool // the sender's postal address must stand in the message
	ProofMonths   int  // for how long after the last message a consent should be provable
	Source, AsOf  string
}

// Hours are a time of day, on some days, at which nobody is disturbed, as a policy of the workspace writes it.
type Hours struct {
	From, To string // 21:00; To before From is on the next day, To equal to From is all day
	Days     string // sun, sat-sun; "" for every day
}

const unknown = "ZZ" // what holds where no row says anything: a yes is asked for everywhere

// LawOf gives what holds for a channel in a country, by its two letters in upper case. Where nothing is known, and for ""
// too, a yes is required: that is allowed everywhere.
func LawOf(country string, channel Channel) *Law {
	for i := range laws {
		if laws[i].Country == country && laws[i].Channel == channel {
			return &laws[i]
		}
	}
	return &Law{
		Country: unknown, Channel: channel, OptIn: true, ProofMonths: 36, Source: "no row for this country: the strictest common rule", AsOf: written,
	}
}

// Laws lists all that is known, by country and channel.
func Laws() []Law { return slices.Clone(laws) }

// silence judges that nothing was said where the law holds.
func (l *Law) silence(c Circumstances) Refusal {
	if !l.OptIn || within(c.Bought, l.Bought, c.At) || within(c.Asked, l.Asked, c.At) {
		return ""
	}
	place := Refusal(l.Country)
	if l.Country == unknown {
		place = "an unknown country"
	}
	return "no consent, which the law of " + place + " requires for " + Refusal(l.Channel)
}

// within reports whether at most so many months have passed since what happened at a moment.
func within(since time.Time, months int, at time.Time) bool {
	return !since.IsZero() && months != 0 && (months == Always || at.Before(since.AddDate(0, months, 0)))
}

const (
	written  = "2026-11-23"
	ePrivacy = "Directive 2002/58/EC art. 13(1), (2) as transposed; GDPR art. 7(1)"
)

var laws = slices.Concat(
	[]Law{
		{Country: "US", Channel: Email, Postal: true, ProofMonths: 60, Source: "CAN-SPAM, 15 USC 7704(a)(3)-(5)", AsOf: written},
		{
			Country: "US", Channel: SMS, OptIn: true, ProofMonths: 60, Quiet: []Hours{{From: "21:00", To: "08:00"}},
			Source: "TCPA, 47 CFR 64.1200(a)(2), (c)(1): prior express written consent; 8 to 21 where the person is", AsOf: written,
		},
		{
			Country: "US", Channel: Call, ProofMonths: 60, Quiet: []Hours{{From: "21:00", To: "08:00"}},
			Source: "47 CFR 64.1200(c)(1)", AsOf: written,
		},
		{Country: "CA", Channel: Email, OptIn: true, Bought: 24, Asked: 6, Postal: true, ProofMonths: 36, Source: casl, AsOf: written},
		{Country: "CA", Channel: SMS, OptIn: true, Bought: 24, Asked: 6, Postal: true, ProofMonths: 36, Source: casl, AsOf: written},
		{Country: "GB", Channel: Email, OptIn: true, Bought: Always, Asked: Always, ProofMonths: 72, Source: pecr, AsOf: written},
		{Country: "GB", Channel: SMS, OptIn: true, Bought: Always, Asked: Always, ProofMonths: 72, Source: pecr, AsOf: written},
		{Country: "UA", Channel: Email, OptIn: true, ProofMonths: 36, Source: ukraine, AsOf: written},
		{Country: "UA", Channel: SMS, OptIn: true, ProofMonths: 36, Source: ukraine, AsOf: written},
		{Country: "CH", Channel: Email, OptIn: true, Bought: Always, ProofMonths: 60, Source: "UWG (CH) art. 3(1)(o)", AsOf: written},
		{Country: "CH", Channel: SMS, OptIn: true, Bought: Always, ProofMonths: 60, Source: "UWG (CH) art. 3(1)(o)", AsOf: written},
		{Country: "PL", Channel: Email, OptIn: true, ProofMonths: 72, Source: "Electronic Communications Law of 12 July 2024, art. 398", AsOf: written},
		{Country: "PL", Channel: SMS, OptIn: true, ProofMonths: 72, Source: "Electronic Communications Law of 12 July 2024, art. 398", AsOf: written},
		{Country: "DE", Channel: Email, OptIn: true, Bought: Always, ProofMonths: 60, Source: "UWG § 7(2) no. 2, (3); proof as § 7a(2) asks it for calls", AsOf: written},
		{Country: "DE", Channel: SMS, OptIn: true, Bought: Always, ProofMonths: 60, Source: "UWG § 7(2) no. 2, (3); proof as § 7a(2) asks it for calls", AsOf: written},
		{Country: "FR", Channel: Email, OptIn: true, Bought: Always, ProofMonths: 36, Source: "CPCE art. L34-5", AsOf: written},
		{
			// Carriers block these messages on public holidays too, which no table of hours can say.
			Country: "FR", Channel: SMS, OptIn: true, Bought: Always, ProofMonths: 36,
			Quiet:  []Hours{{From: "22:00", To: "08:00"}, {From: "00:00", To: "00:00", Days: "sun"}},
			Source: "CPCE art. L34-5; rules of the carriers (AF2M): 8 to 22, not on Sundays", AsOf: written,
		},
		{
			Country: "FR", Channel: Call, ProofMonths: 36,
			Quiet: []Hours{
				{From: "20:00", To: "10:00"}, {From: "13:00", To: "14:00"}, {From: "00:00", To: "00:00", Days: "sat-sun"},
			},
			Source: "Decree 2022-1313: Monday to Friday, 10 to 13 and 14 to 20", AsOf: written,
		},
	},
	transposed("AT", "BE", "BG", "CY", "CZ", "DK", "EE", "ES", "FI", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MT",
		"NL", "NO", "PT", "RO", "SE", "SI", "SK"),
)

const (
	casl    = "CASL, S.C. 2010 c. 23, s. 6, 10(9)-(10), 13; SOR/2012-36 s. 2"
	pecr    = "PECR 2003 reg. 22(2), (3)"
	ukraine = "Law on Electronic Communications art. 120; Law on Advertising on spam; Law on Electronic Commerce art. 10"
)

// transposed are the countries where the directive holds without a row of their own: an e-mail and an SMS are the same
// there, and addresses of one's own customers may be used for what is similar to what they bought.
func transposed(countries ...string) []Law {
	var list []Law
	for _, country := range countries {
		for _, channel := range []Channel{Email, SMS} {
			list = append(list, Law{
				Country: country, Channel: channel, OptIn: true, Bought: Always, ProofMonths: 36, Source: ePrivacy, AsOf: written,
			})
		}
	}
	return list
}
