package ingest

import (
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/net/idna"
	"golang.org/x/text/language"
)

// Email checks an e-mail address and gives its one normal form: lower case, the domain in ASCII (IDNA, RFC 5891).
// The error is a *FieldError.
//
// It takes what delivers in practice and not all of RFC 5322: no display name, no quoted or non-ASCII local part (a
// Cyrillic letter there is nearly always a slip), no address literal, and a domain with at least one dot.
func Email(input string) (string, error) {
	s := strings.TrimSpace(input)
	refuse := func(reason string) (string, error) {
		return "", &FieldError{Reason: reason, Advice: "write an address such as anna@example.com"}
	}
	if len(s) > 320 {
		return refuse("the e-mail address is too long")
	}
	local, domain, ok := cutLast(s, "@")
	if !ok || local == "" || domain == "" {
		return refuse("this is not an e-mail address")
	}
	if strings.IndexFunc(local, func(r rune) bool { return r > 0x7E }) >= 0 {
		return refuse("a letter before the @ is not of the Latin alphabet")
	}
	ascii, err := idna.Lookup.ToASCII(strings.ToLower(domain))
	if err != nil || !strings.Contains(ascii, ".") || strings.HasSuffix(ascii, ".") {
		return refuse("the part after the @ is not a domain")
	}
	if top := ascii[strings.LastIndexByte(ascii, '.')+1:]; strings.Trim(top, "0123456789") == "" {
		return refuse("the part after the @ is not a domain")
	}
	address := strings.ToLower(local) + "@" + ascii
	parsed, err := mail.ParseAddress(address)
	if err != nil || parsed.Address != address || parsed.Name != "" {
		return refuse("this is not an e-mail address")
	}
	if len(local) > 64 || len(address) > 254 || len(ascii) > 253 { // RFC 5321 section 4.5.3.1
		return refuse("the e-mail address is too long")
	}
	return address, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Phone checks a telephone number and gives it in E.164. A number without a country code is tried in the regions in
// their order (ISO 3166, empty ones are skipped), and the first in which it is valid wins. The error is a *FieldError.
func Phone(input string, regions ...string) (string, error) {
	s := strings.TrimSpace(input)
	if len(s) > 64 { // the parser's cost grows with the length
		return "", &FieldError{Reason: "the phone number is too long", Advice: "write one number with its country code, such as +380 67 123 45 67"}
	}
	for _, region := range append(slices.Clone(regions), "ZZ") { // ZZ: no region, the number has to say it
		if region == "" {
			continue
		}
		number, err := phonenumbers.Parse(s, strings.ToUpper(region))
		if err == nil && phonenumbers.IsValidNumber(number) {
			return phonenumbers.Format(number, phonenumbers.E164), nil
		}
	}
	return "", &FieldError{Reason: "this is not a valid phone number", Advice: "write it with its country code, such as +380 67 123 45 67"}
}

// Locale checks a language tag and gives it in the canonical form of BCP 47: "uk_UA.UTF-8" becomes "uk-UA". The error
// is a *FieldError.
func Locale(input string) (string, error) {
	s, _, _ := strings.Cut(strings.TrimSpace(input), ".")
	s, _, _ = strings.Cut(s, "@")
	tag, err := language.Parse(s)
	if err != nil || tag == language.Und {
		return "", &FieldError{Reason: "this is not a language tag", Advice: "send a tag of BCP 47 such as uk-UA"}
	}
	return tag.String(), nil
}

// localeRegion is the region that a locale names expressly; empty when it names none. What a mere language suggests
// (en: the United States) would be a guess.
func localeRegion(locale string) string {
	tag, err := language.Parse(locale)
	if err != nil {
		return ""
	}
	region, confidence := tag.Region()
	if confidence != language.Exact || !region.IsCountry() {
		return ""
	}
	return region.String()
}

// zoneName is what names of time zones look like; it keeps LoadLocation away from other files.
var zoneName = regexp.MustCompile(`^[A-Z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$`)

// Timezone checks a name of the IANA time zone database. The error is a *FieldError.
func Timezone(input string) (string, error) {
	s := strings.TrimSpace(input)
	if len(s) < 64 && s != "Local" && zoneName.MatchString(s) {
		if _, err := time.LoadLocation(s); err == nil {
			return s, nil
		}
	}
	return "", &FieldError{Reason: "this is not a time zone", Advice: "send a name of the IANA database such as Europe/Kyiv"}
}
