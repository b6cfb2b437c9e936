package main

import (
	"fmt"
	"strings"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

type topicCommands struct {
	List topicList `cmd:"" help:"List the topics."`
	Set  topicSet  `cmd:"" help:"Say what the absence of consent to a topic means, and what customers read."`
}

type topicList struct{ workspaced }

// Run lists topics.
func (c *topicList) Run(p *program) error {
	list, err := read(p, &c.workspaced, (*store.Store).Topics)
	if err != nil {
		return err
	}
	t := newTable(p.stdout, "topic", "policy", "title", "title in Ukrainian", "hidden")
	for i := range list {
		one := &list[i]
		t.row(one.Name, dashed(one.Policy), one.Title["en"], one.Title["uk"], yes(one.Hidden))
	}
	return t.end("there are no topics")
}

type topicSet struct {
	workspaced
	Name   string  `arg:"" help:"The topic, as campaigns name it."`
	Policy string  `enum:"opt-in,opt-out,double-opt-in" required:"" help:"opt-in: contact only who said yes. opt-out: contact until they say no. double-opt-in: contact only who said yes and confirmed it by a link."`
	Title  *string `help:"What customers read instead of the name."`
	Uk     *string `help:"The same in Ukrainian."`
	Hidden *bool   `help:"It is not shown on the preference page."`
}

// Run sets the policy.
func (c *topicSet) Run(p *program) error {
	st, ws, err := c.open(p.ctx)
	if err != nil {
		return err
	}
	defer st.Close()
	policy := audience.TopicPolicy(strings.ReplaceAll(c.Policy, "-", "_"))
	edit := store.TopicEdit{Policy: &policy, Title: map[string]string{}, Hidden: c.Hidden}
	for language, title := range map[string]*string{"en": c.Title, "uk": c.Uk} {
		if title != nil {
			edit.Title[language] = *title
		}
	}
	if err := st.EditTopic(p.ctx, ws.ID, c.Name, edit); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "topic %s is %s\n", c.Name, c.Policy)
	return nil
}

// dashed writes a policy as the commands take it.
func dashed(p audience.TopicPolicy) string { return strings.ReplaceAll(string(p), "_", "-") }
