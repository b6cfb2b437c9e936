package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // time zones must be known wherever the program runs

	"github.com/alecthomas/kong"

	"dotyk/worker/boot"
)

// options of the command; most are those of boot.Config.
type options struct {
	boot.Config
	MaxConns int `name:"max-conns" env:"DOTYK_MAX_CONNS" default:"24" help:"Database connections at the most."`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("worker"),
		kong.Description("Picks events, carries journeys and sends messages until it is told to stop."))
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	w, err := boot.Start(ctx, o.Config, boot.Options{Logger: logger, StoreConns: o.MaxConns})
	if err != nil {
		return err
	}
	logger.Info("working", "temporal", o.TemporalAddress, "namespace", o.TemporalNamespace)
	<-ctx.Done()
	logger.Info("stopping: messages under way are finished first")
	w.Stop()
	return nil
}
