package content

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// byLocale holds the same message in several languages. It is safe for concurrent use.
type byLocale[T any] struct {
	own     T
	others  []T
	matcher language.Matcher // over the own one and the others; nil where there is only one

	mu    sync.RWMutex
	known map[string]T // by what customers' records say
}

// maxLocales bounds what is remembered: records say whatever somebody sent.
const maxLocales = 1000

// For gives the message in the language that suits a locale best, as uk, pt-BR or en_US; its own where none does.
func (v *byLocale[T]) For(locale string) T {
	if v.matcher == nil || locale == "" {
		return v.own
	}
	v.mu.RLock()
	found, ok := v.known[locale]
	v.mu.RUnlock()
	if ok {
		return found
	}
	found = v.own
	if i := matched(v.matcher, locale); i > 0 {
		found = v.others[i-1]
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxLocales {
		clear(v.known)
	}
	v.known[locale] = found
	return found
}

// matched is the number of the language that suits a locale; 0 where none does.
func matched(m language.Matcher, locale string) int {
	tag, err := language.Parse(strings.TrimSpace(locale))
	if err != nil {
		return 0
	}
	_, i, confidence := m.Match(tag)
	if confidence == language.No {
		return 0
	}
	return i
}

// tagOf reads a locale that an author wrote.
func tagOf(locale string) (language.Tag, error) {
	if locale == "" {
		return language.Und, nil
	}
	tag, err := language.Parse(locale)
	if err != nil {
		return tag, &Error{
			Part: PartSubject, Locale: locale, Message: "there is no such locale", Advice: "write a language, as uk or en-GB", Err: err,
		}
	}
	return tag, nil
}

// compileByLocale compiles a template in its own language and in the others.
func compileByLocale[T any](t Template, compile func(Template) (T, error)) (*byLocale[T], error) {
	own, err := tagOf(t.Locale)
	if err != nil {
		return nil, err
	}
	v := &byLocale[T]{known: map[string]T{}}
	if v.own, err = compile(t); err != nil {
		return nil, err
	}
	tags := []language.Tag{own}
	for _, locale := range slices.Sorted(maps.Keys(t.Variants)) {
		tag, err := tagOf(locale)
		if err != nil {
			return nil, err
		}
		variant, err := compile(t.in(locale))
		if err != nil {
			if e, ok := err.(*Error); ok && e.Locale == "" { //nolint:errorlint // made here, never wrapped
				e.Locale = locale
			}
			return nil, err
		}
		tags, v.others = append(tags, tag), append(v.others, variant)
	}
	if len(v.others) > 0 {
		v.matcher = language.NewMatcher(tags)
	}
	return v, nil
}

// bestLocale is the variant of a layout or a snippet that suits the language of a message; "" for its own.
func bestLocale(t Template, locale string) string {
	own, err := tagOf(t.Locale)
	if err != nil || len(t.Variants) == 0 || locale == "" {
		return ""
	}
	tags, locales := []language.Tag{own}, []string{""}
	for _, name := range slices.Sorted(maps.Keys(t.Variants)) {
		if tag, err := tagOf(name); err == nil {
			tags, locales = append(tags, tag), append(locales, name)
		}
	}
	return locales[matched(language.NewMatcher(tags), locale)]
}

// Variants is an e-mail in one language or several.
type Variants struct{ *byLocale[*Email] }

// All lists the e-mail in its own language and in the others.
func (v Variants) All() []*Email { return append([]*Email{v.own}, v.others...) }

// SMSVariants is a text message in one language or several.
type SMSVariants struct{ *byLocale[*SMS] }

// CompileEmail compiles a template as an e-mail, with the layout and the snippets that it names, in every language that it
// has. The error is an *Error.
func (l Library) CompileEmail(t Template) (Variants, error) {
	v, err := compileByLocale(t, func(t Template) (*Email, error) {
		src, err := l.emailSource(t)
		if err != nil {
			return nil, err
		}
		e, err := CompileEmail(src)
		return e, src.relocated(err)
	})
	return Variants{v}, err
}

// CompileSMS compiles a template as a text message, with the snippets that it names, in every language that it has. The
// error is an *Error.
func (l Library) CompileSMS(t Template) (SMSVariants, error) {
	v, err := compileByLocale(t, func(t Template) (*SMS, error) {
		text, _, err := l.expand(PartText, t.Locale, t.Text, "")
		if err != nil {
			return nil, err
		}
		return CompileSMS(text)
	})
	return SMSVariants{v}, err
}

// emailSource puts an e-mail together.
func (l Library) emailSource(t Template) (EmailSource, error) {
	src := EmailSource{Preheader: t.Preheader, Locale: t.Locale, lines: map[Part][]place{}}
	var err error
	if src.Subject, _, err = l.expand(PartSubject, t.Locale, t.Subject, ""); err != nil {
		return src, err
	}
	for _, part := range []struct {
		name   Part
		source string
		into   *string
	}{{PartHTML, t.HTML, &src.HTML}, {PartText, t.Text, &src.Text}} {
		if strings.TrimSpace(part.source) == "" {
			continue
		}
		if *part.into, src.lines[part.name], err = l.expand(part.name, t.Locale, part.source, t.Layout); err != nil {
			return src, err
		}
	}
	return src, nil
}

// relocated says of an error where the author wrote what is wrong.
func (s EmailSource) relocated(err error) error {
	e, ok := err.(*Error) //nolint:errorlint // made here, never wrapped
	if !ok || e.Template != "" || e.Line == 0 || e.Line > len(s.lines[e.Part]) {
		return err
	}
	at := s.lines[e.Part][e.Line-1]
	e.Template, e.Line = at.template, at.line
	return e
}

// Sources gives what an e-mail or a text message is made of, in all languages, with its layout and its snippets: what it
// mentions.
func (l Library) Sources(t Template) []string {
	seen := map[string]bool{}
	var list []string
	var add func(Template)
	add = func(t Template) {
		for _, source := range t.sources() {
			if t.Kind == KindLayout {
				source = withoutContent(source)
			}
			list = append(list, source)
		}
		for _, name := range t.Uses() {
			if !seen[name] {
				seen[name] = true
				add(l[name])
			}
		}
	}
	add(t)
	return list
}

// withoutContent is a layout's source without the place of the message, which is no variable. One that cannot be read is as it
// was; compiling it says why.
func withoutContent(source string) string {
	tokens, err := scan(PartText, source)
	if err != nil {
		return source
	}
	var out strings.Builder
	for _, t := range tokens {
		if !t.isContent() {
			out.WriteString(t.source)
		}
	}
	return out.String()
}
