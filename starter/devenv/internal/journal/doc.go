// Package journal keeps records in a file of JSON lines that survives the death of its process at any moment. It
// imports the standard library only. Start reading at Open.
package journal
