package channels

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

// TelephonySettings are those of SMS and calls.
type TelephonySettings struct {
	// MaxSegments is the most segments that one text message may have; longer ones are refused. 0 means 10, which is as much
	// as Twilio takes.
	MaxSegments int `json:"max_segments,omitempty"`
	// SmartEncoding has the provider write characters of GSM-7 for their look-alikes, which makes messages shorter.
	SmartEncoding bool `json:"smart_encoding,omitempty"`
	// Senders are the numbers and messaging services that text messages come from. Without any they come from the
	// installation's, as fast as the provider takes them.
	Senders []SMSSenderSettings `json:"senders,omitempty"`
	// Allow are the countries, as UA, that text messages may go to; empty is every one. Block are those that they must not
	// go to: numbers there that nobody knows are how others earn by the messages that we pay for.
	Allow []string `json:"allow,omitempty"`
	Block []string `json:"block,omitempty"`
	// Prices are what a segment costs, by country, and as * anywhere else. Without them Twilio's list prices are estimated.
	Prices map[string]decimal.Decimal `json:"prices,omitempty"`
	// Currency is that of Prices, as UAH; "" is USD. For another than USD a price for * must be given, because the estimates
	// are in USD.
	Currency string `json:"currency,omitempty"`
	// Help answers a customer who texts HELP: who writes to her, and how to reach you. "" answers nothing.
	Help string `json:"help,omitempty"`
	// Stopped confirms that a customer who texted STOP gets no more messages. "" is a text of ours, in her language.
	Stopped string `json:"stopped,omitempty"`

	Voice VoiceSettings `json:"voice,omitzero"`
}

// SMSSenderSettings describe one sender of text messages.
type SMSSenderSettings struct {
	From      string   `json:"from"`                // E.164 number, short code, name of up to 11 characters, or messaging service sid (MG…)
	Countries []string `json:"countries,omitempty"` // that it writes to, as UA; empty: all
	// Rate is how many segments a second it may send: 1 for a long number, 3 for a toll-free one, more for a short code.
	// 0 means that the provider's queue is trusted with any number of them.
	Rate float64 `json:"rate,omitempty"`
	// Daily is the most segments in a day of UTC; 0 is no limit.
	Daily int `json:"daily,omitempty"`
}

// VoiceSettings are those of calls from customers.
type VoiceSettings struct {
	Greeting string `json:"greeting,omitempty"` // said first; "" for nothing
	Language string `json:"language,omitempty"` // of all that is said, as uk-UA; "" is en-US
	// Hours are when calls are put through; without any they always are. Zone is theirs, as Europe/Kyiv; "" is UTC.
	Hours  []WorkingHours `json:"hours,omitempty"`
	Zone   string         `json:"zone,omitempty"`
	Closed string         `json:"closed,omitempty"` // said outside of Hours, before the voicemail
	// RingFor is how many seconds the owner of a customer is rung; 0 means 20.
	RingFor int `json:"ring_for,omitempty"`
	// Queue has customers wait for an operator where nobody is reached; without it they are asked to leave a message.
	Queue   bool   `json:"queue,omitempty"`
	Wait    string `json:"wait,omitempty"`     // said while they wait, again and again
	Music   string `json:"music,omitempty"`    // URL of what is played while they wait, an mp3 or wav
	WaitFor int    `json:"wait_for,omitempty"` // seconds; 0 means 300. Then they are asked to leave a message
	// Voicemail is said before the tone. Off hangs up instead.
	Voicemail    string `json:"voicemail,omitempty"`
	VoicemailOff bool   `json:"voicemail_off,omitempty"`
	// Record keeps recordings of calls at the provider. In many countries both sides must be told.
	Record bool `json:"record,omitempty"`
}

