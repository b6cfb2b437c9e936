package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgtype"
)

// registerJSON makes a connection read json and jsonb without loss: a number becomes a json.Number, with all the digits
// that were stored. (The default is float64, which turns the long ids of other systems into different ones.)
func registerJSON(m *pgtype.Map) {
	m.RegisterType(&pgtype.Type{
		Name: "json", OID: pgtype.JSONOID, Codec: &pgtype.JSONCodec{Marshal: json.Marshal, Unmarshal: decodeJSON},
	})
	m.RegisterType(&pgtype.Type{
		Name: "jsonb", OID: pgtype.JSONBOID, Codec: &pgtype.JSONBCodec{Marshal: json.Marshal, Unmarshal: decodeJSON},
	})
}

var errTrailing = errors.New("more than one value")

func decodeJSON(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("decode JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("decode JSON: %w", errTrailing)
	}
	return nil
}

// jsonText encodes a value for a jsonb parameter. A rule can make text that jsonb cannot hold: U+0000 is replaced.
func jsonText(v any) (string, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode for database: %w", err)
	}
	for i := 0; i < len(raw)-5; i++ {
		if raw[i] != '\\' {
			continue
		}
		if string(raw[i:i+6]) == `\u0000` {
			copy(raw[i:], `\ufffd`)
		}
		i++ // what is escaped is no backslash of its own
	}
	return string(raw), nil
}
