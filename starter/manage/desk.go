package manage

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/rules/campaign"
)

type tasksInput struct {
	Assignee string `query:"assignee" maxLength:"320" doc:"Only of this user, by e-mail; none for tasks that nobody has."`
	Status   string `query:"status" enum:"open,done,cancelled" doc:"Only in this status."`
	Kind     string `query:"kind" enum:"task,call" doc:"Only of this kind."`
	Customer string `query:"customer" maxLength:"500" doc:"Only about this customer: our id, the site's id, e-mail or phone."`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"How many at the most."`
}

type taskList struct {
	Tasks []Task `json:"tasks" doc:"Those that are due first, then those without a moment."`
}

func (s *server) listTasks(ctx context.Context, ws int64, in *tasksInput) (*body[taskList], error) {
	f := store.TaskFilter{
		Assignee: in.Assignee, Status: store.TaskStatus(in.Status), Kind: store.TaskKind(in.Kind), Limit: in.Limit,
	}
	if in.Customer != "" {
		c, err := s.findCustomer(ctx, ws, in.Customer)
		if err != nil {
			return nil, err
		}
		f.Customer = c.ID
	}
	list, err := s.Store.Tasks(ctx, ws, f)
	if err != nil {
		return nil, err
	}
	return answerWith(taskList{Tasks: NewTasks(list)}), nil
}

// TaskPath is a task in a path.
type TaskPath struct {
	ID string `path:"id" maxLength:"100" doc:"Id of the task."`
}

func noTask(err error, id string) error {
	return missing(err, "GET "+Base+"/tasks lists those there are", "task %q", id)
}

type completeInput struct {
	TaskPath
	Body struct {
		Outcome   string  `json:"outcome,omitempty" maxLength:"200" doc:"In one word or two, as rules read it: reached, no answer. Default done, or cancelled."`
		Note      string  `json:"note,omitempty" maxLength:"10000" doc:"What was said."`
		Duration  float64 `json:"duration,omitempty" minimum:"0" maximum:"86400" doc:"Of a call, in seconds."`
		By        string  `json:"by,omitempty" maxLength:"320" doc:"Who closes it; the key when left out."`
		Cancelled bool    `json:"cancelled,omitempty" doc:"It was not done, and will not be."`
	}
}

func (s *server) completeTask(ctx context.Context, ws int64, in *completeInput) (*body[Task], error) {
	b := in.Body
	if b.By == "" {
		b.By = actor(ctx)
	}
	err := s.Store.CompleteTask(ctx, ws, in.ID, store.TaskOutcome{
		Outcome: b.Outcome, Note: b.Note, Duration: time.Duration(b.Duration * float64(time.Second)), By: b.By, Cancelled: b.Cancelled,
	})
	if err != nil {
		return nil, noTask(err, in.ID)
	}
	return s.getTask(ctx, ws, &in.TaskPath)
}

func (s *server) getTask(ctx context.Context, ws int64, in *TaskPath) (*body[Task], error) {
	t, err := s.Store.Task(ctx, ws, in.ID)
	if err != nil {
		return nil, noTask(err, in.ID)
	}
	return answerWith(NewTask(t)), nil
}

type assignInput struct {
	TaskPath
	Body struct {
		To string `json:"to" maxLength:"320" doc:"E-mail of a user; \"\" takes it from whoever has it."`
	}
}

func (s *server) assignTask(ctx context.Context, ws int64, in *assignInput) (*body[Task], error) {
	if _, err := s.getTask(ctx, ws, &in.TaskPath); err != nil {
		return nil, err
	}
	if err := s.Store.AssignTask(ctx, ws, in.ID, in.Body.To); err != nil {
		return nil, missing(err, "GET "+Base+"/users lists those there are", "user %q", in.Body.To)
	}
	return s.getTask(ctx, ws, &in.TaskPath)
}

func (s *server) dialTask(ctx context.Context, ws int64, in *TaskPath) (*body[Dialled], error) {
	receipt, err := s.Desk.DialTask(ctx, ws, in.ID)
	if err != nil {
		return nil, noTask(err, in.ID)
	}
	return answerWith(NewDialled(receipt)), nil
}

type userList struct {
	Users []User `json:"users"`
	Next  string `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listUsers(ctx context.Context, ws int64, in *Paging) (*body[userList], error) {
	all, err := s.Store.Users(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(u store.User) []string { return []string{u.Email} }, *in)
	if err != nil {
		return nil, err
	}
	return answerWith(userList{Users: NewUsers(part), Next: next}), nil
}

type saveUserInput struct {
	Body struct {
		Email string `json:"email" minLength:"3" maxLength:"320"`
		Name  string `json:"name,omitempty" maxLength:"200"`
		Role  string `json:"role,omitempty" enum:"owner,marketer,sales,operator,analyst" default:"sales"`
		Phone string `json:"phone,omitempty" maxLength:"30" doc:"Where calls ring first that are dialled by a click, as +380501112233."`
	}
}

func (s *server) saveUser(ctx context.Context, ws int64, in *saveUserInput) (*struct{}, error) {
	b := in.Body
	if err := s.Store.AddUser(ctx, ws, store.User{Email: b.Email, Name: b.Name, Role: b.Role, Phone: b.Phone}); err != nil {
		return nil, err
	}
	return &struct{}{}, nil
}

type poolList struct {
	Pools []Pool `json:"pools"`
	Next  string `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listPools(ctx context.Context, ws int64, in *Paging) (*body[poolList], error) {
	all, err := s.Store.CouponPools(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(p store.CouponPool) []string { return []string{p.Name} }, *in)
	if err != nil {
		return nil, err
	}
	return answerWith(poolList{Pools: NewPools(part), Next: next}), nil
}

type couponsInput struct {
	Pool string `path:"pool" maxLength:"200" doc:"Name of the pool; the first codes make it."`
	Body struct {
		Codes []string `json:"codes" minItems:"1" maxItems:"50000"`
	}
}

type couponsAdded struct {
	Added int `json:"added"`
	Known int `json:"known" doc:"Codes that were there already, in this pool or another."`
}

func (s *server) addCoupons(ctx context.Context, ws int64, in *couponsInput) (*body[couponsAdded], error) {
	added, known, err := s.Store.AddCoupons(ctx, ws, in.Pool, in.Body.Codes)
	if err != nil {
		return nil, err
	}
	return answerWith(couponsAdded{Added: added, Known: known}), nil
}

// policyBody is a policy as JSON: quiet, caps, holdout.
type policyBody = map[string]any

func (s *server) getPolicy(ctx context.Context, ws int64, _ *struct{}) (*body[policyBody], error) {
	p, err := s.Store.Policy(ctx, ws)
	if err != nil {
		return nil, err
	}
	return policyAnswer(p)
}

func policyAnswer(p campaign.Policy) (*body[policyBody], error) {
	view := policyBody{}
	if err := json.Unmarshal(p.JSON(), &view); err != nil {
		return nil, err
	}
	return answerWith(view), nil
}

type policyInput struct {
	Body policyBody
}

func (s *server) setPolicy(ctx context.Context, ws int64, in *policyInput) (*body[policyBody], error) {
	raw, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	p, err := campaign.ParsePolicy(raw)
	if wrong, ok := errors.AsType[campaign.Violations](err); ok {
		bad := problem(http.StatusUnprocessableEntity, "bad_policy", "the policy has %d faults: correct what violations names", len(wrong))
		bad.Violations = wrong
		return nil, bad
	}
	if err != nil {
		return nil, err
	}
	if err := s.Store.SetPolicy(ctx, ws, p); err != nil {
		return nil, err
	}
	return policyAnswer(p)
}
