// Package phone is a development phone: it speaks Twilio's Messages API as a sender's client uses it, keeps what is
// texted, shows it to people and programs over HTTP, posts the status callbacks that Twilio would, and plays a customer
// who texts back. Programs can have it misbehave on purpose.
//
// What it does as Twilio does is checked against Twilio's own client and OpenAPI document. It does not do what Twilio
// does beyond that: it neither answers STOP by a text of its own, nor obeys TwiML, nor repeats a webhook that failed.
//
// It imports channels/sms (signatures, segments), and nothing else of Dotyk but what stands in devenv/internal. Start
// reading at Start.
package phone
