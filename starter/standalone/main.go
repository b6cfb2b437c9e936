package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	_ "time/tzdata" // time zones must be known wherever the program runs

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"dotyk/starter/mailin"
	"dotyk/worker/boot"
)

// options of the program; those of boot.Config replace embedded parts by real ones.
type options struct {
	boot.Config
	mailin.Options
	Data     string `name:"data" env:"DOTYK_DATA" default:".dotyk" type:"path" help:"Directory that keeps everything between runs."`
	Listen   string `name:"listen" env:"DOTYK_LISTEN" default:"127.0.0.1:8080" help:"Address to serve on, as host:port."`
	WriteKey string `name:"write-key" env:"DOTYK_WRITE_KEY" help:"Write key to accept, so that a script knows it; a random one otherwise."`
	Examples bool   `name:"examples" default:"true" negatable:"" help:"Publish the example campaigns on the first run."`
	Verbose  bool   `name:"verbose" short:"v" help:"Show the log on the terminal too."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("standalone"), kong.Description("All of Dotyk in one process on one machine."),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 80}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "standalone:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if err := os.MkdirAll(o.Data, 0o755); err != nil { //nolint:gosec // Postgres enters it as another user; what is private in it has its own mode
		return fmt.Errorf("create data directory: %w", err)
	}
	logFile, err := os.OpenFile(filepath.Join(o.Data, "log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	defer logFile.Close() //nolint:errcheck // nothing is written after
	logger := newLogger(logFile, o.Verbose)
	slog.SetDefault(logger)
	s := &stack{options: o, logger: logger, out: os.Stdout, terminal: term.IsTerminal(int(os.Stdout.Fd()))}
	defer func() {
		if stopped := s.stop(); err == nil {
			err = stopped
		}
	}()
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil { // told to stop while starting
			return nil
		}
		return err
	}
	s.banner()
	return s.feed(ctx)
}
