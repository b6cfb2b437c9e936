package content

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/preslavrachev/gomjml/mjml"
	"github.com/vanng822/go-premailer/premailer"
)

var mjmlStart = regexp.MustCompile(`(?i)^\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?s:.*?)-->\s*)*<mjml[\s>]`)

// isMJML says whether a source is MJML and not HTML.
func isMJML(source string) bool { return mjmlStart.MatchString(source) }

// mjmlTags are those that there are. The library passes over others without a word.
var mjmlTags = func() map[string]bool {
	set := map[string]bool{"mjml": true}
	for name := range strings.FieldsSeq(`head body attributes all class title preview font style breakpoint raw html-attributes selector
		html-attribute section column group wrapper text image button divider spacer table social social-element navbar navbar-link
		hero accordion accordion-element accordion-title accordion-text carousel carousel-image`) {
		set["mj-"+name] = true
	}
	return set
}()

var (
	mjmlTag   = regexp.MustCompile(`<(mj[a-z-]*)`)
	xmlLine   = regexp.MustCompile(`XML syntax error on line (\d+): (.*)`)
	mjmlMutex sync.Mutex // the library keeps a document's attributes in a variable of its own
)

// htmlOfMJML makes HTML. Liquid stays as it is. The error is an *Error.
func htmlOfMJML(source string) (string, error) {
	tokens, err := scan(PartHTML, source)
	if err != nil {
		return "", err
	}
	if err := checkMJML(masked(tokens, ' ')); err != nil {
		return "", err
	}
	p := protect(tokens, func(int) bool { return false })
	made, err := renderMJML(p.source)
	if err != nil {
		return "", mjmlError(err)
	}
	made, lost := p.restore(made)
	if len(lost) > 0 {
		return "", &Error{
			Part: PartHTML, Line: lost[0].line, Message: lost[0].source + " stands where MJML shows nothing",
			Advice: "put it into <mj-raw>, or within <mj-text>",
		}
	}
	return made, nil
}

func renderMJML(source string) (out string, err error) {
	mjmlMutex.Lock()
	defer mjmlMutex.Unlock()
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%v", v)
		}
	}()
	out, err = mjml.Render(source)
	if err == nil && !strings.Contains(out, "<body") {
		err = errors.New("it has no <mj-body>")
	}
	return out, err
}

func checkMJML(source string) error {
	source = comments.ReplaceAllStringFunc(source, func(c string) string { return strings.Repeat("\n", strings.Count(c, "\n")) })
	for _, m := range mjmlTag.FindAllStringSubmatchIndex(source, -1) {
		name, line := source[m[2]:m[3]], lineAt(source, m[0])
		switch {
		case name == "mj-include":
			return &Error{Part: PartHTML, Line: line, Message: "<mj-include> is not available", Advice: "write {% include 'name of a snippet' %}"}
		case !mjmlTags[name]:
			return &Error{
				Part: PartHTML, Line: line, Message: "MJML has no <" + name + ">", Advice: closest(name, slices.Sorted(maps.Keys(mjmlTags))),
			}
		}
	}
	return nil
}

// mjmlError says where MJML is wrong.
func mjmlError(err error) *Error {
	e := &Error{Part: PartHTML, Message: "MJML: " + err.Error(), Err: err}
	if m := xmlLine.FindStringSubmatch(err.Error()); m != nil {
		e.Line, _ = strconv.Atoi(m[1]) // digits
		e.Message = "MJML: " + m[2]
	}
	var list mjml.Error
	if errors.As(err, &list) && len(list.Details) > 0 {
		e.Line, e.Message = list.Details[0].Line, "MJML: "+list.Details[0].Message
	}
	return e
}

// inlineStyles is done by a library.
func inlineStyles(source string) (string, error) {
	p, err := premailer.NewPremailerFromString(source, premailer.NewOptions())
	if err != nil {
		return "", fmt.Errorf("read HTML: %w", err)
	}
	out, err := p.Transform()
	if err != nil {
		return "", fmt.Errorf("inline styles: %w", err)
	}
	return out, nil
}
