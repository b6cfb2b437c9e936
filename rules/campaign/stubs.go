package campaign

import (
	"errors"
	"time"

	"dotyk/rules"
)

type flow struct{}
type place struct{}

var errStub = errors.New("stub")

func Parse(src []byte) (*Definition, error)                       { return nil, errStub }
func Decode(canonical []byte) (*Definition, error)                { return nil, errStub }
func (d *Definition) Check(k Known) Violations                    { return nil }
func (d *Definition) Canonical() ([]byte, error)                  { return nil, errStub }
func (d *Definition) Hash() string                                { return "" }
func (d *Definition) Needs() rules.Needs                          { return rules.Needs{} }
func (d *Definition) TriggerNeeds() rules.Needs                   { return rules.Needs{} }
func (d *Definition) Match(env rules.Env) Entry                   { return Entry{} }
func (d *Definition) MatchAudience(env rules.Env) Entry           { return Entry{} }
func (d *Definition) MayEnter(past []Past, key string, now time.Time) (bool, string) { return true, "" }
func Start(d *Definition, id, key string, entry map[string]any, now time.Time) Journey { return Journey{} }
func Advance(d *Definition, j Journey, f Facts, now time.Time) (Journey, []Effect) { return j, nil }
func (d *Definition) Messages() []MessageStep { return nil }
