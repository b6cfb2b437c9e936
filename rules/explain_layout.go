package rules

import (
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"
)

// layout tells where the parts of a rule stand in its text. A node of the tree knows one token only, such as its
// operator; with the tokens of what is inside it, and the brackets that these open and close, that gives the whole.
type layout struct {
	source  string
	runes   []rune
	tokens  []lexer.Token
	starts  map[int]int // where a token starts -> its number
	partner map[int]int // the bracket that closes or opens with this one
	spans   map[ast.Node]tokenSpan
}

// tokenSpan is a run of tokens, both ends included. It is empty if last is less than first.
type tokenSpan struct{ first, last int }

func (s tokenSpan) empty() bool { return s.last < s.first }

func (s tokenSpan) union(o tokenSpan) tokenSpan {
	switch {
	case s.empty():
		return o
	case o.empty():
		return s
	}
	return tokenSpan{min(s.first, o.first), max(s.last, o.last)}
}

var noTokens = tokenSpan{first: 0, last: -1}

func newLayout(source string) *layout {
	p := &layout{
		source: source, runes: []rune(source), starts: map[int]int{}, partner: map[int]int{}, spans: map[ast.Node]tokenSpan{},
	}
	tokens, err := lexer.Lex(file.NewSource(source))
	if err != nil {
		return p // Compile would have met the same error; without tokens, parts are shown as the tree writes them
	}
	p.tokens = tokens
	var open []int
	for i, t := range tokens {
		p.starts[t.From] = i
		switch {
		case t.Is(lexer.Bracket, "("), t.Is(lexer.Bracket, "["), t.Is(lexer.Bracket, "{"):
			open = append(open, i)
		case t.Kind == lexer.Bracket && len(open) > 0:
			from := open[len(open)-1]
			open = open[:len(open)-1]
			p.partner[from], p.partner[i] = i, from
		}
	}
	return p
}

// text is a part as it stands in the rule, without brackets around it.
func (p *layout) text(n ast.Node) string {
	s := p.span(n)
	if s.empty() {
		return n.String()
	}
	return string(p.runes[p.tokens[s.first].From:p.tokens[s.last].To])
}

// position is the line and the column at which a part starts.
func (p *layout) position(n ast.Node) (line, column int) {
	offset := n.Location().From
	if s := p.span(n); !s.empty() {
		offset = p.tokens[s.first].From
	}
	at := newError(p.source, offset, "")
	return at.Line, at.Column
}

func (p *layout) span(n ast.Node) tokenSpan {
	if s, ok := p.spans[n]; ok {
		return s
	}
	s := p.own(n)
	for _, child := range children(n) {
		s = s.union(p.span(child))
	}
	s = p.balanced(s)
	if choice, ok := n.(*ast.ConditionalNode); ok && !choice.Ternary && s.first > 0 && p.tokens[s.first-1].Value == "if" {
		s.first--
	}
	p.spans[n] = s
	return s
}

// own is the token that a node knows, and the bracket after it if the node is a call.
func (p *layout) own(n ast.Node) tokenSpan {
	if _, ok := n.(*ast.ConditionalNode); ok {
		return noTokens // it knows the token behind it, or none
	}
	i, ok := p.starts[n.Location().From]
	if !ok || n.Location().To != p.tokens[i].To {
		return noTokens
	}
	switch n.(type) {
	case *ast.CallNode, *ast.BuiltinNode:
		return tokenSpan{i, min(i+1, len(p.tokens)-1)}
	}
	return tokenSpan{i, i}
}

// balanced widens a span until it holds both brackets of each pair.
func (p *layout) balanced(s tokenSpan) tokenSpan {
	for i := s.first; i <= s.last; i++ {
		partner, ok := p.partner[i]
		if !ok {
			continue
		}
		s.last = max(s.last, partner)
		if partner < s.first { // what lies between is balanced, as is what lies between any pair
			s.first = partner
		}
	}
	return s
}
