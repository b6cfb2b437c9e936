package main

import (
	"fmt"

	"dotyk/activities/store"
	"dotyk/starter/manage"
)

type userCommands struct {
	Add  userAdd  `cmd:"" help:"Make a user, or change name, role and phone of the one with this e-mail."`
	List userList `cmd:"" help:"List the users."`
}

type userAdd struct {
	workspaced
	Email string `arg:"" help:"E-mail address, by which campaigns name the user."`
	Name  string `help:"Name."`
	Role  string `default:"sales" enum:"owner,marketer,sales,operator,analyst" help:"owner, marketer, sales, operator or analyst."`
	Phone string `help:"Where calls ring first that are dialled by a click, as +380501112233."`
}

// Help gives an example.
func (*userAdd) Help() string {
	return `Example: starter user add ann@example.com --name "Ann Lee" --role sales`
}

// Run makes a user.
func (c *userAdd) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.AddUser(p.ctx, ws.ID, store.User{Email: c.Email, Name: c.Name, Role: c.Role, Phone: c.Phone}); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "user %s is %s\n", c.Email, c.Role)
	return nil
}

type userList struct {
	workspaced
	JSON bool `help:"Print them as JSON."`
}

// Run lists users.
func (c *userList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Users)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewUsers(list))
	}
	t := newTable(p.stdout, "e-mail", "name", "role", "phone", "since")
	for _, u := range list {
		t.row(u.Email, u.Name, u.Role, u.Phone, when(u.CreatedAt))
	}
	return t.end("no users yet: make one with starter user add EMAIL")
}
