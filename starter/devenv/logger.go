package devenv

import (
	"context"
	"log/slog"
	"strings"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLogger passes the server's warnings and errors on to slog. Where the server would end the whole process, it
// ends the goroutine and tells failure: what becomes of the process is its main function's to say.
type serverLogger struct {
	log    *slog.Logger
	failed *failure
}

var (
	_ log.WithLogger  = serverLogger{}
	_ log.SLogWrapper = serverLogger{}
)

func newServerLogger(logger *slog.Logger, failed *failure) serverLogger {
	return serverLogger{log: slog.New(calm{logger.Handler(), failed}).With("component", "temporal"), failed: failed}
}

// calm drops what is less than a warning. While the server starts and stops, its parts complain of each other's
// absence, and some of its system workers never stop complaining: that is passed on as debug.
type calm struct {
	slog.Handler
	failed *failure
}

func (c calm) level(level slog.Level) slog.Level {
	if c.failed.settled.Load() {
		return level
	}
	return slog.LevelDebug
}

func (c calm) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && c.Handler.Enabled(ctx, c.level(level))
}

func (c calm) Handle(ctx context.Context, record slog.Record) error {
	record.Level = c.level(record.Level)
	return c.Handler.Handle(ctx, record)
}

func (c calm) WithAttrs(attrs []slog.Attr) slog.Handler {
	return calm{c.Handler.WithAttrs(attrs), c.failed}
}

func (c calm) WithGroup(name string) slog.Handler {
	return calm{c.Handler.WithGroup(name), c.failed}
}

func (l serverLogger) write(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background() // the server's interface carries none
	if l.log.Enabled(ctx, level) {
		l.log.LogAttrs(ctx, level, msg, attributes(tags)...) //nolint:sloglint // the message is the server's
	}
}

func attributes(tags []tag.Tag) []slog.Attr {
	attrs := make([]slog.Attr, len(tags))
	for i, t := range tags {
		attrs[i] = slog.Any(strings.ReplaceAll(t.Key(), "-", "_"), t.Value())
	}
	return attrs
}

// Debug is dropped.
func (l serverLogger) Debug(msg string, tags ...tag.Tag) { l.write(slog.LevelDebug, msg, tags) }

// Info is dropped.
func (l serverLogger) Info(msg string, tags ...tag.Tag) { l.write(slog.LevelInfo, msg, tags) }

// Warn logs a warning.
func (l serverLogger) Warn(msg string, tags ...tag.Tag) { l.write(slog.LevelWarn, msg, tags) }

// Error logs an error.
func (l serverLogger) Error(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// DPanic logs an error: only a server under development panics.
func (l serverLogger) DPanic(msg string, tags ...tag.Tag) { l.write(slog.LevelError, msg, tags) }

// Panic logs an error and panics, which its callers in the server rely on.
func (l serverLogger) Panic(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	panic(msg) //nolint:forbidigo // the contract of the server's interface
}

// Fatal reports the failure and ends the goroutine; it never returns, which its callers in the server rely on.
func (l serverLogger) Fatal(msg string, tags ...tag.Tag) {
	l.write(slog.LevelError, msg, tags)
	l.failed.end(fatalError(msg, tags))
}

// With gives a logger that adds tags to every line.
func (l serverLogger) With(tags ...tag.Tag) log.Logger {
	return serverLogger{log: slog.New(l.log.Handler().WithAttrs(attributes(tags))), failed: l.failed}
}

// SLog gives the logger underneath, for the parts of the server that use slog themselves.
func (l serverLogger) SLog() *slog.Logger { return l.log }
