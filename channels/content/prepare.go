package content

import (
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/render"
)

// The bounds of a template, known before anybody's data.
const (
	maxSource = 512 << 10 // bytes; Gmail cuts mails at about 100 KB
	maxDepth  = 50        // blocks within blocks
	maxRange  = 10_000    // elements of a range that is made outside a loop
)

// mode is what a template is made into.
type mode int

const (
	plainMode    mode = iota + 1 // plain text
	htmlMode                     // HTML: outputs are escaped
	textHTMLMode                 // plain text made from HTML: filters that write HTML do nothing
)

// The names of our own tags. No template can use them: prepare refuses names that begin with two underscores.
const (
	outTag   = "__out"
	rawTag   = "__raw"
	tickTag  = "__tick"
	linkTag  = "__link"
	hiddenID = "__"
)

// preparer rewrites a template so that it can be trusted to the library. The library has no bound on loops or captures
// and cannot be interrupted, and it compiles expressions into closures that nobody can look into. So outputs, raw text
// and the begin of each loop's body become tags of ours, which look their content up by its number and meter what they
// do. Everything else stays, line by line, as it was written.
type preparer struct {
	part    Part
	mode    mode
	filters map[string]bool
	tags    map[string]bool

	out     strings.Builder
	outputs []output
	raws    []string
	turns   []int    // by loop: the bytes of text that one turn writes
	loops   []int    // the open loops, by their index in turns
	open    []string // the open blocks
	before  string   // the text directly before the next token
}

// tagNames are the tags a template may use, with the clauses and ends of blocks.
func tagNames() map[string]bool {
	names := map[string]bool{
		"assign": true, "break": true, "continue": true, "cycle": true, "else": true, "elsif": true, "when": true,
	}
	for _, block := range []string{"capture", "case", "for", "if", "tablerow", "unless"} {
		names[block], names["end"+block] = true, true
	}
	return names
}

func (p *preparer) add(t token) error {
	before := p.before
	if t.kind != linkToken {
		p.before = ""
	}
	switch t.kind {
	case linkToken:
		p.charge(len(openMark))
		p.tag(linkTag, linkIndex(t.opens), t)
	case textToken:
		p.before = before + t.source // a link's edge may have cut it in two
		p.charge(len(t.source))
		p.out.WriteString(t.source)
	case rawToken:
		p.charge(len(t.args))
		p.raws = append(p.raws, t.args)
		p.tag(rawTag, len(p.raws)-1, t)
	case commentToken:
		// What a comment holds is gone; its lines and its trimming of white space stay.
		p.raws = append(p.raws, "")
		p.tag(rawTag, len(p.raws)-1, t)
	case outputToken:
		if err := p.check(t); err != nil {
			return err
		}
		o, err := p.output(t, before)
		if err != nil {
			return err
		}
		p.outputs = append(p.outputs, o)
		p.tag(outTag, len(p.outputs)-1, t)
	case tagToken:
		return p.addTag(t)
	}
	return nil
}

func (p *preparer) addTag(t token) error {
	if !p.tags[t.name] || strings.HasPrefix(t.name, hiddenID) {
		return p.unknownTag(t)
	}
	if err := p.check(t); err != nil {
		return err
	}
	switch t.name {
	case "if", "elsif", "unless":
		p.out.WriteString(comparedWithNothing.ReplaceAllString(t.source, "$3 $2 $1"))
	default:
		p.out.WriteString(t.source)
	}
	switch t.name {
	case "for", "tablerow":
		p.turns = append(p.turns, 0)
		p.loops = append(p.loops, len(p.turns)-1)
		p.out.WriteString("{%" + tickTag + " " + strconv.Itoa(len(p.turns)-1) + "%}")
	case "endfor", "endtablerow":
		if len(p.loops) > 0 {
			p.loops = p.loops[:len(p.loops)-1]
		}
	}
	return p.nest(t)
}

// nest follows blocks being opened and closed.
func (p *preparer) nest(t token) error {
	if p.tags["end"+t.name] {
		p.open = append(p.open, t.name)
		if len(p.open) > maxDepth {
			return p.fail(t, fmt.Sprintf("more than %d blocks within each other", maxDepth), "")
		}
		return nil
	}
	block, isEnd := strings.CutPrefix(t.name, "end")
	if !isEnd {
		return nil
	}
	if len(p.open) == 0 {
		return p.fail(t, t.name+" closes nothing", "open it with {% "+block+" … %}")
	}
	last := p.open[len(p.open)-1]
	if last != block {
		return p.fail(t, t.name+" where "+last+" is open", "close it with {% end"+last+" %} first")
	}
	p.open = p.open[:len(p.open)-1]
	return nil
}

func (p *preparer) unknownTag(t token) error {
	switch t.name {
	case "include", "render", "layout", "section":
		return p.fail(t, "{% "+t.name+" %} is not available", "put the text into the template itself")
	case "":
		return p.fail(t, "a tag without a name", "write {% if … %}, {% for … %} or another tag")
	default:
		return p.fail(t, fmt.Sprintf("unknown tag %q", t.name), closest(t.name, slices.Sorted(maps.Keys(p.tags))))
	}
}

