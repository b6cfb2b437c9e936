package inbound

import (
	"regexp"
	"slices"
	"strings"
)

// quoted begins what a report sends back of our message, in the words of those who make reports.
var quoted = regexp.MustCompile(`(?i)^[-\s*=#>:]*(?:` + strings.Join([]string{
	`(?:this is|below is|here is|the following is|attached is|what follows is) a copy of`, `below this line is`, `(?:the )?headers? of the original`,
	`(?:the )?original (?:message|mail)(?: (?:follows|headers?|text|as follows|body|is|below|received|was|attached|starts?))?\s*[-:=.*]*\s*$`, `(?:the )?(?:returned|unsent|undelivered|rejected|failed|bounced) (?:message|mail)(?: (?:below|follows|headers?|text))?\s*[-:=.*]*\s*$`,
	`message headers? (?:follow|are)`, `message (?:text|body|header) follows`, `copy of (?:the|your) (?:message|mail)`, `(?:the )?text of (?:the|your) (?:message|mail)`, `your (?:original )?message (?:follows|is (?:below|enclosed|attached|included))`,
	`begin(?:ning)? of (?:the )?(?:original|returned)`, `start of (?:the )?(?:original|returned)`, `first \d+ lines of`, `original mail as follows`, `en-t.tes d[eu] message`, `---+ ?message (?:header|source)`, `cabeceras? del mensaje|encabezados? d[eo]l? mensaje`, `urspr.ngliche nachricht|kopfzeilen der`,
	`excerpt of (?:the )?message`, `message contents follow`, `unmodified message|original e-?mail follows`, `included is a copy|enclosed (?:is|please find) (?:a|the) copy`, `исходное (?:сообщение|письмо)|оригінал`, `(?:the )?(?:message|mail) was:?\s*$`,
}, "|") + `)`)

var (
	knownField = regexp.MustCompile(`(?i)^(?:received|return-path|message-id|date|from|to|subject|mime-version|content-type|x-[a-z-]+|reply-to|dkim-signature|user-agent|sender|delivered-to|arc-[a-z-]+|authentication-results|envelope-to|references|in-reply-to|cc)\s*:`)
	traceField = regexp.MustCompile(`(?i)^(?:received|return-path|x-received|dkim-signature)\s*:`)
)

// cutReturned parts what a report says from the header that it sends back.
func cutReturned(text string) (notice string, returned Header, rest string) {
	all := strings.Split(text, "\n")
	for i, line := range all {
		switch {
		case quoted.MatchString(line):
			if h := headerFrom(all[i+1:]); len(h) > 0 {
				return strings.Join(all[:i], "\n"), h, strings.Join(all[i+1:], "\n")
			}
		case traceField.MatchString(line):
			if h := headerFrom(all[i:]); len(h) >= 3 {
				return strings.Join(all[:i], "\n"), h, strings.Join(all[i:], "\n")
			}
		}
	}
	return text, nil, ""
}

