package segments

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
)

// The ways by which a line of a list can name a customer, in the words of store.FindCustomers.
const (
	byID       = "id"
	byExternal = "external_id"
	byEmail    = "email"
	byPhone    = "phone"
)

// columns are the headings under which ways to name a customer are found, in lower case.
var columns = map[string]string{
	"id": byID, "customer_id": byID, "external_id": byExternal, "user_id": byExternal, "userid": byExternal,
	"email": byEmail, "e-mail": byEmail, "phone": byPhone,
}

// ways in which order they are believed, where a line has several.
var ways = []string{byID, byExternal, byEmail, byPhone}

// entry is a line of a list: what it says, and as what it may be looked up, likeliest first.
type entry struct {
	line    int // counted from 1
	text    string
	lookups []lookup
}

type lookup struct{ field, value string }

// readList reads CSV with a heading, or without one a value a line, of which only the first column counts. Lines that
// say nothing are left out.
func readList(r io.Reader) ([]entry, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("read list: %w", err)
	}
	if mark := []byte("\ufeff"); bytes.HasPrefix(head, mark) {
		_, _ = buffered.Discard(len(mark)) // they are in the buffer
		head = head[len(mark):]
	}
	c := csv.NewReader(buffered)
	c.Comma, c.FieldsPerRecord, c.LazyQuotes, c.TrimLeadingSpace, c.ReuseRecord = separator(head), -1, true, true, true
	var list []entry
	var heading map[string]int
	for first := true; ; first = false {
		record, err := c.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read list: %w", err)
		}
		if first {
			if heading = headingOf(record); len(heading) > 0 {
				continue
			}
		}
		e := entry{text: strings.TrimSpace(strings.Join(record, " ")), lookups: lookups(record, heading)}
		e.line, _ = c.FieldPos(0)
		if e.text != "" {
			list = append(list, e)
		}
	}
}

// separator is what stands most often in the first line.
func separator(head []byte) rune {
	line, _, _ := bytes.Cut(head, []byte("\n"))
	best, most := ',', 0
	for _, r := range []rune{',', ';', '\t'} {
		if n := bytes.Count(line, []byte(string(r))); n > most {
			best, most = r, n
		}
	}
	return best
}

// headingOf says in which column stands what; nothing if the record is no heading.
func headingOf(record []string) map[string]int {
	found := map[string]int{}
	for i, name := range record {
		way, ok := columns[strings.ToLower(strings.TrimSpace(name))]
		if _, twice := found[way]; ok && !twice {
			found[way] = i
		}
	}
	return found
}

func lookups(record []string, heading map[string]int) []lookup {
	if len(heading) == 0 {
		return guesses(strings.TrimSpace(record[0]))
	}
	var list []lookup
	for _, way := range ways {
		i, ok := heading[way]
		if !ok || i >= len(record) {
			continue
		}
		if l, ok := normal(way, record[i]); ok {
			list = append(list, l)
		}
	}
	return list
}

// guesses tells from the looks of a value what it may be. Any text can be an id of the site's own.
func guesses(value string) []lookup {
	likely := byExternal
	switch _, err := uuid.Parse(value); {
	case err == nil:
		likely = byID
	case strings.Contains(value, "@"):
		likely = byEmail
	case strings.HasPrefix(value, "+"):
		likely = byPhone
	}
	var list []lookup
	for _, way := range []string{likely, byExternal} {
		if l, ok := normal(way, value); ok && (len(list) == 0 || way != likely) {
			list = append(list, l)
		}
	}
	return list
}

// normal writes a value as the record keeps it. It reports whether it can be one at all.
func normal(way, value string) (lookup, bool) {
	value = strings.TrimSpace(value)
	switch way {
	case byID:
		id, err := uuid.Parse(value)
		return lookup{way, id.String()}, err == nil
	case byEmail:
		value = strings.ToLower(value)
	case byPhone:
		value = strings.Map(func(r rune) rune {
			if strings.ContainsRune(" -().\u00a0", r) {
				return -1
			}
			return r
		}, value)
	}
	value = strings.ToValidUTF8(value, "")
	return lookup{way, value}, value != "" && !strings.ContainsRune(value, 0)
}
