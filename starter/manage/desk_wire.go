package manage

import (
	"time"

	"dotyk/activities/store"
	"dotyk/channels"
)

// Task is something for a person to do about a customer.
type Task struct {
	ID         string    `json:"id"`
	Kind       string    `json:"kind" enum:"task,call" doc:"call: call the customer; text is what to say."`
	Status     string    `json:"status" enum:"open,done,cancelled"`
	Title      string    `json:"title"`
	Text       string    `json:"text,omitempty"`
	CustomerID string    `json:"customer_id"`
	Customer   string    `json:"customer" doc:"Name, else e-mail, else phone."`
	Phone      string    `json:"phone,omitempty" doc:"The customer's."`
	Assignee   string    `json:"assignee,omitempty" doc:"E-mail of a user; left out while nobody has it."`
	Wanted     string    `json:"wanted,omitempty" doc:"The user that the campaign named, where there is none of that address."`
	Dial       bool      `json:"dial" doc:"It can be called by a click."`
	DueAt      time.Time `json:"due_at,omitzero"`
	CreatedAt  time.Time `json:"created_at"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
	ClosedBy   string    `json:"closed_by,omitempty"`
	Outcome    string    `json:"outcome,omitempty" doc:"In one word or two, as rules read it."`
	Note       string    `json:"note,omitempty"`
	Campaign   string    `json:"campaign,omitempty"`
	JourneyID  string    `json:"journey_id,omitempty"`
	Step       string    `json:"step,omitempty"`
}

// NewTask shows a task of the store.
func NewTask(t store.Task) Task {
	return Task{
		ID: t.ID, Kind: string(t.Kind), Status: string(t.Status), Title: t.Title, Text: t.Text, CustomerID: t.CustomerID,
		Customer: t.Customer, Phone: t.CustomerPhone, Assignee: t.Assignee, Wanted: t.Wanted, Dial: t.Dial,
		DueAt: utc(t.DueAt), CreatedAt: t.CreatedAt.UTC(), ClosedAt: utc(t.ClosedAt), ClosedBy: t.ClosedBy,
		Outcome: t.Outcome, Note: t.Note, Campaign: t.Campaign, JourneyID: t.JourneyID, Step: t.Step,
	}
}

// NewTasks shows tasks of the store.
func NewTasks(list []store.Task) []Task {
	views := make([]Task, 0, len(list))
	for _, t := range list {
		views = append(views, NewTask(t))
	}
	return views
}

// Dialled is a call that the telephone provider has taken, and rings the user for.
type Dialled struct {
	CallID string `json:"call_id" doc:"The provider's id of the call."`
	Status string `json:"status" doc:"In the provider's words, such as queued. What becomes of the call is seen in the task."`
}

// NewDialled shows the provider's receipt.
func NewDialled(r channels.Receipt) Dialled { return Dialled{CallID: r.ProviderID, Status: r.Response} }

// User is a person who works with the records of a workspace.
type User struct {
	Email      string    `json:"email"`
	Name       string    `json:"name,omitempty"`
	Role       string    `json:"role" enum:"owner,marketer,sales,operator,analyst"`
	Phone      string    `json:"phone,omitempty" doc:"Where calls ring first that are dialled by a click."`
	CreatedAt  time.Time `json:"created_at"`
	DisabledAt time.Time `json:"disabled_at,omitzero"`
}

// NewUsers shows users of the store.
func NewUsers(list []store.User) []User {
	views := make([]User, 0, len(list))
	for _, u := range list {
		views = append(views, User{
			Email: u.Email, Name: u.Name, Role: u.Role, Phone: u.Phone, CreatedAt: u.CreatedAt.UTC(), DisabledAt: utc(u.DisabledAt),
		})
	}
	return views
}

// Pool is a pool of coupons.
type Pool struct {
	Name     string `json:"name"`
	Free     int    `json:"free"`
	Issued   int    `json:"issued" doc:"Given to a customer, the redeemed ones among them."`
	Redeemed int    `json:"redeemed"`
}

// NewPools shows pools of the store.
func NewPools(list []store.CouponPool) []Pool {
	views := make([]Pool, 0, len(list))
	for _, p := range list {
		views = append(views, Pool{Name: p.Name, Free: p.Free, Issued: p.Issued, Redeemed: p.Redeemed})
	}
	return views
}
