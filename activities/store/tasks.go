package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"dotyk/rules/audience"
)

// TaskStatus says whether a task is still to be done.
type TaskStatus string

// The states of a task.
const (
	TaskOpen      TaskStatus = "open"
	TaskDone      TaskStatus = "done"
	TaskCancelled TaskStatus = "cancelled"
)

// TaskKind says what a task is.
type TaskKind string

// The kinds of task.
const (
	TaskToDo TaskKind = "task"
	TaskCall TaskKind = "call" // call the customer; Text is what to say
)

// Task is something for a person to do about a customer.
type Task struct {
	ID            string // UUID
	Kind          TaskKind
	Status        TaskStatus
	Title         string
	Text          string // what to do; of a call, what to say
	CustomerID    string
	Customer      string    // name, else e-mail address, else phone
	CustomerPhone string    // E.164; "" when unknown
	Assignee      string    // e-mail address of a user; "" while nobody has it
	Wanted        string    // the user that the campaign named, where there is none of that address
	DueAt         time.Time // zero: at any time
	CreatedAt     time.Time
	ClosedAt      time.Time // zero while it is open
	ClosedBy      string
	Outcome       string // in one word or two, as rules read it
	Note          string // what was said when it was closed
	Dial          bool   // it can be called by a click
	Campaign      string // name; "" of a task that no journey made
	JourneyID     string
	Step          string
	Iteration     int
}

// TaskFilter says which tasks to list. What is empty does not restrict.
type TaskFilter struct {
	Assignee string // e-mail address of a user, or "none" for tasks that nobody has
	Status   TaskStatus
	Customer string // UUID
	Kind     TaskKind
	Limit    int // default 100
}

// AssigneeNone is the Assignee of a TaskFilter for tasks that nobody has.
const AssigneeNone = "none"

const taskColumns = `t.id, t.kind, t.status, t.title, t.text, t.customer_id,
	coalesce(nullif(c.name, ''), nullif(c.email, ''), c.phone), c.phone, coalesce(u.email, ''), t.wanted, t.due_at,
	t.created_at, t.closed_at, t.closed_by, t.outcome, t.note, t.dial, coalesce(k.name, ''),
	coalesce(t.journey_id::text, ''), t.step, t.iteration`

const taskTables = ` FROM tasks t
	JOIN customers c ON c.workspace_id = t.workspace_id AND c.id = t.customer_id
	LEFT JOIN users u ON u.workspace_id = t.workspace_id AND u.id = t.assignee
	LEFT JOIN campaigns k ON k.workspace_id = t.workspace_id AND k.id = t.campaign_id `

func scanTask(row pgx.CollectableRow) (Task, error) {
	var t Task
	var due, closed *time.Time
	err := row.Scan(&t.ID, &t.Kind, &t.Status, &t.Title, &t.Text, &t.CustomerID, &t.Customer, &t.CustomerPhone,
		&t.Assignee, &t.Wanted, &due, &t.CreatedAt, &closed, &t.ClosedBy, &t.Outcome, &t.Note, &t.Dial, &t.Campaign,
		&t.JourneyID, &t.Step, &t.Iteration)
	t.DueAt, t.ClosedAt = orZero(due), orZero(closed)
	return t, err
}

// Tasks lists tasks: those that are due first, then those without a moment, each the oldest first.
func (s *Store) Tasks(ctx context.Context, workspace int64, f TaskFilter) ([]Task, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	if f.Customer != "" {
		if _, err := uuid.Parse(f.Customer); err != nil {
			return nil, fmt.Errorf("list tasks: %w: %q is no id of a customer", ErrInvalid, f.Customer)
		}
	}
	var list []Task
	err := s.In(ctx, workspace, func(tx *Tx) error {
		rows, _ := tx.conn.Query(ctx, `SELECT `+taskColumns+taskTables+`WHERE t.workspace_id = $1
			AND ($2 = '' OR $2 = '`+AssigneeNone+`' AND t.assignee IS NULL OR u.email = $2)
			AND ($3 = '' OR t.status = $3) AND ($4 = '' OR t.customer_id = nullif($4, '')::uuid)
			AND ($5 = '' OR t.kind = $5) ORDER BY t.due_at NULLS LAST, t.created_at, t.id LIMIT $6`,
			workspace, userEmail(f.Assignee), f.Status, f.Customer, f.Kind, f.Limit)
		var err error
		list, err = pgx.CollectRows(rows, scanTask)
		return err
	})
	return list, wrap("list tasks", err)
}

// Task gives one task. ErrNotFound when there is none of that id.
func (s *Store) Task(ctx context.Context, workspace int64, id string) (Task, error) {
	var t Task
	err := s.In(ctx, workspace, func(tx *Tx) error {
		var err error
		t, err = tx.task(ctx, id, false)
		return err
	})
	return t, wrap("read task", err)
}

