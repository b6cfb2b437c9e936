package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"

	"dotyk/activities/store"
	"dotyk/starter/mailin"
	"dotyk/starter/server"
)

type serveCommand struct {
	database
	twilio
	mailin.Options
	secret
	mailServer
	Listen   string `name:"listen" env:"DOTYK_LISTEN" default:"127.0.0.1:8080" help:"Address to serve on, as host:port."`
	MaxConns int    `name:"max-conns" env:"DOTYK_MAX_CONNS" default:"24" help:"Database connections at the most."`
}

// Run serves until told to stop. It needs Postgres only: events are accepted while Temporal is away.
func (c *serveCommand) Run(p *program) error {
	logger := slog.New(slog.NewTextHandler(p.stderr, nil))
	url, err := c.url()
	if err != nil {
		return err
	}
	keys, err := c.keys(&c.database)
	if err != nil {
		return err
	}
	st, err := store.Open(p.ctx, url, store.Options{MaxConns: c.MaxConns, SecretKeys: keys})
	if err != nil {
		return err
	}
	defer st.Close()
	telephone := c.telephone()
	desk, err := telephone.Desk(st)
	if err != nil {
		return err
	}
	mailer, closeMailer, err := c.mailer()
	if err != nil {
		return err
	}
	defer closeMailer()
	var lc net.ListenConfig
	ln, err := lc.Listen(p.ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (choose another address with --listen): %w", c.Listen, err)
	}
	s := server.Start(p.ctx, ln, server.Config{
		Store: st, PublicURL: c.PublicURL, TwilioAuthToken: c.AuthToken, Logger: logger, Desk: desk,
		Mailer: mailer,
	})
	inbox, err := mailin.Start(p.ctx, mailin.Config{Options: c.Options, Store: st, Logger: logger})
	if err != nil {
		return errors.Join(err, s.Stop())
	}
	fmt.Fprintf(p.stdout, "serving on http://%s\n", ln.Addr())
	select {
	case <-p.ctx.Done():
		err = nil
	case err = <-s.Failed():
	}
	return errors.Join(err, inbox.Stop(), s.Stop())
}
