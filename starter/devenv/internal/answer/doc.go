// Package answer holds what the HTTP interfaces of the mailbox and the phone have in common. It imports the standard
// library only. Start reading at JSONArray.
package answer
