// Package sms sends text messages through Twilio's Messages API, asks Twilio after messages whose answer was lost, chooses
// the number that they come from, counts and prices SMS segments, reads keywords such as STOP, and signs and checks
// Twilio's webhooks. It imports channels, twilio-go's client and rest/api/v2010 (never twilio-go's root, which links every
// product), phonenumbers, decimal and the standard library. Start reading at Router.Send, then Sender.Send and classify.
package sms
