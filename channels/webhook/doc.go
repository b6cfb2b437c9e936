// Package webhook sends signed requests to other people's servers, by the Standard Webhooks specification
// (https://github.com/standard-webhooks/standard-webhooks), and says what their answers mean. Nobody can use it to reach
// what is not public. It imports channels, x/net for the form of headers, and the standard library. Start reading at
// Sender.Send.
package webhook
