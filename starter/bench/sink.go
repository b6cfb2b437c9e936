package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
)

// sinkConnections is over how many connections mail is sent to the sink.
const sinkConnections = 20

// sink is a mail server that takes everything and keeps nothing. It knows just enough of RFC 5321 for a well-behaved
// sender, which makes it several times cheaper than a real one.
type sink struct {
	taken func(address string) // called before the sender is told that its message was taken
	conns sync.WaitGroup
	mu    sync.Mutex
	open  map[net.Conn]bool
}

func (s *sink) serve(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.open[conn] = true
		s.mu.Unlock()
		s.conns.Go(func() {
			s.converse(conn)
			s.mu.Lock()
			delete(s.open, conn)
			s.mu.Unlock()
		})
	}
}

// close hangs up on everybody.
func (s *sink) close() {
	s.mu.Lock()
	for conn := range s.open {
		_ = conn.Close() // it may be closed already
	}
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *sink) converse(conn net.Conn) {
	defer conn.Close() //nolint:errcheck // nothing is left to be said
	r, w := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	say := func(line string) bool {
		if _, err := w.WriteString(line + "\r\n"); err != nil {
			return false
		}
		return r.Buffered() > 0 || w.Flush() == nil // several commands at once get their answers at once
	}
	var to []string
	for ok := say("220 bench"); ok; {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return
		}
		switch verb := strings.ToUpper(string(line[:min(4, len(line))])); verb {
		case "EHLO":
			ok = say("250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8")
		case "RCPT":
			_, rest, _ := bytes.Cut(line, []byte("<"))
			address, _, _ := bytes.Cut(rest, []byte(">"))
			to = append(to, string(address))
			ok = say("250 OK")
		case "DATA":
			if ok = say("354 Go on"); !ok || skipContent(r) != nil {
				return
			}
			for _, address := range to {
				s.taken(address)
			}
			to = nil
			ok = say("250 OK")
		case "RSET":
			to = nil
			ok = say("250 OK")
		case "QUIT":
			say("221 Bye")
			return
		default: // MAIL, HELO, NOOP
			ok = say("250 OK")
		}
	}
}

// skipContent reads a message to its end: a line with nothing but a dot.
func skipContent(r *bufio.Reader) error {
	begins := true
	for {
		line, err := r.ReadSlice('\n')
		if begins && string(line) == ".\r\n" {
			return nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return io.ErrUnexpectedEOF
		}
		begins = err == nil
	}
}
