package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"

	"dotyk/starter/importer"
)

type importCommands struct {
	Customers importCustomers `cmd:"" help:"Import customers from a CSV file; a line a customer."`
	Orders    importOrders    `cmd:"" help:"Import orders from a CSV file; a line an item, or a line an order."`
}

type (
	importCustomers struct{ importCSV }
	importOrders    struct{ importCSV }
)

type importCSV struct {
	workspaced
	importer.Flags
}

// Run imports customers.
func (c *importCustomers) Run(p *program) error { return c.run(p, importer.Customers) }

// Run imports orders.
func (c *importOrders) Run(p *program) error { return c.run(p, importer.Orders) }

// run imports a file. What is imported is history: no campaign hears of it.
func (c *importCSV) run(p *program, kind importer.Kind) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	o := c.Options(kind)
	o.Workspace, o.Country = ws.ID, ws.Country
	o.Progress = p.stderr
	if f, ok := p.stderr.(*os.File); ok {
		o.Terminal = term.IsTerminal(int(f.Fd()))
	}
	sum, err := importer.Run(p.ctx, st, o)
	if err != nil {
		if p.ctx.Err() != nil {
			return errors.New("stopped; the same command goes on where this one stopped")
		}
		return err
	}
	fmt.Fprintln(p.stdout, sum)
	if sum.Messages.Stored == 0 {
		return nil
	}
	// Events that come in are learnt one by one; what was imported is learnt from what is stored.
	if err := st.LearnStored(p.ctx, ws.ID); err != nil {
		return fmt.Errorf("%w (the import itself is complete; try: starter catalogue learn)", err)
	}
	return nil
}
