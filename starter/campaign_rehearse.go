package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"dotyk/starter/rehearse"
)

type campaignTest struct {
	Files []string `arg:"" help:"Scenario files, YAML or JSON; their campaigns stand beside them." name:"file"`
	JSON  bool     `help:"Print the outcomes as JSON, with all differences."`
	Log   bool     `help:"Print everything that happened, in order."`
}

var errScenarios = errors.New("not every scenario went as expected")

// Run plays scenarios under virtual time, without database and network, and shows the first difference of each.
func (c *campaignTest) Run(p *program) error {
	outcomes := make([]rehearse.Outcome, 0, len(c.Files))
	failed := false
	for _, file := range c.Files {
		abs, err := filepath.Abs(file)
		if err != nil {
			return fmt.Errorf("find scenario file: %w", err)
		}
		o := rehearse.File(p.ctx, os.DirFS(filepath.Dir(abs)), filepath.Base(abs))
		o.File = file
		outcomes = append(outcomes, o)
		failed = failed || !o.Passed
		if !c.JSON {
			c.print(p, &o)
		}
	}
	if c.JSON {
		enc := json.NewEncoder(p.stdout)
		enc.SetIndent("", "  ")
		if err := enc.Encode(outcomes); err != nil {
			return fmt.Errorf("print outcomes: %w", err)
		}
	}
	if failed {
		return errScenarios
	}
	return nil
}

func (c *campaignTest) print(p *program, o *rehearse.Outcome) {
	if c.Log {
		for i := range o.Log {
			fmt.Fprintln(p.stdout, o.Log[i].String())
		}
	}
	switch {
	case o.Passed:
		fmt.Fprintf(p.stdout, "ok    %s: %s (%.1f ms)\n", o.File, o.Scenario, o.Millis)
	case o.Error != "":
		fmt.Fprintf(p.stdout, "FAIL  %s: %s\n", o.File, o.Error)
	default:
		fmt.Fprintf(p.stdout, "FAIL  %s: %s (%.1f ms)\n%s\n", o.File, o.Scenario, o.Millis, o.Differences[0])
		if more := len(o.Differences) - 1; more > 0 {
			fmt.Fprintf(p.stdout, "and %d more; --json shows all\n", more)
		}
	}
}
