package inbound

import (
	"cmp"
	"regexp"
	"strings"
)

// deliveryStatus reads the fields of RFC 3464: one group for each recipient. Groups end at an empty line; servers that leave
// it out, or put one too many, are understood all the same: a recipient that is named again begins another group.
func deliveryStatus(text string) *statusReader {
	r := &statusReader{}
	fields := statusLines(text)
	for i, f := range fields {
		if f.Name == "" {
			if beginsRecipient(fields[i+1:]) {
				r.end()
			}
			continue
		}
		r.field(strings.ToLower(f.Name), f.Value)
	}
	r.end()
	return r
}

type statusReader struct {
	list            []Recipient
	nameless        []Recipient // of groups whose recipient is no address
	open            Recipient
	final, original string
	actual          string
}

func (r *statusReader) field(name, value string) {
	switch name {
	case "final-recipient":
		if r.final != "" {
			r.end()
		}
		r.final = recipient(value)
	case "original-recipient":
		if r.original != "" {
			r.end()
		}
		r.original = recipient(value)
	case "x-actual-recipient":
		r.actual = recipient(value)
	case "action":
		r.open.Action = action(value)
	case "status":
		if r.open.Status == "" {
			r.open.Status = enhanced.FindString(value)
		}
		if _, comment, ok := strings.Cut(value, "("); ok && r.open.Diagnostic == "" {
			r.open.Diagnostic = strings.TrimSuffix(comment, ")")
		}
	case "diagnostic-code":
		r.open.Diagnostic = strings.TrimSpace(value)
	case "remote-mta":
		r.open.RemoteMTA = typed(value)
	default: // says nothing about the outcome
	}
}

// end closes a group. One that names no recipient and no outcome is about the message, and is left out.
func (r *statusReader) end() {
	o := r.open
	o.Address = cmp.Or(r.final, r.original)
	if o.Address != "" {
		if o.Original = cmp.Or(r.original, r.actual); o.Original == o.Address {
			o.Original = r.actual
		}
		if o.Original == o.Address {
			o.Original = ""
		}
		r.list = append(r.list, o)
	} else if o.Action != "" && o.Status != "" {
		r.nameless = append(r.nameless, o)
	}
	r.open, r.final, r.original, r.actual = Recipient{}, "", "", ""
}

// complete adds what is known from elsewhere.
func (r *Recipient) complete(n Recipient) {
	r.Action, r.Status, r.RemoteMTA = cmp.Or(r.Action, n.Action), cmp.Or(r.Status, n.Status), cmp.Or(r.RemoteMTA, n.RemoteMTA)
	r.Diagnostic = cmp.Or(r.Diagnostic, n.Diagnostic)
}

// beginsRecipient says whether the fields up to the next empty line name a recipient.
func beginsRecipient(fields Header) bool {
	for _, f := range fields {
		switch strings.ToLower(f.Name) {
		case "":
			return false
		case "final-recipient", "original-recipient":
			return true
		}
	}
	return false
}

// statusLines reads fields, with one without a name for each empty line.
func statusLines(text string) Header {
	var h Header
	for line := range strings.SplitSeq(text, "\n") {
		if len(h) >= 20*maxFields {
			break
		}
		switch trimmed := strings.TrimSpace(line); {
		case trimmed == "":
			h = append(h, Field{})
		case line[0] == ' ' || line[0] == '\t':
			if n := len(h); n > 0 && h[n-1].Name != "" {
				h[n-1].Value += " " + trimmed
			}
		default:
			if m := fieldLine.FindStringSubmatch(line); m != nil {
				h = append(h, Field{m[1], strings.TrimSpace(m[2])})
			} else if n := len(h); n > 0 && strings.EqualFold(h[n-1].Name, "diagnostic-code") {
				h[n-1].Value += " " + trimmed
			}
		}
	}
	return h
}

func typed(value string) string {
	if _, after, ok := strings.Cut(value, ";"); ok {
		value = after
	}
	return strings.TrimSpace(value)
}

// recipient reads "rfc822; someone@example.com", with or without brackets.
func recipient(value string) string {
	value = typed(value)
	if inner, ok := strings.CutPrefix(value, "<"); ok {
		value = strings.TrimSuffix(inner, ">")
	}
	return normal(addressIn.FindString(value))
}

var actionWord = regexp.MustCompile(`(?i)failed|failure|undeliverable|deliverable|delayed|delivered|relayed|expanded|deferred|expired`)

func action(value string) string {
	switch word := strings.ToLower(actionWord.FindString(value)); word {
	case "failure", "expired", "undeliverable":
		return actionFailed
	case "deliverable": // Postfix was asked to try an address, and did
		return actionDelivered
	case "deferred":
		return actionDelayed
	default:
		return word
	}
}

// The actions of RFC 3464 section 2.3.3.
const (
	actionFailed    = "failed"
	actionDelayed   = "delayed"
	actionDelivered = "delivered"
	actionRelayed   = "relayed"
	actionExpanded  = "expanded"
)

var (
	enhanced  = regexp.MustCompile(`\b[245]\.\d{1,3}\.\d{1,3}\b`)
	replyCode = regexp.MustCompile(`(?:^|[\s:;('"<=])(2[0-5][0-4]|3[35]4|4[2-7]\d|5[0-7]\d)(?:[\s:;,'">)#.-]|$)`)
	// coded is an enhanced code in the place where servers put it, and no part of a version or an address of the network.
	coded  = regexp.MustCompile(`(?:^|[\s:;('"<#=\[-])([245]\.\d{1,3}\.\d{1,3})(?:[\s:;,'">)\].-]|$)`)
	dotted = regexp.MustCompile(`\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}`)
	// wrapped is what a server says of the last words of another: Message expired …<421 4.4.2 Connection timed out>.
	wrapped = regexp.MustCompile(`<([245]\d\d [245]\.\d\.\d{1,3} [^>]*)>\s*$`)
	// quotedAnswer is how IronPort tells of another's answer: 5.1.0 - Unknown address error 550-'5.7.1 … Access denied'.
	quotedAnswer = regexp.MustCompile(`\d\.\d\.\d - [\w ]+? ([245]\d\d)[- ]'(.*)'`)
)

// answer finds the code, the enhanced code and the words in a server's answer.
func answer(text string) (code, status, words string) {
	words = text
	if m := wrapped.FindStringSubmatch(text); m != nil {
		words = m[1]
	} else if m := quotedAnswer.FindStringSubmatch(text); m != nil {
		words = m[1] + " " + m[2]
	}
	clean := dotted.ReplaceAllString(words, "")
	if m := replyCode.FindStringSubmatch(clean); m != nil {
		code = m[1]
	}
	for _, m := range coded.FindAllStringSubmatch(clean, 10) {
		if status == "" || vague(status) {
			status = m[1]
		}
	}
	return code, status, words
}

// vague says whether an enhanced code says no more than failed, or not yet.
func vague(status string) bool {
	return status == "" || strings.HasSuffix(status, ".0.0")
}
