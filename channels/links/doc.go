// Package links makes and checks the tokens in the links of messages, which stand for a customer without naming them and
// cannot be guessed or forged. It imports the standard library only. Start reading at Signer.
package links
