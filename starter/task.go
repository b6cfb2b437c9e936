package main

import (
	"fmt"
	"time"

	"dotyk/activities"
	"dotyk/activities/store"
	"dotyk/starter/manage"
)

type taskCommands struct {
	List   taskList   `cmd:"" help:"List tasks, those that are due first."`
	Done   taskDone   `cmd:"" help:"Close a task that was done; journeys hear of it."`
	Cancel taskCancel `cmd:"" help:"Close a task that will not be done; journeys hear of it."`
	Assign taskAssign `cmd:"" help:"Give a task to a user."`
	Dial   taskDial   `cmd:"" help:"Dial a call: it rings the user who has the task, then the customer."`
}

type taskList struct {
	workspaced
	Assignee string           `help:"Only of this user, by e-mail; none for tasks that nobody has."`
	Status   store.TaskStatus `default:"open" enum:"open,done,cancelled,all" help:"open, done, cancelled or all."`
	Kind     store.TaskKind   `default:"" enum:",task,call" help:"Only tasks, or only calls."`
	Customer string           `help:"Only about this customer: our id, the site's id, e-mail or phone."`
	Limit    int              `default:"100" help:"How many at the most."`
	JSON     bool             `help:"Print them as JSON."`
}

// Help gives an example.
func (*taskList) Help() string { return "Example: starter task list --assignee ann@example.com" }

// Run lists tasks.
func (c *taskList) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	f := store.TaskFilter{Assignee: c.Assignee, Status: c.Status, Kind: c.Kind, Limit: c.Limit}
	if f.Status == "all" {
		f.Status = ""
	}
	if c.Customer != "" {
		found, err := st.FindCustomer(p.ctx, ws.ID, c.Customer)
		if err != nil {
			return err
		}
		f.Customer = found.ID
	}
	list, err := st.Tasks(p.ctx, ws.ID, f)
	if err != nil {
		return err
	}
	if c.JSON {
		return printJSON(p.stdout, manage.NewTasks(list))
	}
	t := newTable(p.stdout, "id", "kind", "status", "due", "for", "customer", "title", "campaign", "outcome")
	for _, l := range list {
		due := ""
		if !l.DueAt.IsZero() {
			due = when(l.DueAt)
		}
		t.row(l.ID, string(l.Kind), string(l.Status), due, first(l.Assignee, "nobody"), l.Customer, l.Title, l.Campaign, l.Outcome)
	}
	return t.end("no such tasks")
}

type taskNamed struct {
	workspaced
	ID string `arg:"" help:"Id of the task."`
}

type taskDone struct {
	taskNamed
	Outcome  string        `help:"In one word or two, as rules read it: reached, no answer." default:"done"`
	Note     string        `help:"What was said."`
	Duration time.Duration `help:"Of a call, as 3m."`
	By       string        `help:"Who did it; whoever runs the command when left out."`
}

// Help gives an example.
func (*taskDone) Help() string {
	return `Example: starter task done 0198… --outcome reached --note "wants an offer"`
}

// Run closes a task.
func (c *taskDone) Run(p *program) error {
	return c.close(p, store.TaskOutcome{Outcome: c.Outcome, Note: c.Note, Duration: c.Duration, By: first(c.By, operator())})
}

type taskCancel struct {
	taskNamed
	Note string `help:"Why not."`
}

// Run cancels a task.
func (c *taskCancel) Run(p *program) error {
	return c.close(p, store.TaskOutcome{Note: c.Note, By: operator(), Cancelled: true})
}

func (c *taskNamed) close(p *program, o store.TaskOutcome) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	if err := st.CompleteTask(p.ctx, ws.ID, c.ID, o); err != nil {
		return err
	}
	what := "done"
	if o.Cancelled {
		what = "cancelled"
	}
	fmt.Fprintf(p.stdout, "task %s is %s\n", c.ID, what)
	return nil
}

type taskAssign struct {
	taskNamed
	To string `arg:"" help:"E-mail of a user, or none to take it from whoever has it."`
}

// Run assigns a task.
func (c *taskAssign) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	to := c.To
	if to == store.AssigneeNone {
		to = ""
	}
	if err := st.AssignTask(p.ctx, ws.ID, c.ID, to); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "task %s is for %s\n", c.ID, first(to, "nobody"))
	return nil
}

type taskDial struct {
	taskNamed
	twilio
}

// Help gives an example.
func (*taskDial) Help() string {
	return `Example: starter task dial 0198…

The call's step says dial: true, and the user has a phone (starter user add --phone).
Once the customer has answered and the call is over, the task is done.`
}

// Run dials.
func (c *taskDial) Run(p *program) error {
	return c.dial(p, &c.workspaced, activities.Desk.DialTask, c.ID)
}
