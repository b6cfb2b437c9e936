package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

type policyCommands struct {
	Show policyShow `cmd:"" help:"Print quiet hours, caps and the holdout of all marketing, as JSON."`
	Set  policySet  `cmd:"" help:"Set them from a file, YAML or JSON."`
}

type policyShow struct{ workspaced }

// Run prints the policy.
func (c *policyShow) Run(p *program) error {
	policy, err := read(p, &c.workspaced, (*store.Store).Policy)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, policy.JSON(), "", "  "); err != nil {
		return fmt.Errorf("print policy: %w", err)
	}
	fmt.Fprintln(p.stdout, b.String())
	return nil
}

type policySet struct {
	workspaced
	File string `arg:"" help:"Policy file, YAML or JSON." type:"existingfile"`
}

// Help gives an example of the file.
func (*policySet) Help() string {
	return `The file replaces the policy as a whole:

  quiet:
    - {from: "21:00", to: "09:00"}
    - {channel: sms, country: UA, from: "20:00", to: "10:00", days: sat-sun}
  caps:
    - {channel: email, most: 3, within: 7d}
  holdout: 2%`
}

// Run sets the policy.
func (c *policySet) Run(p *program) error {
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read policy: %w", err)
	}
	policy, err := campaign.ParsePolicy(raw)
	if wrong, ok := errors.AsType[campaign.Violations](err); ok {
		for _, v := range wrong {
			fmt.Fprintf(p.stderr, "%s: %s\n", c.File, oneLines(v.String()))
		}
		return errors.New("the policy has faults, and stays as it was")
	}
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.SetPolicy(p.ctx, ws.ID, policy); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%d quiet hours, %d caps, holdout %s\n", len(policy.Quiet), len(policy.Caps), policy.Holdout)
	return nil
}
