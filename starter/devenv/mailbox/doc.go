// Package mailbox is a development mailbox: a real SMTP server on loopback that takes every message, keeps it, and
// shows it to people and programs over HTTP. It can also play a customer who answers.
//
// It imports go-smtp and go-message, and nothing of Dotyk but what stands in devenv/internal. Start reading at Start.
package mailbox
