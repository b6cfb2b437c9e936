package campaign

import (
	"fmt"
	"regexp"
	"time"
)

// defaultWebhookTimeout is how long a webhook is tried that does not say.
const defaultWebhookTimeout = time.Hour

var (
	methods       = []string{"POST", "PUT", "PATCH"}
	urlPattern    = regexp.MustCompile(`^https?://[^\s/?#@]+([/?#]\S*)?$`)
	headerPattern = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$") // RFC 9110, section 5.1: a token
)

func (r *reader) webhook(d draft) *WebhookStep {
	const advice = `Write {url: "https://shop.example/stock"}.`
	fields := r.body(d, objWebhook, advice)
	s := &WebhookStep{
		ID:      r.id(d, fields),
		URL:     r.name(fields, "url", d.path),
		Method:  r.word(fields, "method", d.path, methods[0], methods...),
		Headers: r.headers(fields["headers"], d.at("headers")),
		Body:    r.assignments(d, fields, "body", anyName),
		Wait:    r.flag(fields, "wait", d.path, false),
		Timeout: r.optionalDuration(fields, "timeout", d.path, defaultWebhookTimeout),
	}
	switch {
	case d.n.shape != shapeObject:
	case fields["url"] == nil:
		r.missing(d.n, d.path, "url", "the webhook does not say where the request goes", advice)
	case s.URL != "" && !urlPattern.MatchString(s.URL):
		r.report(fields["url"].place(d.at("url")), CodeBadValue,
			fmt.Sprintf("%q is not an address that a request can go to", clip(s.URL)),
			`Write all of it, as in "https://shop.example/stock", without a name and password.`)
	}
	return s
}

func (r *reader) headers(n *node, path string) map[string]string {
	switch {
	case n == nil:
		return nil
	case n.shape != shapeObject || len(n.fields) == 0:
		r.wrongShape(n, path, `"headers"`, "a group of fields with something in it",
			`Write one on each line, as in X-Shop: "1".`)
		return nil
	}
	headers := make(map[string]string, len(n.fields))
	for _, f := range n.fields {
		at := join(path, f.name)
		if _, twice := headers[f.name]; twice {
			r.report(f.at.place(at), CodeDuplicateField, fmt.Sprintf("%q stands twice", clip(f.name)),
				"Remove one of them.")
		}
		if !headerPattern.MatchString(f.name) {
			r.report(f.at.place(at), CodeBadValue, fmt.Sprintf("%q cannot be the name of a header", clip(f.name)), "")
		}
		headers[f.name] = r.nameAt(f.node, at, "the header")
	}
	return headers
}

func (r *reader) journey(d draft) *JourneyStep {
	const advice = "Write {campaign: <name>}."
	fields := r.body(d, objJourney, advice)
	s := &JourneyStep{
		ID:       r.id(d, fields),
		Campaign: r.name(fields, "campaign", d.path),
		Data:     r.assignments(d, fields, "data", anyName),
		Wait:     r.flag(fields, "wait", d.path, false),
		Timeout:  r.optionalDuration(fields, "timeout", d.path, 0),
	}
	switch timeout := fields["timeout"]; {
	case d.n.shape != shapeObject:
	case fields["campaign"] == nil:
		r.missing(d.n, d.path, "campaign", "the journey does not say through which campaign", advice)
	case s.Wait && timeout == nil:
		r.report(d.n.place(d.path), CodeMissingTimeout,
			"the journey waits for another without a timeout, so it could wait forever",
			`Add how long to wait at most, as in "timeout: 30d".`)
	case !s.Wait && timeout != nil:
		r.report(timeout.place(d.at("timeout")), CodeConflict, `"timeout" is for a journey that waits for the other`,
			`Add "wait: true", or remove it.`)
	}
	return s
}
