// Package mailin takes mail that comes back to us: as a mail server of its own (SMTP), behind another (LMTP), or out of a
// mailbox (IMAP). A mail is stored before anybody reads it, and its sender is answered only then; what a crash leaves unread
// is read after the next start.
//
// It may import everything below starter. Start reading at Start; smtp.go and imap.go are the ways in.
package mailin
