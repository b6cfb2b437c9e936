package store

import (
	"context"
	"errors"
)

func (s *Store) WebhookSecret(context.Context, int64) (string, error) {
	return "", errors.New("stub")
}
