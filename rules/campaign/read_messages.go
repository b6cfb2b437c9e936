package campaign

// message reads a step that sends a message, or the message that is to fall back on.
func (r *reader) message(kind string, d draft) MessageStep {
	if kind == "sms" {
		return r.sms(d)
	}
	return r.email(d)
}

func (r *reader) email(d draft) *EmailStep {
	const advice = "Write {template: <name>}, or {subject: …, html: …, text: …}."
	fields := r.body(d, objEmail, advice)
	s := &EmailStep{
		ID:       r.id(d, fields),
		Template: r.name(fields, "template", d.path),
		Subject:  r.text(fields, "subject", d.path),
		HTML:     r.text(fields, "html", d.path),
		Text:     r.text(fields, "text", d.path),
	}
	inline := fields["subject"] != nil || fields["html"] != nil || fields["text"] != nil
	switch at := d.n.place(d.path); {
	case d.n.shape != shapeObject:
	case fields["template"] != nil && inline:
		r.report(at, CodeConflict, "the email has both a template and a content of its own", "Keep one of them.")
	case fields["template"] == nil && !inline:
		r.report(at, CodeNoContent, "the email has no content", advice)
	case inline && fields["subject"] == nil:
		r.report(at, CodeNoContent, "the email has no subject", `Add "subject:".`)
	case inline && fields["html"] == nil && fields["text"] == nil:
		r.report(at, CodeNoContent, "the email has a subject but nothing beneath it",
			`Add "html:" or "text:", or both.`)
	}
	s.Sending = r.sending(d, fields, s.ID)
	return s
}

func (r *reader) sms(d draft) *SMSStep {
	const advice = "Write {text: …}, or {template: <name>}."
	fields := r.body(d, objSMS, advice)
	s := &SMSStep{
		ID:       r.id(d, fields),
		Text:     r.text(fields, "text", d.path),
		Template: r.name(fields, "template", d.path),
	}
	switch at := d.n.place(d.path); {
	case d.n.shape != shapeObject:
	case fields["text"] != nil && fields["template"] != nil:
		r.report(at, CodeConflict, "the sms has both a template and a text of its own", "Keep one of them.")
	case fields["text"] == nil && fields["template"] == nil:
		r.report(at, CodeNoContent, "the sms has no content", advice)
	}
	s.Sending = r.sending(d, fields, s.ID)
	return s
}

// sending reads how a message goes out.
func (r *reader) sending(d draft, fields map[string]*node, id string) Sending {
	quiet := r.word(fields, "quiet", d.path, string(QuietWait), string(QuietWait), string(QuietSkip), string(QuietIgnore))
	s := Sending{
		Quiet:   Quiet(quiet),
		Expires: r.optionalDuration(fields, "expires", d.path, DefaultExpires),
	}
	if n := fields["quiet"]; n != nil && r.transactional {
		r.warn(n.place(d.at("quiet")), CodePointless, "service messages know no quiet hours, so this has no effect",
			"Remove it.")
	}
	n := fields["fallback"]
	if n == nil {
		return s
	}
	const advice = "Write {email: …} or {sms: …}."
	path := d.at("fallback")
	if n.shape != shapeObject || len(n.fields) == 0 {
		r.wrongShape(n, path, "the fallback", "a message", advice)
		return s
	}
	r.count(n.place(path))
	if kind, body := r.only(n, path, objFallback, "a fallback is one message", advice); body != nil {
		s.Fallback = r.message(kind, draft{body, join(path, kind), id + "_fallback", d.numbers, d.known})
	}
	return s
}

// withMessage adds a message and those that it falls back on.
func (s scope) withMessage(m MessageStep) scope {
	for ; m != nil; m = m.How().Fallback {
		s = s.withSent(m.StepID())
	}
	return s
}
