package campaign

import "fmt"

// Check finds what a campaign refers to and does not exist. Parse has found everything else.
func (d *Definition) Check(k Known) Violations {
	var r reader
	if k.Topic != nil && d.Topic != "" && !k.Topic(d.Topic) {
		r.report(d.spots["topic"], CodeUnknownTopic, fmt.Sprintf("there is no topic %q", d.Topic), "Create it, or correct the name.")
	}
	for _, step := range d.Messages() {
		template := ""
		switch s := step.(type) {
		case *EmailStep:
			template = s.Template
		case *SMSStep:
			template = s.Template
		}
		if k.Template != nil && template != "" && !k.Template(template) {
			r.report(d.places[step.StepID()], CodeUnknownTemplate,
				fmt.Sprintf("the template %q of step %s does not exist", template, step.StepID()), "Create it, or correct the name.")
		}
	}
	return r.violations
}
