// Package fault holds what the mailbox and the phone have in common where people and scripts have them go wrong: the rules
// in force, and the HTTP interface that changes them. It imports starter/devenv/internal/answer. Start reading at Rules.
package fault
