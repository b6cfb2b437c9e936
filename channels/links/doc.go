// Package links makes and checks the tokens in the links of messages, which stand for a customer without naming them and
// cannot be guessed or forged. It imports the standard library only. Start reading at Signer; claim.go has the tokens of
// all purposes, links.go those of unsubscribe links, which are older and written differently.
package links
