package email

import (
	"bytes"
	"hash/fnv"
	"mime/quotedprintable"
	"strconv"
	"strings"
	"time"
)

// maxLine is the longest line that may go over the wire, without its end (RFC 5322 section 2.1.1).
const maxLine = 998

// content is a part's text, and what decides on its encoding.
type content struct {
	text  string
	ascii bool // no byte beyond 0x7f
	lines bool // no line longer than maxLine, and no NUL: it can stand on the wire as it is
}

func contentOf(text string) content {
	c := content{text: text, ascii: isASCII(text), lines: strings.IndexByte(text, 0) < 0}
	for rest := text; c.lines && len(rest) > maxLine; {
		end := strings.LastIndexAny(rest[:maxLine+1], "\r\n")
		c.lines = end >= 0
		rest = rest[end+1:]
	}
	return c
}

// encoding is a Content-Transfer-Encoding (RFC 2045 section 6).
type encoding string

const (
	sevenBit        encoding = "7bit"
	eightBit        encoding = "8bit"
	quotedPrintable encoding = "quoted-printable"
)

// encoding is the cheapest one that the way to the recipient allows.
func (c content) encoding(eightBitAllowed bool) encoding {
	switch {
	case c.lines && c.ascii:
		return sevenBit
	case c.lines && eightBitAllowed:
		return eightBit
	default:
		return quotedPrintable
	}
}

// needsEightBit says whether the message holds bytes beyond ASCII, when the way to the recipient allows them.
func (l *letter) needsEightBit(allowed bool) bool {
	return l.utf8 || l.text.encoding(allowed) == eightBit || l.html.encoding(allowed) == eightBit
}

// appendMessage writes the whole message (RFC 5322, RFC 2045) with CRLF at the end of every line, the last one included.
// Lines that begin with a dot are not stuffed.
func (l *letter) appendMessage(b []byte, eightBitAllowed bool, now time.Time) []byte {
	b = l.appendHeader(b, now)
	if l.HTML == "" {
		b = appendPart(b, "text/plain", l.text, eightBitAllowed)
		if !bytes.HasSuffix(b, []byte("\r\n")) {
			b = append(b, "\r\n"...)
		}
		return b
	}
	boundary := l.boundary()
	b = append(b, "Content-Type: multipart/alternative;\r\n boundary=\""...)
	b = append(b, boundary...)
	b = append(b, "\"\r\n\r\n--"...)
	b = append(b, boundary...)
	b = append(b, "\r\n"...)
	b = appendPart(b, "text/plain", l.text, eightBitAllowed)
	b = append(b, "\r\n--"...)
	b = append(b, boundary...)
	b = append(b, "\r\n"...)
	b = appendPart(b, "text/html", l.html, eightBitAllowed)
	b = append(b, "\r\n--"...)
	b = append(b, boundary...)
	return append(b, "--\r\n"...)
}

func (l *letter) appendHeader(b []byte, now time.Time) []byte {
	b = appendMailbox(b, "From", l.FromName, l.from)
	b = appendMailbox(b, "To", l.ToName, l.to)
	if l.replyTo != "" {
		b = appendMailbox(b, "Reply-To", "", l.replyTo)
	}
	b = appendField(b, "Subject", l.Subject)
	b = append(b, "Date: "...)
	b = now.UTC().AppendFormat(b, time.RFC1123Z) // UTC, so that the zone of the host is not told
	b = append(b, "\r\nMessage-ID: <"...)
	b = append(b, l.id...)
	b = append(b, ">\r\n"...)
	if l.TouchID != "" { // for providers that give messages a Message-ID of their own, and repeat our header
		b = append(b, "X-Dotyk-Touch: "...)
		b = append(b, l.TouchID...)
		b = append(b, "\r\n"...)
	}
	if l.FeedbackID != "" {
		b = appendField(b, "Feedback-ID", l.FeedbackID)
	}
	if l.unsubscribe != "" {
		b = append(b, "List-Unsubscribe: "...)
		b = append(b, l.unsubscribe...)
		// What can be unsubscribed from is bulk mail: absence notices do not answer it.
		b = append(b, "\r\nPrecedence: bulk\r\n"...)
	}
	if l.UnsubscribeURL != "" {
		b = append(b, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"...)
	}
	return append(b, "MIME-Version: 1.0\r\n"...)
}

// boundary stands between the parts (RFC 2046 section 5.1.1). It is made from the message's id, so that one message is the
// same bytes each time, and occurs in neither part, whoever wrote them.
func (l *letter) boundary() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(l.id)) // a hash takes everything
	base := "=_" + strconv.FormatUint(h.Sum64(), 36)
	boundary := base
	for n := 1; strings.Contains(l.Text, boundary) || strings.Contains(l.HTML, boundary); n++ {
		boundary = base + "_" + strconv.Itoa(n)
	}
	return boundary
}

// appendPart writes the header fields of a part, and its text.
func appendPart(b []byte, mediaType string, c content, eightBitAllowed bool) []byte {
	e := c.encoding(eightBitAllowed)
	b = append(b, "Content-Type: "...)
	b = append(b, mediaType...)
	b = append(b, "; charset=utf-8\r\nContent-Transfer-Encoding: "...)
	b = append(b, e...)
	b = append(b, "\r\n\r\n"...)
	if e == quotedPrintable {
		return appendQuotedPrintable(b, c.text)
	}
	return appendLines(b, c.text)
}

// appendLines writes text with CRLF for every CR, LF or CRLF.
func appendLines(b []byte, text string) []byte {
	for {
		end := strings.IndexByte(text, '\n')
		if end < 0 {
			return appendReturns(b, text)
		}
		line := text[:end]
		b = appendReturns(b, strings.TrimSuffix(line, "\r"))
		b = append(b, "\r\n"...)
		text = text[end+1:]
	}
}

// appendReturns writes text that has no LF, with CRLF for every CR.
func appendReturns(b []byte, text string) []byte {
	for {
		end := strings.IndexByte(text, '\r')
		if end < 0 {
			return append(b, text...)
		}
		b = append(b, text[:end]...)
		b = append(b, "\r\n"...)
		text = text[end+1:]
	}
}

// sink makes a slice that grows an io.Writer.
type sink struct{ b []byte }

// Write appends p.
func (s *sink) Write(p []byte) (int, error) {
	s.b = append(s.b, p...)
	return len(p), nil
}

func appendQuotedPrintable(b []byte, text string) []byte {
	s := sink{b}
	w := quotedprintable.NewWriter(&s)
	// With lines of its own making: after a CR that stands alone, the library loses the next LF. Neither call can fail: a
	// sink takes everything.
	_, _ = w.Write(appendLines(nil, text))
	_ = w.Close()
	return s.b
}

// appendStuffed writes a message of whole lines with a second dot before every line that begins with one (RFC 5321
// section 4.5.2): only the client's own final dot stands alone on a line.
func appendStuffed(b, message []byte) []byte {
	if bytes.HasPrefix(message, []byte(".")) {
		b = append(b, '.')
	}
	for {
		i := bytes.Index(message, []byte("\n."))
		if i < 0 {
			return append(b, message...)
		}
		b = append(b, message[:i+1]...)
		b = append(b, '.')
		message = message[i+1:]
	}
}
