package sms

import "strings"

// Encoding is how a text message travels.
type Encoding string

// The encodings.
const (
	GSM7 Encoding = "GSM-7" // 3GPP TS 23.038, default alphabet and its extension
	UCS2 Encoding = "UCS-2" // UTF-16 in practice; for every message with one character that GSM-7 lacks
)

// Segments says how a message is cut into the parts that are paid for.
type Segments struct {
	Encoding Encoding
	Units    int // septets of GSM-7 or 16-bit units of UCS-2, of the text alone
	Parts    int // 0 for an empty text
}

// The units in a single part, and in each of several, which share their room with a header of six octets (3GPP TS
// 23.040 section 9.2.3.24.1).
const (
	gsm7Single, gsm7Multi = 160, 153
	ucs2Single, ucs2Multi = 70, 67
)

// The alphabets of 3GPP TS 23.038 sections 6.2.1 and 6.2.1.1. A character of the extension takes two septets.
const (
	gsm7Basic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
		"¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Extension = "\f^{}\\[~]|€"
)

// Count tells in how many parts body is sent as it is. See CountFor for an account with smart encoding.
func Count(body string) Segments {
	if s, ok := countGSM7(body); ok {
		return s
	}
	width := func(r rune) int {
		if r > 0xFFFF {
			return 2 // a surrogate pair
		}
		return 1
	}
	return split(UCS2, body, width, ucs2Single, ucs2Multi)
}

func countGSM7(body string) (Segments, bool) {
	for _, r := range body {
		if gsm7Width(r) == 0 {
			return Segments{}, false
		}
	}
	return split(GSM7, body, gsm7Width, gsm7Single, gsm7Multi), true
}

// gsm7Width is in septets, 0 for a character that GSM-7 lacks.
func gsm7Width(r rune) int {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ':
		return 1 // most of most messages
	case strings.ContainsRune(gsm7Basic, r):
		return 1
	case strings.ContainsRune(gsm7Extension, r):
		return 2
	default:
		return 0
	}
}

// split fills the parts one after another; what takes two units is never cut in two.
func split(e Encoding, body string, width func(rune) int, single, multi int) Segments {
	s := Segments{Encoding: e}
	parts, room := 0, 0
	for _, r := range body {
		w := width(r)
		s.Units += w
		if room < w {
			parts++
			room = multi
		}
		room -= w
	}
	s.Parts = parts
	if s.Units <= single {
		s.Parts = min(parts, 1)
	}
	return s
}
