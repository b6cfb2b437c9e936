package content

// Check says what is wrong with a template of the library: as an e-mail where it has a subject or HTML, as a text message
// where it has text only; a layout around an empty message, a snippet within one. The error is an *Error.
func (l Library) Check(name string) error {
	t := l[name]
	switch {
	case t.Kind == KindLayout:
		for _, variant := range t.inAll() {
			m := Template{Subject: name, HTML: "x", Locale: variant, Layout: name}
			if t.in(variant).Text != "" {
				m.Text = "x"
			}
			if _, err := l.CompileEmail(m); err != nil {
				return err
			}
		}
		return nil
	case t.Kind == KindSnippet:
		for _, locale := range t.inAll() {
			if err := l.checkSnippet(name, t.in(locale), locale); err != nil {
				return err
			}
		}
		return nil
	case t.Subject == "" && t.HTML == "":
		_, err := l.CompileSMS(t)
		return err
	default:
		_, err := l.CompileEmail(t)
		return err
	}
}

// inAll lists the locales that a template has content for, its own first.
func (t Template) inAll() []string {
	list := []string{t.Locale}
	for locale := range t.Variants {
		list = append(list, locale)
	}
	return list
}

func (l Library) checkSnippet(name string, t Template, locale string) error {
	if t.HTML == "" && t.Text == "" {
		return &Error{Part: PartHTML, Message: "is empty, and so is the text", Advice: "write one of them"}
	}
	include := "x{% include '" + name + "' %}"
	for _, part := range []struct {
		name   Part
		mode   mode
		source string
	}{{PartHTML, htmlMode, t.HTML}, {PartText, plainMode, t.Text}} {
		if part.source == "" {
			continue
		}
		whole, lines, err := l.expand(part.name, locale, include, "")
		if err != nil {
			return err
		}
		if _, err := compile(part.name, part.mode, whole); err != nil {
			return EmailSource{lines: map[Part][]place{part.name: lines}}.relocated(err)
		}
	}
	return nil
}
