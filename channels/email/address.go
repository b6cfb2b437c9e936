package email

import (
	"fmt"
	"net/mail"
	"strings"

	"golang.org/x/net/idna"
)

// address checks an address, and writes it as the wire has it: the domain in ASCII (RFC 5891), which every server
// understands. The local part has no such form; if it is not ASCII the server must offer SMTPUTF8.
func address(field, addr string) (string, error) {
	if plainAddress(addr) {
		return addr, nil
	}
	a, err := mail.ParseAddress(addr)
	if err != nil || a.Name != "" || strings.ContainsAny(addr, "<>") || hasControls(addr) {
		return "", fmt.Errorf("%s %q is not an address", field, addr)
	}
	at := strings.LastIndexByte(a.Address, '@')
	local, domain := a.Address[:at], a.Address[at+1:]
	if !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", fmt.Errorf("%s %q has no valid domain", field, addr)
		}
	}
	if !dotAtom(local) {
		local = quoted(local)
	}
	return local + "@" + domain, nil
}

// plainAddress says that addr is what nearly all addresses are: two dot-atoms of ASCII. The others are parsed.
func plainAddress(addr string) bool {
	local, domain, found := strings.Cut(addr, "@")
	return found && dotAtom(local) && dotAtom(domain) && isASCII(addr)
}

// atomText has the bytes of atext (RFC 5322 section 3.2.3, RFC 6532 section 3.2).
var atomText = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~" {
		set[c] = true
	}
	for c := 0x80; c < len(set); c++ {
		set[c] = true
	}
	return set
}()

// dotAtom says whether s is one of RFC 5322 section 3.2.3.
func dotAtom(s string) bool {
	dot := true // a dot may not come here
	for i := range len(s) {
		switch {
		case s[i] == '.' && !dot:
			dot = true
		case atomText[s[i]]:
			dot = false
		default:
			return false
		}
	}
	return !dot
}

// quoted writes s as a quoted string (RFC 5322 section 3.2.4).
func quoted(s string) string { return `"` + quoteEscape.Replace(s) + `"` }

var quoteEscape = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// hasControls says whether s holds a control character of ASCII.
func hasControls(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// printable says whether s holds nothing but the characters of ASCII from space to tilde.
func printable(s string) bool { return isASCII(s) && !hasControls(s) }
