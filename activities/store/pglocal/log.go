package pglocal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

const (
	maxLog   = 16 << 20 // bytes; a longer log is set aside when the server starts
	tailSize = 4 << 10  // bytes of the log that an error quotes at most
	tailRows = 15       // lines of it
)

// openLog opens the server's log for appending and gives its present length: what follows is of this run.
func openLog(path string) (*os.File, int64, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxLog {
		err = os.Rename(path, path+".1")
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, fmt.Errorf("set log aside: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, fmt.Errorf("open log: %w", err)
	}
	info, err = f.Stat()
	if err != nil {
		return nil, 0, fmt.Errorf("look at log: %w", errors.Join(err, f.Close()))
	}
	return f, info.Size(), nil
}

// logTail quotes the end of what the server logged since offset from.
func logTail(f *os.File, from int64) []byte {
	info, err := f.Stat()
	if err != nil {
		return []byte("(log unreadable: " + err.Error() + ")")
	}
	from = max(from, info.Size()-tailSize)
	buf := make([]byte, info.Size()-from)
	n, err := f.ReadAt(buf, from)
	if err != nil {
		return []byte("(log unreadable: " + err.Error() + ")")
	}
	return lastLines(buf[:n])
}

func lastLines(text []byte) []byte {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return bytes.Join(lines[max(0, len(lines)-tailRows):], []byte("\n"))
}
