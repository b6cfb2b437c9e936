// Package email sends e-mail over SMTP with go-mail through a pool of persistent connections, and says of every failure
// whether the message may have been sent. It imports channels, go-mail and the standard library; smtptest beside it is
// the server its tests run against. Start reading at Sender.Send, then classify.
package email
