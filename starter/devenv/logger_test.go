package devenv

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

func TestServerLogger(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	failed := newFailure()
	logger := log.With(newServerLogger(slog.New(slog.NewTextHandler(&out, nil)), failed), tag.String("shard-id", "7"))

	logger.Error("while starting")
	require.Empty(t, out.String())
	failed.settled.Store(true)
	logger.Info("quiet")
	logger.Debug("quiet")
	require.Empty(t, out.String())
	for level, write := range map[string]func(string, ...tag.Tag){"WARN": logger.Warn, "ERROR": logger.Error} {
		out.Reset()
		write("said", tag.Error(errors.New("cause")))
		line := out.String()
		require.Contains(t, line, "level="+level)
		require.Contains(t, line, "msg=said component=temporal shard_id=7 error=cause")
	}
	out.Reset()
	logger.DPanic("odd")
	require.Equal(t, 1, strings.Count(out.String(), "level=ERROR"))
	require.PanicsWithValue(t, "broken", func() { logger.Panic("broken") })
	log.NewSlogLogger(logger).Warn("through slog")
	require.Contains(t, out.String(), `level=WARN msg="through slog" component=temporal shard_id=7`)
}

func TestFailure(t *testing.T) {
	t.Parallel()
	cause := errors.New("port taken")

	t.Run("FatalEndsTheGoroutineAlone", func(t *testing.T) {
		t.Parallel()
		failed := newFailure()
		logger := newServerLogger(slog.New(slog.DiscardHandler), failed)
		require.NoError(t, failed.cause())
		after := false
		err := failed.guard(func() error {
			logger.Fatal("no listener", tag.String("service", "history"), tag.Error(cause))
			after = true
			return nil
		})
		require.False(t, after)
		require.ErrorIs(t, err, cause)
		<-failed.done
		require.EqualError(t, failed.cause(), "no listener: port taken")
		logger2 := newServerLogger(slog.New(slog.DiscardHandler), failed)
		require.Error(t, failed.guard(func() error { logger2.Fatal("second"); return nil }))
		require.EqualError(t, failed.cause(), "no listener: port taken", "the first counts")
	})

	t.Run("FatalWhileAssembling", func(t *testing.T) {
		t.Parallel()
		failed := newFailure()
		logger := newServerLogger(slog.New(slog.DiscardHandler), failed)
		listener := sync.OnceValue(func() int {
			logger.Fatal("no listener", tag.Error(cause))
			return 1
		})
		failed.assembling.Store(true)
		require.ErrorIs(t, failed.guard(func() error { listener(); return nil }), cause)
	})

	t.Run("WithoutCause", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, fatalError("gone", nil), errEnded)
	})

	t.Run("GuardPassesErrorsOn", func(t *testing.T) {
		t.Parallel()
		failed := newFailure()
		require.NoError(t, failed.guard(func() error { return nil }))
		require.ErrorIs(t, failed.guard(func() error { return cause }), cause)
		require.NoError(t, failed.cause())
	})
}

func TestFreePorts(t *testing.T) {
	t.Parallel()
	ports, err := freePorts(t.Context(), 4)
	require.NoError(t, err)
	seen := map[int]bool{}
	for _, p := range ports {
		require.Positive(t, p)
		require.False(t, seen[p])
		seen[p] = true
	}
}

func TestWithDatabase(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"postgres://postgres@/postgres?host=%2Frun&port=5432", "postgres://postgres@/x?host=%2Frun&port=5432"},
		{"postgresql://u:p%40@db.example:6432/app?sslmode=require&pool_max_conns=9", "postgresql://u:p%40@db.example:6432/x?sslmode=require"},
		{"postgres://h?dbname=app", "postgres://h/x"},
	} {
		got, err := withDatabase(tc.in, "x")
		require.NoError(t, err)
		require.Equal(t, tc.want, got)
	}
}
