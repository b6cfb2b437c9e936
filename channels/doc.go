// Package channels says what a message is, what a sender does with it and how sending can fail. The senders live in
// email/, sms/ and voice/, what is in a message in content/. Settings are what a workspace decides about its messages, Class
// says what a provider's code means. It imports rules/audience, rules/campaign (brakes), decimal and the standard library.
// Start reading at SendError.
package channels
