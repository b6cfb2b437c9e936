package channels_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

func TestSendError(t *testing.T) {
	t.Parallel()
	cause := errors.New("the cause")
	err := &channels.SendError{Kind: channels.BadAddress, Code: "550 5.1.1", Detail: "no such user", Err: cause}
	require.EqualError(t, err, "bad address (550 5.1.1): no such user")
	require.ErrorIs(t, err, cause)
	require.EqualError(t, &channels.SendError{Kind: channels.Unknown}, "outcome unknown")
}

func TestFailureKind(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := channels.Temporary; k <= channels.Unknown; k++ {
		require.NotContains(t, k.String(), "failure kind")
		seen[k.String()] = true
	}
	require.Len(t, seen, 7)
	require.Equal(t, "failure kind 99", channels.FailureKind(99).String())
}
