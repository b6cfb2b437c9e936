package sms

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net"
	"net/url"
	"slices"
	"strings"
)

// SignatureHeader carries the signature of a webhook.
const SignatureHeader = "X-Twilio-Signature"

// Sign makes the signature that Twilio puts on a webhook with a form: HMAC-SHA1 with the auth token over the public URL,
// query included, and the form's keys and values in the order of the keys, in base64
// (https://www.twilio.com/docs/usage/security). A key with several values has each different value once, sorted.
func Sign(authToken, publicURL string, form url.Values) string {
	publicURL, _, _ = strings.Cut(publicURL, "#") // a fragment configures Twilio's retries and is not signed
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(publicURL))
	keys := make([]string, 0, len(form))
	for k := range form {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		values := slices.Sorted(slices.Values(form[k]))
		for _, v := range slices.Compact(values) {
			mac.Write([]byte(k + v))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// ValidSignature says whether Twilio, or whoever has the auth token, sent the form to publicURL, which must be the
// address that Twilio was given and not the one behind a proxy. Twilio signs with or without the port, so both count.
func ValidSignature(authToken, publicURL string, form url.Values, signature string) bool {
	valid := false
	for _, u := range portVariants(publicURL) {
		if hmac.Equal([]byte(Sign(authToken, u, form)), []byte(signature)) {
			valid = true
		}
	}
	return valid && authToken != ""
}

// portVariants are raw as it is, with its scheme's port, and without any.
func portVariants(raw string) []string {
	variants := []string{raw}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return variants
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	_, rest, _ = strings.Cut(rest, u.Host) // the text as it stands: parsing and printing could change its escapes
	host := u.Hostname()
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	prefix := scheme + "://"
	if u.User != nil {
		prefix += u.User.String() + "@"
	}
	if u.Port() != "" {
		return append(variants, prefix+host+rest)
	}
	port := "80"
	if strings.EqualFold(u.Scheme, "https") {
		port = "443"
	}
	return append(variants, prefix+net.JoinHostPort(u.Hostname(), port)+rest)
}
