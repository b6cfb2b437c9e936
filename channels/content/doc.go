// Package content compiles the Liquid templates of e-mails and text messages and fills them in for one customer. A
// compiled template cannot read files, cannot run for ever, cannot grow without bound, and escapes what it puts into
// HTML. It imports the standard library, osteele/liquid and k3a/html2text. Start reading at CompileEmail, then prepare,
// which guards what the Liquid library does not.
package content
