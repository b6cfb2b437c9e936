package importer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// A record beyond these is taken for a quote that was never closed: it must not swallow the rest of the file.
const (
	maxRecord      = 256 << 10 // bytes
	maxRecordLines = 500
)

// row is one record of the file: usually a line, more where a quoted cell holds line breaks.
type row struct {
	line  int        // of its first line in the file, from 1
	end   int64      // offset of the byte after it
	raw   string     // as it stands in the file, decoded, without the line's end
	cells []string   // valid until the next row is read
	fault *lineError // why it cannot be read; cells are then what could be read, if anything
}

func (r row) blank() bool {
	return r.fault == nil && !slices.ContainsFunc(r.cells, func(c string) bool { return strings.TrimSpace(c) != "" })
}

// source gives rows one by one, and io.EOF after the last.
type source interface {
	next() (row, error)
}

// csvReader reads records as RFC 4180 describes them, and is lenient where programs commonly differ from it: lines
// may end with LF alone, and a quote inside of an unquoted cell stands for itself. A record it cannot read becomes a
// row with a fault, and the next line is tried as a record of its own.
type csvReader struct {
	src    *bufio.Reader
	comma  byte
	decode decode
	offset int64      // in the file, after what was read from src
	line   int        // lines before the next row
	ahead  []physical // lines read from src and not yet given out
	cells  []string
}

// physical is one line of the file, without its end.
type physical struct {
	text []byte
	end  int64
	long bool // cut at maxRecord
}

// newCSVReader reads from src, which stands at an offset of the file where so many lines have passed.
func newCSVReader(src io.Reader, offset int64, line int, comma byte, decode decode) *csvReader {
	return &csvReader{src: bufio.NewReaderSize(src, 64<<10), comma: comma, decode: decode, offset: offset, line: line}
}

func (r *csvReader) next() (row, error) {
	first, err := r.readLine()
	if err != nil {
		return row{}, err
	}
	got := row{line: r.line + 1, end: first.end}
	r.line++
	if first.long {
		got.raw = legible(first.text[:min(len(first.text), 1000)]) + "…"
		got.fault = &lineError{fmt.Sprintf("the line is longer than %d bytes", maxRecord), "is this a CSV file?"}
		return got, nil
	}
	if got.raw, got.fault = r.decode(first.text); got.fault != nil {
		got.raw = legible(first.text)
		r.cells, _ = split(got.raw, r.comma, r.cells[:0])
		got.cells = r.cells
		return got, nil
	}
	var state splitState
	r.cells, state = split(got.raw, r.comma, r.cells[:0])
	if state == quoteOpen {
		if state, err = r.extend(&got); err != nil {
			return row{}, err
		}
	}
	got.cells = r.cells
	switch state {
	case quoteOpen:
		got.fault = &lineError{"a quote is opened and not closed", `close it; write a quote inside of a quoted cell twice: ""`}
	case quoteMalformed:
		got.fault = &lineError{"text follows a closing quote", `write a quote inside of a quoted cell twice: ""`}
	case complete:
	}
	return got, nil
}

// extend reads on while a quote is open. If it is not closed properly, got stays the first line alone, and those after
// it will be read again as rows.
func (r *csvReader) extend(got *row) (splitState, error) {
	text, end := got.raw, got.end
	var more []physical
	state := quoteOpen
	for state == quoteOpen && len(more) < maxRecordLines && len(text) < maxRecord {
		p, err := r.readLine()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return state, err
		}
		more = append(more, p)
		line, fault := r.decode(p.text)
		if p.long || fault != nil {
			break
		}
		text, end = text+"\n"+line, p.end
		if strings.IndexByte(line, '"') >= 0 { // nothing else can close the quote
			r.cells, state = split(text, r.comma, r.cells[:0])
		}
	}
	if state == complete {
		got.raw, got.end = text, end
		r.line += len(more)
		return state, nil
	}
	r.ahead = append(more, r.ahead...)
	r.cells, _ = split(got.raw, r.comma, r.cells[:0])
	return state, nil
}

// readLine gives the next line, also when the last has no end.
func (r *csvReader) readLine() (physical, error) {
	if len(r.ahead) > 0 {
		p := r.ahead[0]
		r.ahead = r.ahead[1:]
		return p, nil
	}
	var p physical
	for {
		part, err := r.src.ReadSlice('\n')
		r.offset += int64(len(part))
		if room := max(0, maxRecord-len(p.text)); len(part) > room+2 { // the line's end is not of the record
			part, p.long = part[:room], true
		}
		p.text = append(p.text, part...)
		switch {
		case err == nil, errors.Is(err, io.EOF) && (len(p.text) > 0 || p.long):
			p.text = bytes.TrimSuffix(bytes.TrimSuffix(p.text, []byte("\n")), []byte("\r"))
			p.end = r.offset
			return p, nil
		case errors.Is(err, io.EOF):
			return physical{}, io.EOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return physical{}, fmt.Errorf("read file: %w", err)
		}
	}
}

type splitState int

const (
	complete       splitState = iota
	quoteOpen                 // the text ends inside of a quoted cell
	quoteMalformed            // something other than a delimiter follows a closing quote
)

// split appends the cells of a record to into. If the state is not complete they are those before the fault.
func split(s string, comma byte, into []string) ([]string, splitState) {
	for {
		if s == "" || s[0] != '"' {
			i := strings.IndexByte(s, comma)
			if i < 0 {
				return append(into, s), complete
			}
			into, s = append(into, s[:i]), s[i+1:]
			continue
		}
		cell, rest, closed := unquote(s[1:])
		if !closed {
			return into, quoteOpen
		}
		if rest != "" && rest[0] != comma {
			return into, quoteMalformed
		}
		into = append(into, cell)
		if rest == "" {
			return into, complete
		}
		s = rest[1:]
	}
}

// unquote reads a quoted cell whose opening quote has been passed.
func unquote(s string) (cell, rest string, closed bool) {
	for {
		i := strings.IndexByte(s, '"')
		switch {
		case i < 0:
			return "", "", false
		case i+1 < len(s) && s[i+1] == '"':
			cell, s = cell+s[:i+1], s[i+2:]
		default:
			return cell + s[:i], s[i+1:], true
		}
	}
}
