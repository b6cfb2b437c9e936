package manage

import (
	"context"
	"fmt"

	"dotyk/activities/store"
	"dotyk/channels"
	"dotyk/rules/audience"
)

// ErrorClass is what a provider's code means.
type ErrorClass struct {
	Channel string `json:"channel" enum:"email,sms,call"`
	Code    string `json:"code" minLength:"1" maxLength:"50" doc:"Code, or its beginning with * at the end: 550, 5.1.1, 550 5.7.1, 5.7.*, 21610."`
	Text    string `json:"text,omitempty" maxLength:"500" doc:"Regular expression that the provider's words must hold, whatever the case."`
	Kind    string `json:"kind" enum:"temporary,unreachable,bad_address,opted_out,bad_message,sender_blocked"`
	Note    string `json:"note,omitempty" maxLength:"500" doc:"For people."`
	Source  string `json:"source,omitempty" readOnly:"true" doc:"Who says so: workspace, installation or built-in."`
}

// NewErrorClasses shows classes, and those built in where they are wanted.
func NewErrorClasses(own []store.ErrorClass, builtIn bool) []ErrorClass {
	list := []ErrorClass{}
	show := func(c channels.Class, source string) {
		list = append(list, ErrorClass{
			Channel: string(c.Channel), Code: c.Code, Text: c.Text, Kind: c.Kind.Name(), Note: c.Note, Source: source,
		})
	}
	for _, c := range own {
		if c.Workspace != store.Installation {
			show(c.Class, "workspace")
		}
	}
	for _, c := range own {
		if c.Workspace == store.Installation {
			show(c.Class, "installation")
		}
	}
	if builtIn {
		for _, c := range channels.BuiltInClasses() {
			show(c, "built-in")
		}
	}
	return list
}

type errorClassList struct {
	Classes []ErrorClass `json:"error_classes"`
}

type errorClassesInput struct {
	Own bool `query:"own" doc:"Leave out what is built in."`
}

func (s *server) listErrorClasses(ctx context.Context, ws int64, in *errorClassesInput) (*body[errorClassList], error) {
	own, err := s.Store.ErrorClasses(ctx, ws)
	if err != nil {
		return nil, err
	}
	return answerWith(errorClassList{Classes: NewErrorClasses(own, !in.Own)}), nil
}

type setErrorClassInput struct {
	Body ErrorClass
}

func (s *server) setErrorClass(ctx context.Context, ws int64, in *setErrorClassInput) (*body[errorClassList], error) {
	kind, err := channels.ParseFailureKind(in.Body.Kind)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrInvalid, err)
	}
	c := channels.Class{
		Channel: audience.Channel(in.Body.Channel), Code: in.Body.Code, Text: in.Body.Text, Kind: kind, Note: in.Body.Note,
	}
	if err := s.Store.SetErrorClass(ctx, ws, c); err != nil {
		return nil, err
	}
	return s.listErrorClasses(ctx, ws, &errorClassesInput{Own: true})
}

type removeErrorClassInput struct {
	Channel string `query:"channel" required:"true" enum:"email,sms,call"`
	Code    string `query:"code" required:"true" maxLength:"50"`
	Text    string `query:"text" maxLength:"500"`
}

func (s *server) removeErrorClass(ctx context.Context, ws int64, in *removeErrorClassInput) (*struct{}, error) {
	err := s.Store.RemoveErrorClass(ctx, ws, audience.Channel(in.Channel), in.Code, in.Text)
	if err != nil {
		return nil, missing(err, "GET "+Base+"/error-classes?own=true lists what was said, with the texts", "error class of %s %q", in.Channel, in.Code)
	}
	return &struct{}{}, nil
}
