package rehearsal

import (
	"fmt"
	"strings"

	"dotyk/rules/audience"
	"dotyk/rules/campaign"
)

// work is a task or call that a person is to do.
type work struct {
	entry Entry
	run   *run
}

// assign gives work to somebody.
func (w *World) assign(r *run, a campaign.Assign, entry Entry) {
	entry.Assignee = w.assignee(r, a, entry.Step)
	entry.Content = r.content(nil)
	w.note(entry)
	w.opened[r.person.ID+"/"+entry.Step] = &work{entry, r}
}

// assignee finds out whom work is for; "" is nobody.
func (w *World) assignee(r *run, a campaign.Assign, step string) string {
	user := a.User
	switch {
	case a.Owner:
		user, _ = r.person.Attributes["owner"].(string)
	case len(a.Among) > 0:
		turn := strings.Join(a.Among, "\n")
		user = a.Among[w.turns[turn]%len(a.Among)]
		w.turns[turn]++
	}
	if user == "" || w.knows(user) {
		return user
	}
	problem := r.entry(Problem, step, 0)
	problem.Reason = "there is no user " + user + ": nobody is given the work"
	w.note(problem)
	return ""
}

// own gives the customer an owner.
func (w *World) own(r *run, e campaign.AssignOwner) {
	if has, _ := r.person.Attributes["owner"].(string); has != "" && !r.live.replaces(e.Step) {
		return
	}
	entry := r.entry(Owner, e.Step, e.Iteration)
	if entry.Assignee = w.assignee(r, e.Assign, e.Step); entry.Assignee == "" {
		return
	}
	w.note(entry)
	w.set(r.person, map[string]any{"owner": entry.Assignee}, r.entry(Changed, e.Step, e.Iteration))
}

func (l *live) replaces(step string) bool {
	s, ok := l.steps[step].(*campaign.OwnerStep)
	return ok && s.Replace
}

// complete lets the outcome of work come back as an event.
func (w *World) complete(p *person, in Completion) {
	key := p.ID + "/" + in.Step
	done := w.opened[key]
	if done == nil {
		w.note(Entry{
			Kind: Problem, Customer: p.ID, Step: in.Step, Reason: "there is no open task or call of step " + in.Step,
		})
		return
	}
	delete(w.opened, key)
	name := audience.EventTaskCompleted
	if done.entry.Kind == Call {
		name = audience.EventCallCompleted
	}
	w.handle(p, w.newEvent(p, "system", name, map[string]any{
		"task": fmt.Sprintf("%s/%s/%d", done.entry.Journey, in.Step, done.entry.Iteration), "title": done.entry.Text,
		"outcome": in.Outcome, "note": in.Note, "by": in.By, "campaign": done.entry.Campaign, "journey": done.entry.Journey,
		"step": in.Step, "iteration": done.entry.Iteration,
	}))
}

// ask sends a request to a server, whose answer comes back as an event.
func (w *World) ask(r *run, e campaign.PlanWebhook) {
	entry := r.entry(Webhook, e.Step, e.Iteration)
	entry.Text, entry.Values, entry.Reason = e.Webhook.URL, e.Body, e.Reason
	w.note(entry)
	answer := Answer{Status: 200, Body: map[string]any{}}
	if w.config.Answer != nil {
		answer = w.config.Answer(Request{
			Campaign: r.live.Name, Step: e.Step, Customer: r.person.ID, Iteration: e.Iteration, URL: e.Webhook.URL, Body: e.Body,
		})
	}
	const firstSuccess, firstOther = 200, 300
	ok := answer.Status >= firstSuccess && answer.Status < firstOther
	properties := map[string]any{
		"journey": r.j.ID, "step": e.Step, "iteration": e.Iteration, "ok": ok,
		"status": answer.Status, "body": answer.Body, "error": answer.Error,
	}
	w.at(w.now.Add(answer.After), rankInput, func() {
		w.handle(r.person, w.newEvent(r.person, "system", audience.EventWebhookAnswered, properties))
	})
}
