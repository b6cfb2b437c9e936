package api

import (
	"net/http"
	"net/netip"
	"strings"
)

// peer is the address of the connection.
func peer(r *http.Request) netip.Addr {
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a Unix socket
	}
	return addr.Addr().Unmap().WithZone("")
}

func (s *server) isProxy(a netip.Addr) bool {
	for _, p := range s.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// trusted reports whether the connection comes from a proxy whose headers are believed.
func (s *server) trusted(r *http.Request) bool { return s.isProxy(peer(r)) }

// clientAddr is the address of whoever sent a request: of the connection, or behind proxies the last address that none
// of them has. What stands before it in X-Forwarded-For anybody may have written.
func (s *server) clientAddr(r *http.Request) netip.Addr {
	at := peer(r)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && s.isProxy(at); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		at = hop.Unmap().WithZone("")
	}
	return at
}

func (s *server) clientIP(r *http.Request) string {
	if at := s.clientAddr(r); at.IsValid() {
		return at.String()
	}
	return ""
}
