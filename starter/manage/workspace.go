package manage

import (
	"context"

	"dotyk/activities/store"
)

// Workspace says where a workspace is.
type Workspace struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Timezone string `json:"timezone" doc:"Of its time of day, and of customers whose own is not known."`
	Country  string `json:"country" doc:"Of phone numbers without a country code, and of customers whose own is not known; empty without."`
}

func (s *server) getWorkspace(ctx context.Context, ws int64, _ *struct{}) (*body[Workspace], error) {
	w, err := s.Store.WorkspaceSettings(ctx, ws)
	if err != nil {
		return nil, err
	}
	return answerWith(Workspace(w)), nil
}

type editWorkspaceInput struct {
	Body struct {
		Timezone *string `json:"timezone,omitempty" maxLength:"100" doc:"A name of the time zone database, as Europe/Kyiv."`
		Country  *string `json:"country,omitempty" maxLength:"2" doc:"Two letters of ISO 3166, as UA; empty for none."`
	}
}

func (s *server) editWorkspace(ctx context.Context, ws int64, in *editWorkspaceInput) (*body[Workspace], error) {
	edit := store.WorkspaceEdit{Timezone: in.Body.Timezone, Country: in.Body.Country}
	if err := s.Store.EditWorkspace(ctx, ws, edit); err != nil {
		return nil, err
	}
	return s.getWorkspace(ctx, ws, nil)
}
