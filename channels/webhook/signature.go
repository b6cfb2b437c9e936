package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp" // seconds since 1970
	HeaderSignature = "Webhook-Signature"

	headerPrefix = "Webhook-"
)

// Sign makes the signature of a body that is sent at a moment: "v1," and the HMAC-SHA256 over "id.seconds.body" in base64.
func Sign(secret []byte, id string, at time.Time, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + strconv.FormatInt(at.Unix(), 10) + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func sign(header http.Header, r Request, now time.Time) {
	header.Set(HeaderID, r.ID)
	header.Set(HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
	if len(r.Secret) > 0 {
		header.Set(HeaderSignature, Sign(r.Secret, r.ID, now, r.Body))
	}
}
