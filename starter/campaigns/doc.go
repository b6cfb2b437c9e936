// Package campaigns is what can be done with campaigns from outside: files and the templates beside them are read, all
// that can be checked before publishing is checked, versions are planned, published and compared, and it is told why a
// customer got something or did not. The command line, the management API and the standalone program share it.
//
// It may import everything below starter. Start reading at Load, then service.go; why.go answers for one customer.
package campaigns
