// Package hooks reads what providers of e-mail send to our webhooks, and proves that it was they who sent it. It is pure but
// for the fetcher of Amazon's certificates, which is handed in.
//
// It may import the standard library and channels/email/inbound. Start reading at Event; there is a file for each provider.
package hooks
