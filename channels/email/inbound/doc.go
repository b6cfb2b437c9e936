// Package inbound reads mail that comes back to us: reports of failed, late or successful delivery, complaints, answers of
// machines, requests to be left alone, and what a person wrote. It is pure: bytes in, a Report out, and never an error:
// whatever cannot be read is Unknown.
//
// It understands RFC 3464 (delivery status), RFC 5965 (complaints) and RFC 3834 (answers of machines), and the free text of
// the many servers that follow none of them. Start reading at Parse, then text.go (free text) and reason.go (what the
// words of a refusal mean).
//
// It may import the standard library, golang.org/x/text and golang.org/x/net.
package inbound
