// Command worker picks events, carries journeys and sends messages until it is told to stop. Run as many as needed.
//
// It may import everything below worker. Start reading at main, then worker/boot.
package main
