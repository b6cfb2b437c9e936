// Package examples embeds three campaigns to start from: welcome, post-purchase and win-back. The standalone program
// publishes them on its first run, and tests run them.
package examples