// WorkingHours are from one time of the day to another, on some days of the week.
type WorkingHours struct {
	Days []string `json:"days"` // mon, tue, wed, thu, fri, sat, sun
	From string   `json:"from"` // 09:00
	To   string   `json:"to"`   // 18:00, not included; 24:00 is the end of the day
}

// The defaults of TelephonySettings.
const (
	DefaultMaxSegments = 10
	DefaultRingFor     = 20
	DefaultWaitFor     = 300
)

// Segments is the most segments that a message may have.
func (t *TelephonySettings) Segments() int {
	if t.MaxSegments == 0 {
		return DefaultMaxSegments
	}
	return t.MaxSegments
}

var (
	telephoneNumber = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	smsSender       = regexp.MustCompile(`^(\+[1-9][0-9]{6,14}|[0-9]{3,8}|MG[0-9a-fA-F]{32}|[0-9A-Za-z +&_-]{1,11})$`)
	onlyDigits      = regexp.MustCompile(`^[0-9]+$`)
	countryCode     = regexp.MustCompile(`^[A-Z]{2}$`)
	currencyCode    = regexp.MustCompile(`^[A-Z]{3}$`)
)

// IsTelephoneNumber says whether a text is a number in the form E.164, as +380671234567.
func IsTelephoneNumber(text string) bool { return telephoneNumber.MatchString(text) }

// IsName says whether a sender is a name instead of a number or a messaging service: nobody can answer to it.
func (s *SMSSenderSettings) IsName() bool { return IsSenderName(s.From) }

// IsSenderName says whether what a text message comes from is a name, as opposed to a number, a short code or a messaging
// service.
func IsSenderName(from string) bool {
	return !strings.HasPrefix(from, "+") && !onlyDigits.MatchString(from) && (len(from) != 34 || !strings.HasPrefix(from, "MG"))
}

// maxSMSBody is the longest text that a customer is answered with by itself.
const maxSMSBody = 320

// check says what is wrong; nil when nothing is.
func (t *TelephonySettings) check() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("telephony."+format, args...)) }
	if t.MaxSegments < 0 || t.MaxSegments > DefaultMaxSegments {
		wrong("max_segments is %d: want 1 to %d, or leave it out", t.MaxSegments, DefaultMaxSegments)
	}
	seen := map[string]bool{}
	for i := range t.Senders {
		for _, fault := range t.Senders[i].faults() {
			wrong("senders[%d].%s", i, fault)
		}
		if seen[t.Senders[i].From] {
			wrong("senders[%d].from is %s a second time", i, t.Senders[i].From)
		}
		seen[t.Senders[i].From] = true
	}
	for name, list := range map[string][]string{"allow": t.Allow, "block": t.Block} {
		if bad := badCountry(list); bad != "" {
			wrong("%s has %q: want codes of countries such as UA", name, bad)
		}
	}
	for _, country := range t.Allow {
		if slices.Contains(t.Block, country) {
			wrong("allow and block both have %s", country)
		}
	}
	t.checkPrices(wrong)
	for name, text := range map[string]string{"help": t.Help, "stopped": t.Stopped} {
		if len([]rune(text)) > maxSMSBody {
			wrong("%s has %d characters, at most %d", name, len([]rune(text)), maxSMSBody)
		}
	}
	t.Voice.check(wrong)
	return errors.Join(errs...)
}

func badCountry(list []string) string {
	i := slices.IndexFunc(list, func(c string) bool { return !countryCode.MatchString(c) })
	if i < 0 {
		return ""
	}
	return list[i]
}

