// Package channels says what a message is, what a sender does with it and how sending can fail. The senders live in
// email/ and sms/, what is in a message in content/. It imports rules/audience and the standard library only. Start
// reading at SendError.
package channels
