package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

const ann = "ann@shop.example"

// tasks makes a task of each kind at a journey of the customer.
func (l *ledger) tasks(c store.Cohort) {
	l.t.Helper()
	inTx(l.t, l.st, l.seed, func(tx *store.Tx) error {
		state, due, err := tx.LoadDue(l.t.Context(), c.ID, noon, 10)
		if err != nil {
			return err
		}
		out := store.Advanced{Cohort: c.ID, State: state, Now: noon}
		for _, kind := range []store.TaskKind{store.TaskToDo, store.TaskCall} {
			out.Tasks = append(out.Tasks, store.PlannedTask{
				JourneyID: due[0].ID, CustomerID: due[0].Customer.ID, Step: string(kind), Iteration: 1, Kind: kind,
				Title: "Do a " + string(kind), DueAt: noon.Add(time.Hour),
			})
		}
		for range 2 { // a second time changes nothing
			if _, err := tx.WriteAdvanced(l.t.Context(), out); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestTasks(t *testing.T) {
	t.Parallel()
	l := openLedger(t)
	ctx, ws := t.Context(), l.seed.Workspace
	customer := l.customer("u1", "", nil)
	l.tasks(l.campaign("work", 0, customer))
	require.NoError(t, l.st.AddUser(ctx, ws, store.User{Email: " Ann@shop.example ", Name: "Ann", Role: store.RoleSales}))
	list := func(f store.TaskFilter) []store.Task {
		found, err := l.st.Tasks(ctx, ws, f)
		require.NoError(t, err)
		return found
	}
	all := list(store.TaskFilter{})
	require.Len(t, all, 2)
	task, call := all[0], all[1]
	require.Equal(t, "Do a task", task.Title)
	require.Equal(t, "u1@example.com", task.Customer)
	require.Equal(t, "work", task.Campaign)
	require.True(t, noon.Add(time.Hour).Equal(task.DueAt))

	require.NoError(t, l.st.AssignTask(ctx, ws, task.ID, "ANN@shop.example"))
	require.ErrorIs(t, l.st.AssignTask(ctx, ws, task.ID, "who@shop.example"), store.ErrNotFound)
	require.ErrorIs(t, l.st.AssignTask(ctx, ws, uuid.NewString(), ann), store.ErrNotFound)
	require.ErrorIs(t, l.st.AssignTask(ctx, ws, "x", ann), store.ErrNotFound)
	require.Len(t, list(store.TaskFilter{Assignee: ann}), 1)
	require.Len(t, list(store.TaskFilter{Assignee: store.AssigneeNone}), 1)
	require.Len(t, list(store.TaskFilter{Kind: store.TaskCall}), 1)
	require.Len(t, list(store.TaskFilter{Customer: customer, Limit: 1}), 1)
	require.Empty(t, list(store.TaskFilter{Customer: uuid.NewString()}))
	_, err := l.st.Tasks(ctx, ws, store.TaskFilter{Customer: "x"})
	require.ErrorIs(t, err, store.ErrInvalid)

	require.NoError(t, l.st.CompleteTask(ctx, ws, call.ID, store.TaskOutcome{
		Outcome: "no answer", Note: "again", Duration: 90 * time.Second, By: ann,
	}))
	require.NoError(t, l.st.CompleteTask(ctx, ws, task.ID, store.TaskOutcome{Cancelled: true, By: ann}))
	require.ErrorIs(t, l.st.CompleteTask(ctx, ws, task.ID, store.TaskOutcome{}), store.ErrInvalid)
	require.ErrorIs(t, l.st.AssignTask(ctx, ws, task.ID, ""), store.ErrInvalid)
	require.ErrorIs(t, l.st.CompleteTask(ctx, ws, uuid.NewString(), store.TaskOutcome{}), store.ErrNotFound)
	require.Empty(t, list(store.TaskFilter{Status: store.TaskOpen}))
	require.Equal(t, "cancelled", list(store.TaskFilter{Status: store.TaskCancelled})[0].Outcome)

	events := map[string]map[string]any{}
	for _, e := range record(t, l.st, l.seed, "u1").Timeline {
		if e.Name == audience.EventTaskCompleted || e.Name == audience.EventCallCompleted {
			events[e.Name] = e.Properties
		}
	}
	require.Equal(t, "no answer", events[audience.EventCallCompleted]["outcome"])
	require.Equal(t, "90", events[audience.EventCallCompleted]["duration"].(interface{ String() string }).String())
	require.Equal(t, "call", events[audience.EventCallCompleted]["step"])
	require.Equal(t, true, events[audience.EventTaskCompleted]["cancelled"])
	require.Equal(t, task.JourneyID, events[audience.EventTaskCompleted]["journey"])
}

func TestUsers(t *testing.T) {
	t.Parallel()
	st := openLedger(t)
	ctx, ws := t.Context(), st.seed.Workspace
	require.NoError(t, st.st.AddUser(ctx, ws, store.User{Email: ann}))
	require.NoError(t, st.st.AddUser(ctx, ws, store.User{Email: ann, Name: "Ann", Role: store.RoleMarketer, Phone: "+380501112233"}))
	require.ErrorIs(t, st.st.AddUser(ctx, ws, store.User{Email: "nobody"}), store.ErrInvalid)
	require.ErrorIs(t, st.st.AddUser(ctx, ws, store.User{Email: ann, Role: "king"}), store.ErrInvalid)
	list, err := st.st.Users(ctx, ws)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, []string{ann, "Ann", "marketer", "+380501112233"}, []string{list[0].Email, list[0].Name, list[0].Role, list[0].Phone})
}
