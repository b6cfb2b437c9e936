// Package content compiles the Liquid templates of e-mails and text messages and fills them in for one customer. A
// compiled template cannot read files, cannot run for ever, cannot grow without bound, and escapes what it puts into
// HTML. It imports the standard library, x/text for languages, osteele/liquid, k3a/html2text, gomjml and go-premailer.
//
// Start reading at Library, which puts a message together out of layouts, snippets and variants by locale; then
// CompileEmail; prepare, which guards what the Liquid library does not; and program, which is what is filled in: constant
// text and outputs, with the library for blocks only. Links are found when a template is compiled (linkscan) and replaced
// when it is filled in (track). MJML is made into HTML, and styles are written into elements, when it is compiled, too.
package content