// headerFrom reads a header that begins within the next few lines, each line set in by as much as the first.
func headerFrom(all []string) Header {
	start := -1
	for i := range min(len(all), 6) {
		if knownField.MatchString(strings.TrimLeft(all[i], " \t>|")) {
			start = i
			break
		}
	}
	if start < 0 {
		return nil
	}
	indent := all[start][:len(all[start])-len(strings.TrimLeft(all[start], " \t>|"))]
	var b strings.Builder
	for _, line := range all[start:min(len(all), start+2000)] {
		line, _ = strings.CutPrefix(line, indent)
		if strings.TrimSpace(line) == "" {
			break
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	h, _ := readHeader(b.String())
	return h
}

const addr = "[<\"']?(?:mailto:|smtp:|rfc822;\\s*)?([A-Za-z0-9!#$%&*+/=?^_`{|}~.'-]{1,128}@[A-Za-z0-9][A-Za-z0-9._-]{0,250}[A-Za-z0-9])[>\"']?"

// shapes are how reports name a recipient, the sure ones first. Within a shape every line that fits is one.
var shapes = []*regexp.Regexp{
	regexp.MustCompile(`(?i)^[\s*]*(?:failed |original |final |e-?mail |intended |invalid |rcpt )?(?:recipient|addressee|destinataire|empfänger|destinatario|получатель|одержувач)s?(?:(?: e-?mail)? address(?:\(?es\)?)?)?\s*[:=]\s*` + addr),
	regexp.MustCompile(`^.*<([^<>\s]+@[^<>\s]+)>:\s+(?:malformed|missing|unqualified|unmatched|domain missing)`), // Exim
	regexp.MustCompile(`(?i)mailing list <([^<>\s]+@[^<>\s]+)>`),
	regexp.MustCompile(`^[ \t*]*<` + addr[5:] + `\s*(?:\(expanded from.*|\(.*)?:`), // qmail, Postfix
	regexp.MustCompile(`^[ \t*]*<` + addr[5:] + `\s*(?:\(expanded from.*)?$`),
	regexp.MustCompile(`^` + addr + `\s*:(?:\s|$)`),                          // OpenSMTPD, 1&1
	regexp.MustCompile(`^[ \t]*` + addr + `\s*[:;,]?\s*$`),                   // sendmail, Exim, Notes: a line of its own
	regexp.MustCompile(`^[ \t]*\d{3}[ -](?:\d\.\d\.\d )?` + addr + `\.\.\.`), // sendmail's transcript
	regexp.MustCompile(`^[ \t]*` + addr + `\.\.\. `),
	regexp.MustCompile(`(?i)^[\s>]*rcpt to:\s*` + addr),
	regexp.MustCompile(`^[ \t]*<` + addr[5:] + `\s+\S`),
	regexp.MustCompile(`^[ \t]*` + addr + `\s+(?:\(|-|Error|Invalid|\S+)`), // Zoho, Exchange
	regexp.MustCompile(`(?i)(?:deliver\w*|sent|send|sending|forward\w*|message|mail|e-?mail|address(?:ed)?|recipient|reach|user)\b[^@<]{0,60}?(?:\bto|for|of|address|recipient|user|group)?:?\s*` + addr),
	regexp.MustCompile(`(?i)\bto:?\s+` + addr),
}

// named is a recipient and what a report says of it.
type named struct {
	address string
	about   string
}

// sure is how many of the shapes name nobody but recipients.
const sure = 10

// recipientsIn finds whom a notice is about. Those in not are its own recipient and its sender, whom loose shapes find too.
func recipientsIn(notice string, not map[string]bool) []named {
	all := strings.Split(notice, "\n")
	if len(all) > 3000 {
		all = all[:3000]
	}
	for n, shape := range shapes {
		var found []named
		var at []int
		seen := map[string]bool{}
		for i, line := range all {
			if len(line) > 2000 || !strings.Contains(line, "@") {
				continue
			}
			m := shape.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			a := normal(m[1])
			if n >= sure && not[a] || seen[a] || strings.HasPrefix(a, "mailer-daemon@") || len(found) >= 1000 {
				continue
			}
			seen[a] = true
			found, at = append(found, named{address: a}), append(at, i)
		}
		if found == nil {
			continue
		}
		if some := slices.DeleteFunc(slices.Clone(found), func(n named) bool { return not[n.address] }); len(some) > 0 && len(some) < len(found) {
			// Among others, its sender is no recipient.
			at = slices.DeleteFunc(at, func(i int) bool { return not[normal(shape.FindStringSubmatch(all[i])[1])] })
			found = some
		}
		for n := range found {
			end := len(all)
			if n+1 < len(at) {
				end = at[n+1]
			}
			found[n].about = strings.Join(all[at[n]:end], "\n")
		}
		return found
	}
	return nil
}

var replyLine = regexp.MustCompile(`(?m)(?:^|[\s:<'"(])([45]\d\d[- ](?:#?[45]\.\d{1,3}\.\d{1,3})?[^\n]*(?:\n[ \t]+[^\n]+|\n[45]\d\d[- ][^\n]*)*)`)

// lastWords are those of the server that refused, where a notice repeats them; else all of it in one line.
func lastWords(about string) string {
	if m := replyLine.FindStringSubmatch(about); m != nil {
		return oneLine(m[1])
	}
	return oneLine(about)
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 2000 {
		s = strings.ToValidUTF8(s[:2000], "")
	}
	return s
}
