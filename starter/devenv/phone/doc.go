// Package phone is a development phone: it speaks Twilio's Messages and Calls APIs as a sender's client uses them, keeps
// what is texted and dialled, shows it to people and programs over HTTP, posts the status callbacks that Twilio would, and
// plays a customer who texts back or calls. Programs and scripts can have it misbehave on purpose.
//
// What it does as Twilio does is checked against Twilio's own client and OpenAPI document. It does not do what Twilio
// does beyond that: it neither answers STOP by a text of its own, nor obeys TwiML beyond Say, Play, Pause, Dial, Enqueue,
// Leave, Record and Hangup, of which nothing takes the time that it would, nor repeats a webhook that failed.
//
// It imports channels/sms (signatures, segments), and nothing else of Dotyk but what stands in devenv/internal. Start
// reading at Start.
package phone
