// Package sms sends text messages through Twilio's Messages API, asks Twilio after messages whose answer was lost, counts
// SMS segments, and signs and checks Twilio's webhooks. It imports channels, twilio-go's client and rest/api/v2010 (never
// twilio-go's root, which links every product) and the standard library. Start reading at Sender.Send, then classify.
package sms
