package manage

import (
	"context"
	"net/http"
	"time"

	"dotyk/activities/store"
	"dotyk/channels/email/accounts"
)

// accountRoutes are those of sending accounts and of error classes.
func (s *server) accountRoutes() {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	const tag, classes = "accounts", "error classes"

	add(s, operation(get, "/accounts", "listAccounts", tag, "List the sending accounts by name"), s.listAccounts)
	create := operation(post, "/accounts", "addAccount", tag, "Add a sending account; its password is never shown")
	create.DefaultStatus = http.StatusCreated
	add(s, create, s.addAccount)
	add(s, operation(get, "/accounts/{name}", "getAccount", tag, "Show a sending account without its secrets"), s.getAccount)
	add(s, operation(patch, "/accounts/{name}", "editAccount", tag, "Change a sending account; what is left out stays"), s.editAccount)
	add(s, operation(del, "/accounts/{name}", "removeAccount", tag, "Forget a sending account with its secrets"), s.removeAccount)
	add(s, operation(post, "/accounts/{name}/pause", "pauseAccount", tag, "Send nothing over an account for now"), s.pauseAccount)
	add(s, operation(post, "/accounts/{name}/resume", "resumeAccount", tag, "Let a paused account go on"), s.resumeAccount)
	add(s, operation(get, "/error-classes", "listErrorClasses", classes, "List what codes of providers mean, in the order in which they are asked"), s.listErrorClasses)
	add(s, operation(put, "/error-classes", "setErrorClass", classes, "Say what a code means in this workspace"), s.setErrorClass)
	add(s, operation(del, "/error-classes", "removeErrorClass", classes, "Take back what this workspace said of a code"), s.removeErrorClass)
}

type accountList struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty" doc:"Ask for the next page with after set to this."`
}

func (s *server) listAccounts(ctx context.Context, ws int64, in *Paging) (*body[accountList], error) {
	all, err := s.Store.Accounts(ctx, ws)
	if err != nil {
		return nil, err
	}
	part, next, err := page(all, func(a store.AccountInfo) []string { return []string{a.Name} }, *in)
	if err != nil {
		return nil, err
	}
	return answerWith(accountList{Accounts: NewAccounts(part, time.Now()), Next: next}), nil
}

// AccountPath is a sending account in a path.
type AccountPath struct {
	Name string `path:"name" maxLength:"63" doc:"Name of the account."`
}

func noAccount(err error, name string) error {
	return missing(err, "GET "+Base+"/accounts lists those there are", "sending account %q", name)
}

func (s *server) getAccount(ctx context.Context, ws int64, in *AccountPath) (*body[Account], error) {
	return s.showAccount(ctx, ws, in.Name)
}

func (s *server) showAccount(ctx context.Context, ws int64, name string) (*body[Account], error) {
	a, err := s.Store.Account(ctx, ws, name)
	if err != nil {
		return nil, noAccount(err, name)
	}
	return answerWith(NewAccount(a, time.Now())), nil
}

type addAccountInput struct {
	Body struct {
		Name string `json:"name" maxLength:"63" doc:"Letters, digits, dots, hyphens and underscores."`
		AccountEdit
	}
}

func (s *server) addAccount(ctx context.Context, ws int64, in *addAccountInput) (*body[Account], error) {
	a := accounts.Account{Settings: accounts.Settings{Name: in.Body.Name, Weight: 1}, Secrets: in.Body.secrets()}
	if err := in.Body.apply(&a.Settings); err != nil {
		return nil, err
	}
	if err := s.Store.AddAccount(ctx, ws, a); err != nil {
		return nil, err
	}
	return s.showAccount(ctx, ws, a.Name)
}

type editAccountInput struct {
	AccountPath
	Body struct {
		Name *string `json:"name,omitempty" maxLength:"63" doc:"Another name."`
		AccountEdit
	}
}

func (s *server) editAccount(ctx context.Context, ws int64, in *editAccountInput) (*body[Account], error) {
	name := in.Name
	err := s.Store.EditAccount(ctx, ws, in.Name, in.Body.secrets(), func(st *accounts.Settings) error {
		if in.Body.Name != nil {
			st.Name = *in.Body.Name
		}
		name = st.Name
		return in.Body.apply(st)
	})
	if err != nil {
		return nil, noAccount(err, in.Name)
	}
	return s.showAccount(ctx, ws, name)
}

func (s *server) removeAccount(ctx context.Context, ws int64, in *AccountPath) (*struct{}, error) {
	if err := s.Store.RemoveAccount(ctx, ws, in.Name); err != nil {
		return nil, noAccount(err, in.Name)
	}
	return &struct{}{}, nil
}

type pauseAccountInput struct {
	AccountPath
	Body struct {
		Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why, for whoever asks later."`
	}
}

func (s *server) pauseAccount(ctx context.Context, ws int64, in *pauseAccountInput) (*body[Account], error) {
	if err := s.Store.PauseAccount(ctx, ws, in.Name, in.Body.Reason); err != nil {
		return nil, noAccount(err, in.Name)
	}
	return s.showAccount(ctx, ws, in.Name)
}

func (s *server) resumeAccount(ctx context.Context, ws int64, in *AccountPath) (*body[Account], error) {
	if err := s.Store.ResumeAccount(ctx, ws, in.Name); err != nil {
		return nil, noAccount(err, in.Name)
	}
	return s.showAccount(ctx, ws, in.Name)
}
