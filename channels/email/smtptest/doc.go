// Package smtptest is a real SMTP server on loopback for tests and benchmarks: it records what it takes, and a function
// scripts what goes wrong at each stage of the dialogue. It may import testing, go-smtp and go-sasl. Start reading at
// Start and Fault.
package smtptest
