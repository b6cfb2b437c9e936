package channels

import (
	"net/http"
	"strconv"
	"time"
)

// longestRetry bounds what a provider can ask for.
const longestRetry = 24 * time.Hour

// RetryAfter reads the header of RFC 9110 section 10.2.3, in seconds or as a date, of at most a day. What cannot be read
// is 0.
func RetryAfter(value string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(value); err == nil && n > 0 {
		return time.Duration(min(n, int(longestRetry/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), longestRetry)
	}
	return 0
}