// charge counts text to the turn of the innermost loop.
func (p *preparer) charge(n int) {
	if len(p.loops) > 0 {
		p.turns[p.loops[len(p.loops)-1]] += n
	}
}

func (p *preparer) tag(name string, index int, t token) {
	dash := map[bool]string{true: "-"}
	p.out.WriteString("{%" + dash[t.trimLeft] + name + " " + strconv.Itoa(index) + t.newlines() + dash[t.trimRight] + "%}")
}

var (
	filterName = regexp.MustCompile(`\|\s*([\pL_][\pL\pN_-]*)`)
	rangeEnds  = regexp.MustCompile(`\(\s*(-?\d{1,18})\s*\.\.\s*(-?\d{1,18})\s*\)`)
)

// comparedWithNothing is a comparison whose right side is empty or blank.
var comparedWithNothing = regexp.MustCompile(`([\pL_][\pL\pN_.-]*(?:\[[^\]]*\][\pL\pN_.-]*)*|""|'')\s*(==|!=)\s*(empty|blank)\b`)

// check refuses what the library would only notice when it is too late: filters that do not exist, and ranges that it
// would lay out in memory. A loop walks a range without that, and its turns are counted.
func (p *preparer) check(t token) error {
	code := t.unquoted()
	for _, m := range filterName.FindAllStringSubmatch(code, -1) {
		if !p.filters[m[1]] {
			names := slices.Sorted(maps.Keys(p.filters))
			return p.fail(t, fmt.Sprintf("unknown filter %q", m[1]), closest(m[1], names))
		}
	}
	if (t.name == "for" || t.name == "tablerow") && !strings.Contains(code, "|") {
		return nil
	}
	for _, m := range rangeEnds.FindAllStringSubmatch(code, -1) {
		from, _ := strconv.Atoi(m[1]) // eighteen digits always fit
		to, _ := strconv.Atoi(m[2])
		if to-from > maxRange {
			return p.fail(t, fmt.Sprintf("a range of more than %d numbers", maxRange), "use it as it is in a for tag")
		}
	}
	if strings.Contains(rangeEnds.ReplaceAllString(code, ""), "..") {
		return p.fail(t, "a range whose ends are not numbers", "use it as it is in a for tag")
	}
	return nil
}

func (p *preparer) fail(t token, message, advice string) error {
	return &Error{Part: p.part, Line: t.line, Message: message, Advice: advice}
}

// register gives the library our tags, which know this template's content.
func (p *preparer) register(cfg *render.Config) {
	cfg.AddTag(outTag, func(args string) (func(io.Writer, render.Context) error, error) {
		i, err := index(args, len(p.outputs))
		if err != nil {
			return nil, err
		}
		return p.outputs[i].render, nil
	})
	cfg.AddTag(rawTag, func(args string) (func(io.Writer, render.Context) error, error) {
		i, err := index(args, len(p.raws))
		if err != nil {
			return nil, err
		}
		raw := p.raws[i]
		return func(w io.Writer, _ render.Context) error {
			if raw == "" {
				return nil
			}
			_, err := io.WriteString(w, raw)
			return err
		}, nil
	})
	cfg.AddTag(linkTag, func(args string) (func(io.Writer, render.Context) error, error) {
		i, err := index(args, len(linkMarks))
		if err != nil {
			return nil, err
		}
		mark := linkMarks[i]
		return func(w io.Writer, ctx render.Context) error {
			if !meterOf(ctx).tracked {
				return nil
			}
			_, err := io.WriteString(w, mark)
			return err
		}, nil
	})
	cfg.AddTag(tickTag, func(args string) (func(io.Writer, render.Context) error, error) {
		i, err := index(args, len(p.turns))
		if err != nil {
			return nil, err
		}
		turn := p.turns[i]
		return func(_ io.Writer, ctx render.Context) error { return meterOf(ctx).spend(turn) }, nil
	})
}

func index(args string, n int) (int, error) {
	i, err := strconv.Atoi(strings.TrimSpace(args))
	if err != nil || i < 0 || i >= n {
		return 0, fmt.Errorf("no content %q", args)
	}
	return i, nil
}

// output compiles {{ … }} and decides, from the text before it, what it may become.
func (p *preparer) output(t token, before string) (output, error) {
	if t.args == "" {
		return output{}, nil
	}
	expr, err := expressions.Parse(t.args)
	if err != nil {
		return output{}, p.fail(t, fmt.Sprintf("cannot understand %q", t.args), "write {{ name }} or {{ name | filter: argument }}")
	}
	o := output{expr: expr, spare: withDefault.MatchString(t.unquoted())}
	o.path, o.defaulted = plainPath(t.args)
	if p.mode != htmlMode {
		return o, nil
	}
	if unquotedAttribute.MatchString(before) {
		return output{}, p.fail(t, "an attribute's value without quotes", `put it in quotes: href="{{ … }}"`)
	}
	o.html = true
	o.url = urlAttribute.MatchString(before)
	code := t.unquoted()
	o.escaped = lastEscape.MatchString(code)
	o.breaks = lastBreaks.MatchString(code)
	return o, nil
}

// closest advises the name that is most like the one that was written.
func closest(name string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		if d := editDistance(name, n); d < distance {
			best, distance = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "did you mean " + best + "?"
}

// editDistance is Levenshtein's, over bytes.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
