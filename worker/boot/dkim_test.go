package boot

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email"
)

func TestDKIMKeys(t *testing.T) {
	t.Parallel()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	good, bad := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "bad.pem")
	require.NoError(t, os.WriteFile(good, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(bad, []byte("nothing"), 0o600))

	keys, err := (&Config{}).dkimKeys()
	require.NoError(t, err)
	require.Empty(t, keys)
	c := Config{DKIMKeyFiles: []string{good, good}, DKIMDomain: "shop.example", DKIMSelectors: []string{"s1", "s2"}}
	keys, err = c.dkimKeys()
	require.NoError(t, err)
	require.Equal(t, []email.DKIMKey{
		{Domain: "shop.example", Selector: "s1", Key: key}, {Domain: "shop.example", Selector: "s2", Key: key},
	}, keys)

	c.DKIMKeyFiles = []string{good, bad}
	_, err = c.dkimKeys()
	require.ErrorIs(t, err, email.ErrConfig)
	require.ErrorContains(t, err, bad)
	c.DKIMKeyFiles[1] += ".gone"
	_, err = c.dkimKeys()
	require.ErrorIs(t, err, os.ErrNotExist)
	for _, c := range []Config{
		{DKIMDomain: "shop.example"},
		{DKIMSelectors: []string{"s1"}},
		{DKIMKeyFiles: []string{good}, DKIMSelectors: []string{"s1"}},
		{DKIMKeyFiles: []string{good, good}, DKIMDomain: "shop.example", DKIMSelectors: []string{"s1"}},
	} {
		require.ErrorIs(t, c.Check(), errDKIM)
	}
}
