// Package voice connects a user with a customer by telephone through Twilio's Calls API: it rings the user, and when she
// answers, the customer. It imports channels, channels/sms (the account and what its answers mean), twilio-go's
// rest/api/v2010 (never twilio-go's root, which links every product) and the standard library. Start reading at
// Sender.Dial.
package voice
