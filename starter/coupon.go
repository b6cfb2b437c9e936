package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"dotyk/activities/store"
	"dotyk/starter/manage"
)

type couponCommands struct {
	Add  couponAdd  `cmd:"" help:"Put codes into a pool, from which campaigns give them to customers."`
	List couponList `cmd:"" help:"List the pools."`
}

type couponAdd struct {
	workspaced
	Pool string `arg:"" help:"Name of the pool; the first codes make it."`
	File string `arg:"" help:"File of codes, one a line, or - for what comes in."`
}

// Help gives examples.
func (*couponAdd) Help() string {
	return `Codes that there are already stay as they are, so the same file can be added again.

Examples:
  starter coupon add birthday codes.txt
  make-codes | starter coupon add birthday -`
}

// Run adds codes.
func (c *couponAdd) Run(p *program) error {
	codes, err := c.read(p.stdin)
	if err != nil {
		return err
	}
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	added, known, err := st.AddCoupons(p.ctx, ws.ID, c.Pool, codes)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "pool %s: %s added, %d known already\n", c.Pool, plural(int64(added), "code"), known)
	return nil
}

// read reads the codes; empty lines are none.
func (c *couponAdd) read(in io.Reader) ([]string, error) {
	if c.File != "-" {
		raw, err := os.ReadFile(c.File)
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("there is no file %s", c.File)
		}
		if err != nil {
			return nil, fmt.Errorf("read codes: %w", err)
		}
		in = bytes.NewReader(raw)
	}
	var codes []string
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if code := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff")); code != "" {
			codes = append(codes, code)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read codes: %w", err)
	}
	if len(codes) == 0 {
		return nil, errors.New("there are no codes: write one a line")
	}
	return codes, nil
}

type couponList struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists pools.
func (c *couponList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).CouponPools)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewPools(list))
	}
	t := newTable(p.stdout, "pool", "free", "issued", "redeemed")
	for _, l := range list {
		t.row(l.Name, strconv.Itoa(l.Free), strconv.Itoa(l.Issued), strconv.Itoa(l.Redeemed))
	}
	return t.end("no pools yet: make one with starter coupon add POOL FILE")
}
