package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
)

// decode makes of an answer's bytes what rules and the record can hold: neither takes a NUL, or a number without bounds.
func decode(raw []byte) any {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	if len(raw) <= MaxBody && isPlainJSON(raw) {
		var value any
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if err := decoder.Decode(&value); err == nil {
			return value
		}
	}
	raw = raw[:min(len(raw), MaxBody)]
	return strings.ToValidUTF8(strings.ReplaceAll(string(raw), "\x00", ""), "")
}

// isPlainJSON is false also for JSON with a NUL in its text, or with a number that no float64 comes near to.
func isPlainJSON(raw []byte) bool {
	var probe any
	return json.Unmarshal(raw, &probe) == nil && !bytes.Contains(raw, []byte(`\u0000`))
}
