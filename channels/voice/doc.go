// Package voice connects a user with a customer by telephone through Twilio's Calls API: it rings the user, and when she
// answers, the customer, or the first who waits in the queue. It writes the scripts (TwiML) by which calls are led. In
// Twilio, a number's "a call comes in" is POST /hooks/twilio/voice?w=<workspace>, its "call status changes" is
// POST /hooks/twilio/voice/status?w=<workspace>, and its "a message comes in" is POST /hooks/twilio/inbound?w=<workspace>.
//
// It imports channels, channels/sms (the account and what its answers mean), twilio-go's rest/api/v2010 (never twilio-go's
// root, which links every product) and the standard library. Start reading at Sender.Dial.
package voice
