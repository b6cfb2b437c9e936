package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dotyk/activities/store"
	"dotyk/starter/server"
)

// secret is the key of commands that keep passwords.
type secret struct {
	SecretKey string `name:"secret-key" env:"DOTYK_SECRET_KEY" help:"Key that keeps passwords: 32 random bytes in base64, the same for every program. Without it that of the standalone program on this machine is used."`
}

// keys are those given, or that of the standalone program whose database is used. Without either there are none.
func (s *secret) keys(d *database) (store.SecretKeys, error) {
	text, from := s.SecretKey, "DOTYK_SECRET_KEY"
	if text == "" && d.DatabaseURL == "" {
		from = filepath.Join(d.Data, server.SecretKeyFile)
		raw, err := os.ReadFile(from)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return store.SecretKeys{}, fmt.Errorf("read key of passwords: %w", err)
		}
		text = string(raw)
	}
	keys, err := store.ParseSecretKeys(text)
	if err != nil {
		return keys, fmt.Errorf("%s: %w", from, err)
	}
	return keys, nil
}
