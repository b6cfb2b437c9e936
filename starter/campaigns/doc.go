// Package campaigns reads campaign files and the templates beside them, and checks all that can be checked before
// publishing. The CLI and the standalone program share it.
//
// It may import everything below starter. Start reading at Load.
package campaigns