func (tx *Tx) task(ctx context.Context, id string, lock bool) (Task, error) {
	if _, err := uuid.Parse(id); err != nil {
		return Task{}, fmt.Errorf("task %q: %w", id, ErrNotFound)
	}
	query := `SELECT ` + taskColumns + taskTables + `WHERE t.workspace_id = $1 AND t.id = $2`
	if lock {
		query += ` FOR UPDATE OF t`
	}
	rows, _ := tx.conn.Query(ctx, query, tx.Workspace, id)
	t, err := pgx.CollectExactlyOneRow(rows, scanTask)
	if errors.Is(err, pgx.ErrNoRows) {
		return Task{}, fmt.Errorf("task %s: %w", id, ErrNotFound)
	}
	return t, err
}

// TaskOutcome is what became of a task.
type TaskOutcome struct {
	Outcome   string // in one word or two, as rules read it: "reached", "no answer"; default "done" or "cancelled"
	Note      string
	Duration  time.Duration // of a call; 0 when unknown
	By        string        // e-mail address or name of who closes it
	Cancelled bool          // it was not done, and will not be
}

// ErrTaskClosed is ErrInvalid for a task that was closed before.
var ErrTaskClosed = fmt.Errorf("%w: the task is closed already", ErrInvalid)

// CompleteTask closes a task, done or cancelled, and tells the journeys of the customer by the event task_completed, or
// call_completed. ErrNotFound when there is no such task, ErrTaskClosed when it is closed already.
func (s *Store) CompleteTask(ctx context.Context, workspace int64, id string, o TaskOutcome) error {
	status := TaskDone
	if o.Cancelled {
		status = TaskCancelled
	}
	if o.Outcome == "" {
		o.Outcome = string(status)
	}
	err := s.In(ctx, workspace, func(tx *Tx) error {
		t, err := tx.task(ctx, id, true)
		if err != nil {
			return err
		}
		if t.Status != TaskOpen {
			return fmt.Errorf("%w: %s", ErrTaskClosed, t.Outcome)
		}
		now := time.Now()
		b := &pgx.Batch{}
		b.Queue(`UPDATE tasks SET status = $3, outcome = $4, note = $5, closed_by = $6, closed_at = $7
			WHERE workspace_id = $1 AND id = $2`, workspace, id, status, clean(o.Outcome), clean(o.Note), clean(o.By), now)
		if err := queueSystemEvents(b, workspace, []SystemEvent{closed(&t, o, now)}); err != nil {
			return err
		}
		return tx.batch(ctx, b)
	})
	return wrap("complete task", err)
}

// closed is the event by which journeys hear that a task was closed.
func closed(t *Task, o TaskOutcome, at time.Time) SystemEvent {
	e := SystemEvent{
		CustomerID: t.CustomerID, Name: audience.EventTaskCompleted, At: at, Key: "task:" + t.ID,
		Properties: map[string]any{
			"task": t.ID, "title": t.Title, "outcome": clean(o.Outcome), "note": clean(o.Note), "by": clean(o.By),
			"cancelled": o.Cancelled,
		},
	}
	if t.Kind == TaskCall {
		e.Name = audience.EventCallCompleted
		if o.Duration > 0 {
			e.Properties["duration"] = o.Duration.Seconds()
		}
	}
	if t.JourneyID != "" {
		e.Properties["campaign"], e.Properties["journey"] = t.Campaign, t.JourneyID
		e.Properties["step"], e.Properties["iteration"] = t.Step, t.Iteration
	}
	return e
}

// AssignTask gives an open task to the user with the e-mail address, or with "" to nobody. ErrNotFound when there is no
// such task or user, ErrTaskClosed when the task is closed.
func (s *Store) AssignTask(ctx context.Context, workspace int64, id, email string) error {
	err := s.In(ctx, workspace, func(tx *Tx) error {
		t, err := tx.task(ctx, id, true)
		if err != nil {
			return err
		}
		if t.Status != TaskOpen {
			return fmt.Errorf("%w: %s", ErrTaskClosed, t.Outcome)
		}
		var user *string
		if email = userEmail(email); email != "" {
			users, err := tx.UserIDs(ctx)
			if err != nil {
				return err
			}
			if user = orNull(users[email]); user == nil {
				return fmt.Errorf("user %s: %w", email, ErrNotFound)
			}
		}
		_, err = tx.conn.Exec(ctx, `UPDATE tasks SET assignee = $3, wanted = '' WHERE workspace_id = $1 AND id = $2`,
			workspace, id, user)
		if err != nil {
			return err
		}
		return tx.Audit(ctx, "task.assigned", id, map[string]any{"to": email})
	})
	return wrap("assign task", err)
}
