package inbound

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/text/encoding/htmlindex"
)

// part is a leaf of a mail's tree.
type part struct {
	media string // lower case, as text/plain
	text  string // decoded: UTF-8, lines end in \n
}

// What bounds the work that a mail can make.
const (
	maxDepth = 8
	maxParts = 100
	maxText  = 1 << 20
)

// lines makes every end of a line \n.
func lines(raw []byte) string {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	return string(bytes.ReplaceAll(raw, []byte("\r"), []byte("\n")))
}

// leaves gives the parts of a body, in order. What claims to have parts and has none is read as text.
func leaves(h Header, body string, depth int) []part {
	media, params := contentType(h.Get("Content-Type"))
	if strings.HasPrefix(media, "multipart/") && depth < maxDepth {
		var all []part
		for _, raw := range split(body, params["boundary"]) {
			sub, rest := readHeader(raw)
			if len(sub) == 0 { // the blank line that ends an empty header may be missing
				rest = raw
			}
			all = append(all, leaves(sub, rest, depth+1)...)
			if len(all) >= maxParts {
				return all[:maxParts]
			}
		}
		if len(all) > 0 {
			return all
		}
		media = "text/plain"
	}
	text := decode(body, h.Get("Content-Transfer-Encoding"))
	if !strings.HasPrefix(media, "text/") && !strings.HasPrefix(media, "message/") {
		return []part{{media: media}}
	}
	return []part{{media, readable(text, params["charset"])}}
}

func contentType(value string) (string, map[string]string) {
	if value == "" {
		return "text/plain", nil
	}
	media, params, err := mime.ParseMediaType(value)
	if err != nil {
		media, _, _ = strings.Cut(value, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		params = map[string]string{}
		for _, m := range looseParam.FindAllStringSubmatch(value, 20) {
			params[strings.ToLower(m[1])] = strings.Trim(m[2]+m[3], `"`)
		}
	}
	return media, params
}

var looseParam = regexp.MustCompile(`(?i);\s*([a-z-]+)\s*=\s*(?:"([^"]*)"?|([^;\s]+))`)

// split cuts a body at its boundary; what stands before the first and after the last is left out. A body that was cut short
// has its last part all the same.
func split(body, boundary string) []string {
	if boundary == "" {
		return nil
	}
	var parts []string
	start, at := -1, 0
	for at < len(body) {
		end := strings.IndexByte(body[at:], '\n')
		next := len(body)
		if end >= 0 {
			next = at + end + 1
		}
		line := strings.TrimRight(body[at:next], " \t\n")
		if rest, ok := strings.CutPrefix(line, "--"+boundary); ok && (rest == "" || rest == "--") {
			if start >= 0 {
				parts = append(parts, body[start:at])
			}
			if rest == "--" {
				return parts
			}
			start = next
		}
		at = next
	}
	if start >= 0 && start <= len(body) {
		parts = append(parts, body[start:])
	}
	return parts
}

func decode(body, encoding string) string {
	if len(body) > maxText {
		body = body[:maxText]
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		clean := strings.Map(func(r rune) rune {
			if r == '\n' || r == ' ' || r == '\t' {
				return -1
			}
			return r
		}, body)
		out, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, strings.NewReader(clean)))
		if err != nil && len(out) == 0 { // it only says so
			return body
		}
		return lines(out)
	case "quoted-printable":
		out, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
		if err != nil && len(out) < len(body)/2 { // broken: as it stands rather than half of it
			return body
		}
		return lines(out)
	default:
		return body
	}
}

func readable(text, charset string) string {
	if e, err := htmlindex.Get(charset); err == nil && !strings.EqualFold(charset, "utf-8") {
		if out, err := e.NewDecoder().String(text); err == nil {
			return out
		}
	}
	if charset == "" && strings.Contains(text, "\x1b$") { // Japanese says so itself
		if e, err := htmlindex.Get("iso-2022-jp"); err == nil {
			if out, err := e.NewDecoder().String(text); err == nil {
				return out
			}
		}
	}
	if utf8.ValidString(text) {
		return text
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

// plain gives the text of a page of HTML, a line for each of its blocks.
func plain(page string) string {
	var b strings.Builder
	hidden := 0
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			if hidden == 0 {
				b.Write(z.Text())
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "style", "script", "title":
				hidden++
			case "br", "p", "div", "tr", "li", "h1", "h2", "h3", "pre", "td":
				b.WriteByte('\n')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			switch string(name) {
			case "style", "script", "title":
				hidden = max(0, hidden-1)
			}
		default:
		}
	}
}
