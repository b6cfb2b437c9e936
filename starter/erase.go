package main

import "fmt"

type customerErase struct {
	workspaced
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
	Reason   string `required:"" help:"Why: it is kept, and so it must not name the person."`
}

// Help says what stays.
func (*customerErase) Help() string {
	return `Everything personal is taken out, journeys end, and the addresses are suppressed,
so that nothing is sent even when an import brings them back. What was counted
stays counted, and the ledger of consents keeps its proof.

Example: starter customer erase ann@example.com --reason "request 2026-17"`
}

// Run erases a customer.
func (c *customerErase) Run(p *program) error {
	st, ws, id, err := c.openFor(p.ctx, c.Customer)
	if err != nil {
		return err
	}
	defer st.Close()
	out, err := st.Erase(p.ctx, ws.ID, id, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "customer %s is erased; %d addresses are suppressed\n", id, out.Suppressed)
	return nil
}

type customerExport struct {
	workspaced
	Customer string `arg:"" help:"Our id, the site's id, e-mail or phone."`
}

// Run prints everything that is kept of a customer.
func (c *customerExport) Run(p *program) error {
	st, ws, id, err := c.openFor(p.ctx, c.Customer)
	if err != nil {
		return err
	}
	defer st.Close()
	out, err := st.Export(p.ctx, ws.ID, id)
	if err != nil {
		return err
	}
	return printJSON(p.stdout, out)
}
