// Package e2e tests the whole product as its users meet it: real programs as processes, real HTTP and SMTP, a real
// Postgres and Temporal server; programs are killed, databases restarted, mail servers switched off. Its tests own the
// sinks of mail and text messages, so that these outlive whatever is killed.
//
// It holds tests only and may import everything. Start reading at product_test.go, then shop_test.go.
package e2e
