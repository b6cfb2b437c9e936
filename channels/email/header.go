package email

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

const (
	lineLength = 78  // of a header line, without its end (RFC 5322 section 2.1.1)
	wordLine   = 76  // of a header line that holds encoded words (RFC 2047 section 2)
	longName   = 60  // a display name beyond it is written as encoded words, which can be folded
	longToken  = 500 // so is text with a longer stretch that has no space, for the limit of 998 characters a line
)

const (
	wordBegin = "=?utf-8?B?"
	wordEnd   = "?="
)

// appendField writes a header field of free text: as it is where that can be read back, as encoded words otherwise.
func appendField(b []byte, name, text string) []byte {
	b = append(append(b, name...), ": "...)
	if plainText(text) {
		b = appendFolded(b, text)
	} else {
		b = appendWords(b, text)
	}
	return append(b, "\r\n"...)
}

// appendMailbox writes a header field of one address and its owner's name, which may be empty.
func appendMailbox(b []byte, field, name, addr string) []byte {
	b = append(append(b, field...), ": "...)
	limit := lineLength
	switch {
	case name == "":
	case len(name) <= longName && printable(name) && !strings.Contains(name, "=?"):
		b = append(b, quoted(name)...)
	default:
		b = appendWords(b, name)
		limit = wordLine
	}
	if name != "" {
		b = appendBreak(b, len(addr)+2, limit)
	}
	b = append(b, '<')
	b = append(b, addr...)
	return append(b, ">\r\n"...)
}

// plainText says whether a reader of the unencoded text would see exactly text.
func plainText(text string) bool {
	if !printable(text) || strings.Contains(text, "=?") || strings.HasPrefix(text, " ") || strings.HasSuffix(text, " ") {
		return false
	}
	for len(text) > longToken {
		space := strings.LastIndexByte(text[:longToken], ' ')
		if space < 0 {
			return false
		}
		text = text[space+1:]
	}
	return true
}

// appendFolded writes plain text and folds it at single spaces: folded at one of several, a line could be of nothing but
// spaces.
func appendFolded(b []byte, text string) []byte {
	for {
		token, rest, more := strings.Cut(text, " ")
		b = append(b, token...)
		if !more {
			return b
		}
		text = rest
		next, _, _ := strings.Cut(rest, " ")
		if token == "" || next == "" {
			b = append(b, ' ')
			continue
		}
		b = appendBreak(b, len(next), lineLength)
	}
}

// appendBreak writes a space, on a new line where what comes next does not fit on this one.
func appendBreak(b []byte, next, limit int) []byte {
	if column(b)+1+next > limit {
		b = append(b, "\r\n"...)
	}
	return append(b, ' ')
}

// appendWords writes text as encoded words of base64 (RFC 2047), none of which splits a character. A reader joins them
// without the breaks between.
func appendWords(b []byte, text string) []byte {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for first := true; first || text != ""; first = false {
		if !first {
			b = append(b, "\r\n "...)
		}
		room := (wordLine - column(b) - len(wordBegin) - len(wordEnd)) / 4 * 3
		if room < utf8.UTFMax {
			b = append(b, "\r\n "...)
			room = (wordLine - 1 - len(wordBegin) - len(wordEnd)) / 4 * 3
		}
		cut := min(room, len(text))
		for cut < len(text) && !utf8.RuneStart(text[cut]) {
			cut--
		}
		b = append(b, wordBegin...)
		b = base64.StdEncoding.AppendEncode(b, []byte(text[:cut]))
		b = append(b, wordEnd...)
		text = text[cut:]
	}
	return b
}

// column is how much stands on the last line of b.
func column(b []byte) int { return len(b) - 1 - bytes.LastIndexByte(b, '\n') }
