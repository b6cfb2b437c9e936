package sms

import (
	"fmt"

	"github.com/nyaruka/phonenumbers"
	"github.com/shopspring/decimal"

	"dotyk/channels"
)

// anywhere is the country for whose price there is no better.
const anywhere = "*"

// estimates are what a segment to a mobile number costs about, in USD. The one of the United States is Twilio's list
// price of April 2026 without the carrier's fee; the others are rounded from memory of Twilio's lists, whose prices
// differ by carrier and change by the month, and * is what a dear country costs. They tell a campaign for hundreds from
// one for thousands. Who needs to know puts the prices of the account (https://www.twilio.com/docs/sms/api/pricing) into
// the settings.
var estimates = map[string]decimal.Decimal{
	"US": usd("0.0083"), "CA": usd("0.0083"), "GB": usd("0.05"), "IE": usd("0.08"), "UA": usd("0.12"), "PL": usd("0.045"),
	"DE": usd("0.11"), "FR": usd("0.08"), "ES": usd("0.08"), "IT": usd("0.09"), "PT": usd("0.05"), "NL": usd("0.10"),
	"BE": usd("0.10"), "AT": usd("0.10"), "CH": usd("0.08"), "CZ": usd("0.06"), "SK": usd("0.08"), "RO": usd("0.08"),
	"HU": usd("0.09"), "BG": usd("0.11"), "LT": usd("0.04"), "LV": usd("0.07"), "EE": usd("0.10"), "SE": usd("0.06"),
	"NO": usd("0.07"), "DK": usd("0.06"), "FI": usd("0.09"), "MD": usd("0.08"), "GE": usd("0.12"), "TR": usd("0.03"),
	"IL": usd("0.25"), "AU": usd("0.05"), "NZ": usd("0.11"), "JP": usd("0.09"), "IN": usd("0.08"), "BR": usd("0.06"),
	"MX": usd("0.07"), anywhere: usd("0.15"),
}

func usd(price string) decimal.Decimal { return decimal.RequireFromString(price) }

// Cost is what segments to a number are estimated to cost, as a decimal such as 0.0166, in the currency of the settings.
func Cost(t *channels.TelephonySettings, to string, segments int) string {
	return price(t, Country(to)).Mul(decimal.NewFromInt(int64(segments))).String()
}

func price(t *channels.TelephonySettings, country string) decimal.Decimal {
	tables := []map[string]decimal.Decimal{t.Prices}
	if t.Currency == "" || t.Currency == "USD" {
		tables = append(tables, estimates)
	}
	for _, table := range tables {
		for _, name := range []string{country, anywhere} {
			// A price of the workspace's own for anywhere else holds before an estimate for the country.
			if p, ok := table[name]; ok {
				return p
			}
		}
	}
	return decimal.Zero // Check wants a price for anywhere in other currencies
}

// Country is where a number in the form E.164 belongs, as UA; "" where that cannot be told.
func Country(number string) string {
	parsed, err := phonenumbers.Parse(number, "")
	if err != nil {
		return ""
	}
	if region := phonenumbers.GetRegionCodeForNumber(parsed); region != "ZZ" && region != "001" {
		return region
	}
	return ""
}

// CheckLength says whether a text is longer than the settings allow, in words for whoever writes it.
func CheckLength(t *channels.TelephonySettings, body string) error {
	if n := CountFor(body, t.SmartEncoding); n.Parts > t.Segments() {
		return fmt.Errorf("the text has %d segments (%s, %d units), at most %d: shorten it, or raise max_segments",
			n.Parts, n.Encoding, n.Units, t.Segments())
	}
	return nil
}
