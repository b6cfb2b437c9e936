// Package email sends e-mail over SMTP through a pool of persistent connections, writes the messages' bytes, signs them, and
// says of every failure whether the message may have been sent. It imports channels, go-mail (which dials), go-msgauth (which
// signs) and the standard library; smtptest beside it is the server its tests run against. Start reading at session.Begin,
// then connection.begin and classify.
package email
