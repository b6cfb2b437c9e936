package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// file is a CSV file whose header has been read.
type file struct {
	*os.File
	path      string
	size      int64
	mark      string // of its first and last bytes, so that a changed file is noticed
	comma     byte
	header    []string
	start     int64 // offset of the first row after the header
	startLine int   // lines before that
}

const headSize = 64 << 10

// openFile opens a CSV file and reads its header. The delimiter and encoding are empty where they must be detected.
func openFile(path, delimiterName, encoding string) (*file, error) {
	raw, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open file: %w", err)
	}
	f := &file{File: raw, path: path}
	if err := f.inspect(delimiterName, encoding); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return f, nil
}

func (f *file) inspect(delimiterName, encoding string) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return f.refuse("this is not an ordinary file", "an import reads its file twice: save it to disk first")
	}
	f.size = info.Size()
	head := make([]byte, min(headSize, f.size))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read file: %w", err)
	}
	tail := make([]byte, len(head))
	if _, err := f.ReadAt(tail, f.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read file: %w", err)
	}
	sum := sha256.Sum256(slices.Concat(head, tail))
	f.mark = hex.EncodeToString(sum[:])
	switch {
	case len(bytes.TrimSpace(head)) == 0:
		return f.refuse("the file is empty", "export it again")
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}), bytes.HasPrefix(head, []byte{0xFE, 0xFF}), bytes.IndexByte(head, 0) >= 0:
		return f.refuse("the file is not CSV in an encoding that can be read; it looks like UTF-16 or no text at all", `save it as "CSV UTF-8"`)
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		f.start = 3
	}
	return f.readHeader(head[f.start:], delimiterName, encoding)
}

func (f *file) refuse(reason, advice string) error {
	return &FileError{File: f.path, Reason: reason, Advice: advice}
}

// readHeader reads the first line with anything in it, after a line "sep=;" by which Excel names the delimiter.
func (f *file) readHeader(head []byte, delimiterName, encoding string) error {
	first, rest, _ := bytes.Cut(head, []byte("\n"))
	if sep, ok := bytes.CutPrefix(bytes.TrimRight(first, "\r"), []byte("sep=")); ok && len(sep) == 1 {
		f.start += int64(len(first) + 1)
		f.startLine, head = 1, rest
		if delimiterName == "" {
			delimiterName = string(sep)
		}
	}
	comma, ok := delimiter(delimiterName)
	if !ok {
		if delimiterName != "" {
			return f.refuse(fmt.Sprintf("the delimiter cannot be %s", shown(delimiterName)), delimiterAdvice)
		}
		comma = detectDelimiter(head)
	}
	f.comma = comma
	decode := decodeHeader
	if encoding != "" {
		if decode, ok = decoder(encoding); !ok {
			return f.refuse(fmt.Sprintf("the encoding %s is not known", shown(encoding)), "write utf-8, windows-1251, windows-1252 or another name of the WHATWG Encoding Standard")
		}
	}
	rows := newCSVReader(io.NewSectionReader(f, f.start, f.size-f.start), f.start, f.startLine, comma, decode)
	got, err := rows.next()
	switch {
	case errors.Is(err, io.EOF):
		return f.refuse("the file has no header", "export it with a line of column headings")
	case err != nil:
		return err
	case got.fault != nil:
		return f.refuse(fmt.Sprintf("line %d, which should hold the column headings, cannot be read: %s", got.line, got.fault.reason), got.fault.advice)
	case strings.Contains(got.raw, "\r"):
		return f.refuse("the lines end with CR alone, as on old Macs", "save it with line ends of Windows or Unix")
	}
	f.start, f.startLine = got.end, rows.line
	return f.headings(got.cells)
}

func (f *file) headings(cells []string) error {
	for _, cell := range cells {
		name := strings.TrimSpace(cell)
		if name != "" && slices.Contains(f.header, name) {
			return f.refuse(fmt.Sprintf("two columns are called %q", name), "rename one of them")
		}
		f.header = append(f.header, name)
	}
	for len(f.header) > 0 && f.header[len(f.header)-1] == "" { // spreadsheets export empty columns on the right
		f.header = f.header[:len(f.header)-1]
	}
	if len(f.header) == 0 {
		return f.refuse("the first line holds no column headings", "put them into the first line")
	}
	return nil
}

// decodeHeader reads a header whose encoding is not known yet.
func decodeHeader(line []byte) (string, *lineError) {
	if s, wrong := decodeUTF8(line); wrong == nil {
		return s, nil
	}
	fallback, _ := decoder(windows1252)
	return fallback(line)
}

// rows reads the records from an offset, before which so many lines stand.
func (f *file) rows(offset int64, line int, decode decode) *csvReader {
	return newCSVReader(io.NewSectionReader(f, offset, f.size-offset), offset, line, f.comma, decode)
}

const delimiterAdvice = `write auto, tab, or one character such as ";"`

// delimiter reads the name of a delimiter.
func delimiter(name string) (byte, bool) {
	if name == "tab" {
		return '\t', true
	}
	if len(name) != 1 || strings.ContainsAny(name, "\"\n\r\x00") {
		return 0, false
	}
	return name[0], name[0] < 0x80
}

// delimiters are those that are detected; the first wins a tie.
const delimiters = ",;\t|"

// detectDelimiter takes what stands most often in the header outside of quotes.
func detectDelimiter(head []byte) byte {
	counts := make([]int, len(delimiters))
	inQuotes := false
	for _, c := range head {
		if c == '"' {
			inQuotes = !inQuotes
		}
		if c == '\n' && !inQuotes {
			break
		}
		if i := strings.IndexByte(delimiters, c); i >= 0 && !inQuotes {
			counts[i]++
		}
	}
	return delimiters[slices.Index(counts, slices.Max(counts))]
}
