package webhook

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ErrPrivate is in the error of a request to an address that is not public.
var ErrPrivate = errors.New("the address is not public")

// special are the networks that netip does not call private, and that lead nowhere public, or to a private IPv4 address
// inside of an IPv6 one (RFC 6890 and the registries of IANA that it began).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"), // behind a provider's address translation
	netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("192.88.99.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("::/96"), // IPv4 in its oldest form
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"),
	netip.MustParsePrefix("2001::/23"),
	netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
	netip.MustParsePrefix("3fff::/20"),
	netip.MustParsePrefix("fec0::/10"),
}

// refusePrivate is a net.Dialer's Control: it sees the address that a name was resolved to, just before it is connected
// to, so that a name that changes its mind in between gains nothing.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	parsed, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s is no IP address and port", ErrPrivate, address)
	}
	if !isPublic(parsed.Addr()) {
		return fmt.Errorf("%w: %s", ErrPrivate, parsed.Addr())
	}
	return nil
}

func isPublic(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("") // no prefix contains an address with a zone
	return ip.IsGlobalUnicast() && !ip.IsPrivate() &&
		!slices.ContainsFunc(special, func(network netip.Prefix) bool { return network.Contains(ip) })
}
