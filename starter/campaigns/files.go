package campaigns

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"

	"dotyk/activities/store"
	"dotyk/channels/content"
)

// TemplateFolder stands beside a campaign file and holds the templates that it names: NAME.html or NAME.mjml, with the
// subject between two lines of ---, and NAME.txt for the text part or for an SMS. NAME.uk.html is the same in Ukrainian.
// The layouts and snippets that they use stand there, too.
const TemplateFolder = "templates"

// ReadTemplates reads those of the named templates that stand in a folder, with all that they use. Names that have no file
// are missing from the result.
func ReadTemplates(files fs.FS, folder string, names []string) (map[string]store.Template, error) {
	list, err := fs.ReadDir(files, folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read templates: %w", err)
	}
	f := templateFolder{files: files, folder: folder, read: map[string]store.Template{}}
	for _, entry := range list {
		f.names = append(f.names, entry.Name())
	}
	for _, name := range names {
		if err := f.add(name, ""); err != nil {
			return nil, err
		}
	}
	return f.read, nil
}

// templateFolder is a folder as far as it was read.
type templateFolder struct {
	files  fs.FS
	folder string
	names  []string // of files
	read   map[string]store.Template
}

// add reads a template and all that it uses. What others use it for says what it is, unless it says so itself.
func (f *templateFolder) add(name string, kind content.TemplateKind) error {
	if _, known := f.read[name]; known {
		return nil
	}
	t, found, err := f.template(name)
	if err != nil || !found {
		return err
	}
	if t.Kind == "" {
		t.Kind = kind
	}
	f.read[name] = t
	for _, used := range t.Uses() {
		kind := content.KindSnippet
		if used == t.Layout {
			kind = content.KindLayout
		}
		if err := f.add(used, kind); err != nil {
			return err
		}
	}
	return nil
}

func (f *templateFolder) template(name string) (t store.Template, found bool, err error) {
	own, found, err := f.version(name)
	if err != nil || !found {
		return t, found, err
	}
	t = own.template()
	for _, locale := range f.locales(name) {
		v, _, err := f.version(name + "." + locale)
		if err != nil {
			return t, true, err
		}
		if v.Layout != "" || v.Kind != "" || v.Locale != "" {
			return t, true, fmt.Errorf("template %s.%s: layout, kind and locale stand in the head of %s only", name, locale, name)
		}
		if t.Variants == nil {
			t.Variants = map[string]content.Variant{}
		}
		t.Variants[locale] = content.Variant{Subject: v.Subject, Preheader: v.Preheader, HTML: v.html, Text: v.text}
	}
	return t, true, nil
}

// locales lists the languages in which a template has files of their own.
func (f *templateFolder) locales(name string) []string {
	var list []string
	for _, file := range f.names {
		rest, ok := strings.CutPrefix(file, name+".")
		ext := path.Ext(rest)
		locale := strings.TrimSuffix(rest, ext)
		if !ok || !slices.Contains([]string{".html", ".mjml", ".txt"}, ext) || slices.Contains(list, locale) {
			continue
		}
		if _, err := language.Parse(locale); err == nil {
			list = append(list, locale)
		}
	}
	return list
}

// head stands between two lines of --- at the begin of a file.
type head struct {
	Subject   string               `yaml:"subject"`
	Preheader string               `yaml:"preheader"`
	Layout    string               `yaml:"layout"`
	Locale    string               `yaml:"locale"`
	Kind      content.TemplateKind `yaml:"kind"`
}

// written is a template in one language, as its files have it.
type written struct {
	head

	html, text string
}

func (w written) template() store.Template {
	return store.Template{
		Subject: w.Subject, Preheader: w.Preheader, HTML: w.html, Text: w.text, Layout: w.Layout, Locale: w.Locale, Kind: w.Kind,
	}
}

// version reads the files of a template in one language.
func (f *templateFolder) version(name string) (w written, found bool, err error) {
	base := path.Join(f.folder, name)
	if !fs.ValidPath(base) || strings.Contains(name, "/") {
		return w, false, nil // not a name that a file can have: it is reported as missing
	}
	var hypertext []byte
	for _, ext := range []string{".html", ".mjml"} {
		src, err := fs.ReadFile(f.files, base+ext)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return w, false, fmt.Errorf("read template: %w", err)
		case hypertext != nil:
			return w, false, fmt.Errorf("there are both %s.html and %s.mjml: keep one of them", base, base)
		}
		hypertext = src
		if w.head, w.html, err = frontMatter(base+ext, src); err != nil {
			return w, true, err
		}
	}
	text, err := fs.ReadFile(f.files, base+".txt")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return w, hypertext != nil, nil
	case err != nil:
		return w, false, fmt.Errorf("read template: %w", err)
	case hypertext != nil:
		w.text = strings.TrimRight(string(text), "\n")
		return w, true, nil
	}
	w.head, w.text, err = frontMatter(base+".txt", text)
	return w, true, err
}

// frontMatter splits a template into the head between two lines of --- and the body.
func frontMatter(file string, src []byte) (head, string, error) {
	var h head
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	rest, ok := bytes.CutPrefix(src, []byte("---\n"))
	if !ok {
		return h, strings.TrimRight(string(src), "\n"), nil
	}
	top, rest, ok := bytes.Cut(rest, []byte("\n---\n"))
	if !ok {
		return h, "", fmt.Errorf("template %s: its head begins with a line --- and never ends: put another line --- behind it", file)
	}
	dec := yaml.NewDecoder(bytes.NewReader(top))
	dec.KnownFields(true)
	if err := dec.Decode(&h); err != nil {
		return h, "", fmt.Errorf("template %s: its head may hold subject, preheader, layout, locale and kind: %w", file, err)
	}
	if !slices.Contains([]content.TemplateKind{content.KindMessage, content.KindLayout, content.KindSnippet}, h.Kind) {
		return h, "", fmt.Errorf("template %s: kind %q: write layout or snippet, or leave it out", file, h.Kind)
	}
	return h, strings.TrimRight(string(rest), "\n"), nil
}
