package webhook

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIsPublic(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"} {
		require.True(t, isPublic(netip.MustParseAddr(address)), address)
	}
	for _, address := range []string{
		"127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.100.100.200",
		"0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "198.18.0.1", "240.0.0.1", "192.0.2.1",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "::ffff:10.0.0.1",
		"::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001:0:a00:1::1", "2001:db8::1",
	} {
		require.False(t, isPublic(netip.MustParseAddr(address)), address)
	}
}

func TestRefusePrivateWantsAnAddress(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, refusePrivate("tcp", "example.com:80", nil), ErrPrivate)
	require.NoError(t, refusePrivate("tcp", "[2606:4700:4700::1111]:443", nil))
}
