package channels

import (
	"slices"
	"sync"

	"dotyk/rules/audience"
)

// BuiltInClasses are those that the program knows: the codes of SMTP by RFC 3463, RFC 5248 and what the large providers
// make of them, and Twilio's (https://www.twilio.com/docs/api/errors). They are asked from the first to the last.
func BuiltInClasses() []Class { return slices.Concat(smtpClasses(), twilioClasses()) }

//nolint:gochecknoglobals // compiled once
var builtIn = sync.OnceValue(func() []compiled {
	var list []compiled
	for _, c := range BuiltInClasses() {
		// A test compiles each of them.
		if one, err := c.compile(); err == nil {
			list = append(list, one)
		}
	}
	return list
})

func smtpClasses() []Class {
	var list []Class
	add := func(kind FailureKind, note string, codes ...string) {
		for _, code := range codes {
			list = append(list, Class{Channel: audience.Email, Code: code, Kind: kind, Note: note})
		}
	}
	say := func(kind FailureKind, note, code, text string) {
		list = append(list, Class{Channel: audience.Email, Code: code, Text: text, Kind: kind, Note: note})
	}
	add(BadAddress, "no such mailbox, address or domain", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10")
	add(BadAddress, "the mailbox is disabled", "5.2.1")
	add(BadAddress, "the domain has no mail server", "5.4.4")
	add(SenderBlocked, "our address is refused", "5.1.7", "5.1.8")
	add(Temporary, "the mailbox or its system is full", "5.2.2", "5.3.1")
	add(Temporary, "the system takes no mail at the moment", "5.3.2")
	add(BadMessage, "the message is too large", "5.2.3", "5.3.4")
	add(Temporary, "the way there is broken", "5.4.*")
	add(BadMessage, "the dialogue or the content is not understood", "5.5.*", "5.6.*")
	add(SenderBlocked, "policy: authentication, reputation or relaying", "5.7.*")
	say(Temporary, "the mailbox is full", "5*", `quota|mailbox (is )?full|insufficient storage`)
	say(SenderBlocked, "policy, by the words", "5*", `spam|block(ed|list)|black ?list|reputation|policy|relay|authenticat|denied|not allowed|dkim|spf|dmarc`)
	for _, code := range []string{"550", "551", "553"} {
		say(BadAddress, "no such mailbox, by the words", code,
			`(user|recipient|mailbox|address|account).{0,40}(unknown|not found|does ?n.t exist|not exist|invalid|disabled|rejected|unavailable|inactive)`+
				`|(no such|unknown|invalid) (user|recipient|mailbox|address|account)|no mailbox here`)
	}
	add(Temporary, "not now", "4*")
	add(BadMessage, "refused", "5*")
	return list
}

func twilioClasses() []Class {
	var list []Class
	add := func(kind FailureKind, note string, codes ...string) {
		for _, channel := range []audience.Channel{audience.SMS, audience.Call} {
			for _, code := range codes {
				list = append(list, Class{Channel: channel, Code: code, Kind: kind, Note: note})
			}
		}
	}
	add(BadAddress, "not a valid number", "21211", "21217")
	add(BadAddress, "not a mobile number", "21614")
	add(BadAddress, "unknown handset", "30005")
	add(BadAddress, "landline or unreachable carrier", "30006")
	add(OptedOut, "replied STOP; only START clears it", "21610")
	add(BadMessage, "no body", "21602", "21619")
	add(BadMessage, "body too long", "21617")
	add(BadMessage, "bad media", "21623")
	add(SenderBlocked, "authentication", "20003")
	add(SenderBlocked, "no such account or service", "20404")
	add(SenderBlocked, "trial account: number not verified", "21219", "21608")
	add(SenderBlocked, "bad credentials", "21222", "21224")
	add(SenderBlocked, "country not enabled", "21408")
	add(SenderBlocked, "the sender is missing, not ours, or has no way there", "21603", "21606", "21612", "21659", "21660")
	add(SenderBlocked, "the messaging service is missing or has no fitting number", "21701", "21703", "21704", "21705")
	add(SenderBlocked, "account suspended", "30002")
	add(SenderBlocked, "blocked", "30004")
	add(SenderBlocked, "filtered by the carrier", "30007")
	add(SenderBlocked, "number not registered for A2P 10DLC", "30034")
	add(SenderBlocked, "taken for SMS pumping", "30450")
	add(SenderBlocked, "within the recipient's quiet hours", "30610")
	add(SenderBlocked, "number of a known litigator", "30640")
	add(Temporary, "too many requests", "20429")
	add(Temporary, "queue full", "21611", "30001")
	add(Temporary, "handset unreachable", "30003")
	add(Temporary, "unknown error", "30008")
	add(Temporary, "validity period expired", "30036")
	add(SenderBlocked, "the provider refuses what was asked for", "2*")
	add(BadMessage, "not delivered", "3*")
	return list
}
