// Package devenv holds what stands in for the outside world on one machine: the Temporal server in this process
// (StartTemporal), and in sub-packages a mailbox that receives what is mailed (mailbox) and a phone that receives what is
// texted (phone).
//
// This package alone imports go.temporal.io/server, which adds 1,700 packages and 200 MB to a program: only
// starter/standalone and tests of the whole link it. The sub-packages do not import it, nor this one. Start reading at
// StartTemporal.
package devenv
