package sms

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Keyword is what a text message asks for that is nothing but one of the words for it.
type Keyword string

// The keywords.
const (
	Stop  Keyword = "STOP"  // no more messages
	Start Keyword = "START" // messages again
	Help  Keyword = "HELP"  // who are you
)

// keywords are Twilio's own (https://help.twilio.com/articles/223134027), without spaces, and the Ukrainian ones. YES is
// none: it answers questions, too.
var keywords = map[string]Keyword{
	"STOP": Stop, "STOPALL": Stop, "UNSUBSCRIBE": Stop, "CANCEL": Stop, "END": Stop, "QUIT": Stop, "REVOKE": Stop, "OPTOUT": Stop,
	"СТОП": Stop, "ВІДПИСАТИСЯ": Stop, "ВІДПИСАТИСЬ": Stop, "ВІДПИСКА": Stop,
	"CTOP":  Stop, // with a Cyrillic С for the S
	"START": Start, "UNSTOP": Start, "СТАРТ": Start,
	"HELP": Help, "INFO": Help, "ДОПОМОГА": Help, "ІНФО": Help, "ДОВІДКА": Help,
}

// byShape finds a keyword although some of its letters are those of the other alphabet that look the same: СTOP with a
// Cyrillic С is what a telephone writes whose keyboard was switched too late.
var byShape = shapes()

// alike are the capitals of the Cyrillic alphabet that look like ones of the Latin, in the order of the second.
var alike = strings.NewReplacer("А", "A", "В", "B", "С", "C", "Е", "E", "Н", "H", "І", "I", "К", "K", "М", "M", "О", "O", "Р", "P", "Т", "T", "Х", "X")

func shapes() map[string]Keyword {
	found := map[string]Keyword{}
	for word, keyword := range keywords {
		found[alike.Replace(word)] = keyword
	}
	return found
}

// longestKeyword bounds what is looked at, in bytes.
const longestKeyword = 100

// ReadKeyword reads a text that is one of the words and nothing else but case, spaces, hyphens, and the punctuation and
// quotes around it; "" for any other. "Can't stop" is none, and neither is "stop it".
func ReadKeyword(body string) Keyword {
	if len(body) > longestKeyword {
		return ""
	}
	word := strings.ToUpper(norm.NFKC.String(body)) // wide letters are letters
	var b strings.Builder
	for _, r := range strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if r != ' ' && r != '-' && !unicode.Is(unicode.Cf, r) { // nor what cannot be seen
			b.WriteRune(r)
		}
	}
	return byShape[alike.Replace(b.String())]
}
