package ingest

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// text reads a JSON text.
func text(raw json.RawMessage) (string, bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// textOrWhole reads a JSON text, or a whole number as the text of its digits: ids and phone numbers come as either.
func textOrWhole(raw json.RawMessage) (string, bool) {
	if s, ok := text(raw); ok {
		return s, true
	}
	digits := bytes.TrimPrefix(raw, []byte{'-'})
	if len(digits) == 0 || len(bytes.Trim(digits, "0123456789")) > 0 {
		return "", false
	}
	return string(raw), true
}

// null reports whether a value is missing or null.
func null(raw json.RawMessage) bool { return len(raw) == 0 || raw[0] == 'n' }

// emptyList reports whether a value is []: PHP writes an empty map so.
func emptyList(raw json.RawMessage) bool {
	return len(raw) > 1 && raw[0] == '[' && len(bytes.TrimSpace(raw[1:len(raw)-1])) == 0
}

// boolean reads true or false.
func boolean(raw json.RawMessage) (value, ok bool) {
	switch string(raw) {
	case "true":
		return true, true
	case "false":
		return false, true
	default:
		return false, false
	}
}

// decode reads a value as encoding/json does, except that numbers keep all of their digits, as json.Number.
func decode(raw json.RawMessage) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	return v, nil
}

// layouts are the ways in which clients write a moment, the usual one first. A moment without a zone is in UTC.
var layouts = [...]string{
	time.RFC3339Nano, // takes seconds without a fraction too
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02",
}

// moment reads a time: ISO 8601 text, or a number of seconds or milliseconds since 1970.
func moment(raw json.RawMessage) (time.Time, bool) {
	if s, ok := text(raw); ok {
		s = strings.TrimSpace(s)
		for _, layout := range layouts {
			if t, err := time.Parse(layout, s); err == nil {
				return t.UTC(), true
			}
		}
		if len(s) < 9 || strings.Trim(s, "0123456789") != "" {
			return time.Time{}, false
		}
		raw = json.RawMessage(s) // "1448324315000" is common too
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.IsNaN(n) || math.Abs(n) > 1e15 {
		return time.Time{}, false
	}
	if math.Abs(n) < 1e11 { // seconds until the year 5138, milliseconds from 1973 on
		n *= 1000
	}
	return time.UnixMicro(int64(n * 1000)).UTC(), true
}

// believable reports whether a moment can be meant: a device that lost its clock says 0001, a careless program 9999.
func believable(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 2200 }

// shown cuts a value for a message to people.
func shown(raw []byte) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(string(raw[:min(len(raw), 60)]), ""), "\x00", "")
	if len(raw) > 60 {
		s += "…"
	}
	return s
}
