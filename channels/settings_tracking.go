package channels

import (
	"fmt"
	"net/url"
	"strings"
)

// check says what is wrong with the domain of links.
func (s *TrackingSettings) check() error {
	if s.Domain == "" {
		return nil
	}
	u, err := url.Parse(s.Domain)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" ||
		u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("tracking domain %q is not an address such as https://go.shop.example, without a path", s.Domain)
	}
	return nil
}

// Base is where the links of messages lead to: the workspace's own domain, or the public URL where it has none.
func (s *TrackingSettings) Base(publicURL string) string {
	if s.Domain == "" {
		return strings.TrimSuffix(publicURL, "/")
	}
	return strings.TrimSuffix(s.Domain, "/")
}
