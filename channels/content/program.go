package content

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/osteele/liquid/expressions"
	"github.com/osteele/liquid/parser"
	"github.com/osteele/liquid/render"
)

// program is a compiled template. It is immutable.
//
// Most of a message is constant text with some outputs between. These are written and evaluated one after another, with
// nothing in between; only blocks go to the library as trees. A template that the library must see as a whole is one tree.
type program struct {
	part    Part
	mode    mode
	pieces  []piece
	cfg     render.Config
	assigns bool // variables are made between the pieces
	lineOf  func(line int) place
}

// place is where a line of a compiled source was written.
type place struct {
	template string // the layout or snippet that it stands in; "" for the template itself
	line     int    // 0 when that cannot be said
}

// piece is one step of filling a template in.
type piece struct {
	do                  action
	text                string  // of writeText
	output              *output // of writeOutput
	tree                render.Node
	links               bool   // of writeTree: links begin or end within it
	name                string // of assign
	value               expressions.Expression
	line                int
	trimLeft, trimRight bool // white space before and behind it goes
}

// action says what a piece does.
type action int

const (
	writeText action = iota + 1
	writeOutput
	writeTree
	assign
	openLink
	closeLink
)

// compile compiles a template without looking for links in it.
func compile(part Part, m mode, source string) (*program, error) {
	return build(part, m, source, func(tokens []token) []token { return tokens })
}

// build compiles a template. What was cut into tokens goes through mark, which puts tokens at the edges of links.
func build(part Part, m mode, source string, mark func([]token) []token) (p *program, err error) {
	defer func() {
		if r := recover(); r != nil { // the library panics on some syntax errors
			p, err = nil, &Error{Part: part, Message: fmt.Sprintf("cannot be understood: %v", r)}
		}
	}()
	c, whole, err := prepare(part, m, source, mark)
	if err != nil {
		return nil, err
	}
	if inOneTree(c.tokens) {
		return whole, nil
	}
	return c.program, c.cut()
}

// prepare compiles a template as one tree, and gives besides what its pieces are cut from.
func prepare(part Part, m mode, source string, mark func([]token) []token) (*cutter, *program, error) {
	if len(source) > maxSource {
		return nil, nil, &Error{Part: part, Message: fmt.Sprintf("%d bytes, at most %d", len(source), maxSource)}
	}
	if !utf8.ValidString(source) {
		return nil, nil, &Error{Part: part, Message: "is not valid UTF-8"}
	}
	tokens, err := scan(part, source)
	if err != nil {
		return nil, nil, err
	}
	tokens = mark(tokens)
	cfg, filters := newConfig(m)
	pre := &preparer{part: part, mode: m, filters: filters, tags: tagNames()}
	ends := make([]int, len(tokens)) // where each token's rewriting ends
	for i, t := range tokens {
		if err := pre.add(t); err != nil {
			return nil, nil, err
		}
		ends[i] = pre.out.Len()
	}
	pre.register(&cfg)
	tree, perr := cfg.Compile(pre.out.String(), parser.SourceLoc{LineNo: 1})
	if perr != nil {
		return nil, nil, located(part, perr)
	}
	whole := &program{part: part, mode: m, cfg: cfg, pieces: []piece{{do: writeTree, tree: tree, links: true}}}
	return &cutter{program: &program{part: part, mode: m, cfg: cfg}, preparer: pre, tokens: tokens, ends: ends}, whole, nil
}

// inOneTree says whether the library must see a template as a whole: where blocks stand beside white space that is to
// be trimmed, which may be within them or around them, and where a block changes variables that are seen behind it.
func inOneTree(tokens []token) bool {
	blocks, trims, changes, depth := false, false, false, 0
	for _, t := range tokens {
		trims = trims || t.trimLeft || t.trimRight
		if t.kind != tagToken {
			continue
		}
		blocks = true
		depth += nesting(t)
		switch t.name {
		case "assign":
			changes = changes || depth > 0
		case "capture", "break", "continue", "cycle":
			changes = changes || depth == 0 || t.name == "capture"
		}
	}
	return blocks && (trims || changes)
}

// nesting is by how much a tag changes the depth of blocks.
func nesting(t token) int {
	switch {
	case t.kind != tagToken:
		return 0
	case slices.Contains([]string{"capture", "case", "for", "if", "tablerow", "unless"}, t.name):
		return 1
	case len(t.name) > 3 && t.name[:3] == "end":
		return -1
	default:
		return 0
	}
}

// cutter makes the pieces of a program.
type cutter struct {
	*program

	preparer *preparer
	tokens   []token
	ends     []int
	outputs  int // seen so far; the preparer numbers them
}

func (c *cutter) cut() error {
	for i := 0; i < len(c.tokens); i++ {
		t := c.tokens[i]
		pc := piece{line: t.line, trimLeft: t.trimLeft, trimRight: t.trimRight}
		switch t.kind {
		case textToken:
			pc.do, pc.text = writeText, t.source
		case rawToken:
			pc.do, pc.text = writeText, t.args
		case commentToken:
			pc.do = writeText
		case linkToken:
			pc.do = map[bool]action{true: openLink, false: closeLink}[t.opens]
		case outputToken:
			pc.do, pc.output = writeOutput, &c.preparer.outputs[c.outputs]
			c.outputs++
		case tagToken:
			last, err := c.block(&pc, i)
			if err != nil {
				return err
			}
			i = last
		}
		c.append(pc)
	}
	return nil
}

// block makes the piece of the block that begins at a token, and gives the token that ends it.
func (c *cutter) block(pc *piece, first int) (last int, err error) {
	t := c.tokens[first]
	if t.name == "assign" {
		stmt, err := expressions.ParseStatement(expressions.AssignStatementSelector, t.args)
		if err != nil {
			return 0, &Error{Part: c.part, Line: t.line, Message: err.Error(), Err: err}
		}
		pc.do, pc.name, pc.value = assign, stmt.Assignment.Variable, stmt.ValueFn
		c.assigns = true
		return first, nil
	}
	depth := 0
	for last = first; ; last++ {
		switch c.tokens[last].kind {
		case linkToken:
			pc.links = true
		case outputToken:
			c.outputs++
		case textToken, tagToken, rawToken, commentToken:
		}
		if depth += nesting(c.tokens[last]); depth == 0 {
			break
		}
	}
	from := 0
	if first > 0 {
		from = c.ends[first-1]
	}
	tree, perr := c.cfg.Compile(c.preparer.out.String()[from:c.ends[last]], parser.SourceLoc{LineNo: t.line})
	if perr != nil {
		return 0, located(c.part, perr)
	}
	pc.do, pc.tree = writeTree, tree
	return last, nil
}

// append adds a piece. Texts that nothing separates become one.
func (c *cutter) append(pc piece) {
	last := len(c.pieces) - 1
	switch {
	case pc.do != writeText || pc.trimLeft || pc.trimRight:
	case pc.text == "":
		return
	case last >= 0 && c.pieces[last].do == writeText && !c.pieces[last].trimRight && !c.trims():
		c.pieces[last].text += pc.text
		return
	}
	c.pieces = append(c.pieces, pc)
}

// trims says whether any token trims white space: as far as the text of one token reaches.
func (c *cutter) trims() bool {
	return slices.ContainsFunc(c.tokens, func(t token) bool { return t.trimLeft || t.trimRight })
}
