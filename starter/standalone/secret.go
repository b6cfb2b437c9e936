package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dotyk/activities/store"
	"dotyk/starter/server"
)

// secretKeys are those given, else the one of the data directory, which is made by the first run. A lost key means that the
// passwords of sending accounts must be entered again.
func (s *stack) secretKeys() (store.SecretKeys, error) {
	if s.SecretKey == "" {
		key, err := keptSecretKey(filepath.Join(s.Data, server.SecretKeyFile))
		if err != nil {
			return store.SecretKeys{}, err
		}
		s.SecretKey = key
	}
	keys, err := store.ParseSecretKeys(s.SecretKey)
	if err != nil {
		return keys, fmt.Errorf("key that keeps passwords (DOTYK_SECRET_KEY, or %s): %w", filepath.Join(s.Data, server.SecretKeyFile), err)
	}
	return keys, nil
}

func keptSecretKey(file string) (string, error) {
	raw, err := os.ReadFile(file)
	if err == nil {
		return string(raw), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read key that keeps passwords: %w", err)
	}
	key, err := store.NewSecretKey()
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep key of passwords: %w", err)
	}
	return key, nil
}
