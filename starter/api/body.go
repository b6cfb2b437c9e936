package api

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"dotyk/starter/ingest"
)

// body reads a request's body, unpacked, up to a limit that holds for both sizes: a few bytes of gzip must not become
// gigabytes.
func (s *server) body(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	var from io.Reader = http.MaxBytesReader(w, r.Body, int64(limit))
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(from)
		if err != nil {
			return nil, bodyError(err, limit)
		}
		from = io.LimitReader(unpacked, int64(limit)+1)
	default:
		return nil, &problem{
			status: http.StatusUnsupportedMediaType, Code: "unsupported_encoding",
			Message: fmt.Sprintf("the content encoding %q is not known", shortened(encoding)), Advice: "send the request plain or with gzip",
		}
	}
	body, err := io.ReadAll(from)
	if err != nil {
		return nil, bodyError(err, limit)
	}
	if len(body) > limit {
		return nil, tooLarge(limit)
	}
	return body, nil
}

func tooLarge(limit int) error {
	return &ingest.BodyError{Code: ingest.TooLarge, Offset: -1, Reason: fmt.Sprintf("the request is larger than %d bytes", limit), Advice: "send fewer messages at once"}
}

// bodyError tells what went wrong in reading: too much, a broken archive, or a connection that ended.
func bodyError(err error, limit int) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(limit)
	}
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || strings.HasPrefix(err.Error(), "flate:") {
		return &problem{status: http.StatusBadRequest, Code: "bad_gzip", Message: "the request says it is gzip, and is not", Advice: "pack the body with gzip, or leave Content-Encoding out"}
	}
	return &problem{status: http.StatusBadRequest, Code: "incomplete", Message: "the request ended early", Advice: "send it again"}
}