func (s *SMSSenderSettings) faults() []string {
	var faults []string
	if !smsSender.MatchString(s.From) {
		faults = append(faults, fmt.Sprintf("from is %q: want a number such as +380441112233, a short code, a name of up to 11 characters, "+
			"or the sid of a messaging service (MG and 32 hexadecimal digits)", s.From))
	}
	if bad := badCountry(s.Countries); bad != "" {
		faults = append(faults, fmt.Sprintf("countries has %q: want codes of countries such as UA", bad))
	}
	if s.Rate < 0 || s.Rate > 1000 || s.Rate > 0 && s.Rate < 0.01 {
		faults = append(faults, fmt.Sprintf("rate is %v: want 0.01 to 1000 segments a second, or 0 for no limit", s.Rate))
	}
	if s.Daily < 0 {
		faults = append(faults, fmt.Sprintf("daily is %d: want a number of segments, or 0 for no limit", s.Daily))
	}
	return faults
}

func (t *TelephonySettings) checkPrices(wrong func(string, ...any)) {
	for country, price := range t.Prices {
		if country != "*" && !countryCode.MatchString(country) {
			wrong("prices has %q: want codes of countries such as UA, or *", country)
		}
		if price.IsNegative() || price.GreaterThan(decimal.NewFromInt(1000)) || price.Exponent() < -6 {
			wrong("prices.%s is %s: want 0 to 1000, with at most six decimals", country, price)
		}
	}
	if t.Currency == "" || t.Currency == "USD" {
		return
	}
	if !currencyCode.MatchString(t.Currency) {
		wrong("currency is %q: want a code such as UAH", t.Currency)
	}
	if _, ok := t.Prices["*"]; !ok {
		wrong("currency is %s, so a price for * is needed: the estimates for countries without a price are in USD", t.Currency)
	}
}

var weekdays = map[string]time.Weekday{
	"mon": time.Monday, "tue": time.Tuesday, "wed": time.Wednesday, "thu": time.Thursday, "fri": time.Friday,
	"sat": time.Saturday, "sun": time.Sunday,
}

const endOfDay = "24:00"

func (v *VoiceSettings) check(wrong func(string, ...any)) {
	if _, err := time.LoadLocation(v.Zone); err != nil {
		wrong("voice.zone is %q: want a time zone such as Europe/Kyiv", v.Zone)
	}
	for i, h := range v.Hours {
		if len(h.Days) == 0 {
			wrong("voice.hours[%d].days is empty: want some of mon, tue, wed, thu, fri, sat, sun", i)
		}
		for _, day := range h.Days {
			if _, ok := weekdays[day]; !ok {
				wrong("voice.hours[%d].days has %q: want mon, tue, wed, thu, fri, sat or sun", i, day)
			}
		}
		_, fromErr := time.Parse("15:04", h.From)
		_, toErr := time.Parse("15:04", h.To)
		if fromErr != nil || toErr != nil && h.To != endOfDay || len(h.From) != 5 || len(h.To) != 5 || h.From >= h.To {
			wrong("voice.hours[%d] is from %q to %q: want times such as 09:00 and 18:00, the first one earlier", i, h.From, h.To)
		}
	}
	for name, seconds := range map[string]int{"ring_for": v.RingFor, "wait_for": v.WaitFor} {
		if seconds < 0 || seconds > 3600 || name == "ring_for" && seconds > 600 {
			wrong("voice.%s is %d: want seconds, at most 600 for ring_for and 3600 for wait_for", name, seconds)
		}
	}
	if v.Music != "" && !strings.HasPrefix(v.Music, "https://") && !strings.HasPrefix(v.Music, "http://") {
		wrong("voice.music is %q: want the URL of an mp3 or wav", v.Music)
	}
}

// Open says whether calls are put through at a moment.
func (v *VoiceSettings) Open(at time.Time) bool {
	if len(v.Hours) == 0 {
		return true
	}
	if zone, err := time.LoadLocation(v.Zone); err == nil { // Check has refused any other
		at = at.In(zone)
	}
	clock := at.Format("15:04")
	return slices.ContainsFunc(v.Hours, func(h WorkingHours) bool {
		today := slices.ContainsFunc(h.Days, func(day string) bool { return weekdays[day] == at.Weekday() })
		return today && clock >= h.From && (clock < h.To || h.To == endOfDay)
	})
}
