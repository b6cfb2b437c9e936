// Package tracking tells people from machines among those who open messages and follow their links. It is pure: it knows no
// clock and no store. It may import rules/audience and channels. Start reading at Judge.
//
// Programs open mail, too: Apple's and other mail programs fetch pictures in advance, gateways of companies follow every
// link before a mail is delivered. No single trait proves one, so traits have points, and what has enough of them is a
// machine's. What came is kept as it came, with the reasons, and everybody is led on: a wrong verdict costs a figure and
// never a customer.
package tracking
