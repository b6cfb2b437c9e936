package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Journal is an append-only file of records, one JSON text a line. What Append has returned from is in the operating
// system's hands: it survives kill -9, not a loss of power. Its methods are safe for concurrent use.
type Journal[T any] struct {
	mu    sync.Mutex
	path  string
	file  *os.File
	size  int64 // bytes of whole records
	lines int
}

// Open opens the journal at path, making it and its directory when missing, and gives the records in it. A last line
// that was cut off by a crash is removed; any other line that is not a record is an error that says which.
func Open[T any](path string) (*Journal[T], []T, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, nil, fmt.Errorf("create journal's directory: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("open journal: %w", err)
	}
	j := &Journal[T]{path: path, file: file}
	records, err := j.read()
	if err == nil {
		err = j.rewind()
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read journal %s: %w", path, err), file.Close())
	}
	return j, records, nil
}

func (j *Journal[T]) read() ([]T, error) {
	var records []T
	for in := bufio.NewReader(j.file); ; {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return records, nil // what follows the last line's end is no record
		}
		if err != nil {
			return nil, err
		}
		var record T
		if err := json.Unmarshal(line, &record); err != nil {
			return nil, fmt.Errorf("line %d: %w", j.lines+1, err)
		}
		records = append(records, record)
		j.size += int64(len(line))
		j.lines++
	}
}

// rewind cuts off what is not a whole record and goes to the end.
func (j *Journal[T]) rewind() error {
	if err := j.file.Truncate(j.size); err != nil {
		return err
	}
	_, err := j.file.Seek(j.size, io.SeekStart)
	return err
}

// Append adds records, all or none.
func (j *Journal[T]) Append(records ...T) error {
	text, err := encode(records)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(text); err != nil {
		return fmt.Errorf("write journal: %w", errors.Join(err, j.rewind()))
	}
	j.size += int64(len(text))
	j.lines += len(records)
	return nil
}

// Replace makes these the journal's only records, all or none of them, whenever the process dies.
func (j *Journal[T]) Replace(records []T) error {
	text, err := encode(records)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	file, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	_, err = file.Write(text)
	if err == nil {
		err = os.Rename(file.Name(), j.path)
	}
	if err != nil {
		return fmt.Errorf("replace journal: %w", errors.Join(err, file.Close(), os.Remove(file.Name())))
	}
	old := j.file
	j.file, j.size, j.lines = file, int64(len(text)), len(records)
	if err := old.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

// Len is the number of records in the file.
func (j *Journal[T]) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.lines
}

// Close closes the file; the journal cannot be used after.
func (j *Journal[T]) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.file.Close(); err != nil {
		return fmt.Errorf("close journal: %w", err)
	}
	return nil
}

func encode[T any](records []T) ([]byte, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	for _, r := range records {
		if err := enc.Encode(r); err != nil {
			return nil, fmt.Errorf("encode record: %w", err)
		}
	}
	return text.Bytes(), nil
}
