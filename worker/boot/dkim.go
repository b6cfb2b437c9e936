package boot

import (
	"errors"
	"fmt"
	"os"

	"dotyk/channels/email"
)

var errDKIM = errors.New("set DKIM_KEY_FILE, DKIM_DOMAIN and DKIM_SELECTOR all, with as many selectors as key files, or none")

func (c *Config) checkDKIM() error {
	if len(c.DKIMKeyFiles) != len(c.DKIMSelectors) || (len(c.DKIMKeyFiles) == 0) != (c.DKIMDomain == "") {
		return fmt.Errorf("%w: there are %d key files, %d selectors, and domain %q", errDKIM,
			len(c.DKIMKeyFiles), len(c.DKIMSelectors), c.DKIMDomain)
	}
	return nil
}

// dkimKeys reads the keys that sign e-mails; none means that the relay signs.
func (c *Config) dkimKeys() ([]email.DKIMKey, error) {
	if err := c.checkDKIM(); err != nil {
		return nil, err
	}
	keys := make([]email.DKIMKey, len(c.DKIMKeyFiles))
	for i, file := range c.DKIMKeyFiles {
		text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("read DKIM key: %w", err)
		}
		key, err := email.ParseDKIMKey(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		keys[i] = email.DKIMKey{Domain: c.DKIMDomain, Selector: c.DKIMSelectors[i], Key: key}
	}
	return keys, nil
}
