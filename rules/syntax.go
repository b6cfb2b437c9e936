package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"
)

// The limits of a rule. They are far above what a person writes and far below what would trouble a worker.
const (
	maxSource = 4096 // characters
	maxNodes  = 500  // parts: names, values, operators, calls
	maxDepth  = 40   // parts inside parts
)

// parse reads a rule into expr's syntax tree, within the limits.
func parse(src string) (ast.Node, *Error) {
	if n := utf8.RuneCountInString(src); n > maxSource {
		e := newError(src, 0, fmt.Sprintf("the rule is too long: %d characters, at most %d", n, maxSource))
		e.cause = ErrSourceTooLong
		return nil, e
	}
	if !utf8.ValidString(src) || strings.ContainsRune(src, 0) {
		return nil, newError(src, 0, "the rule is not valid UTF-8 text")
	}
	if strings.TrimSpace(src) == "" {
		return nil, newError(src, 0, "the rule is empty")
	}
	masked, aggregates, err := maskAggregates(src)
	if err != nil {
		return nil, syntaxError(src, err)
	}
	tree, err := parser.Parse(masked)
	if err != nil {
		return nil, syntaxError(src, err)
	}
	if tree.Node == nil {
		return nil, newError(src, 0, "the rule cannot be read")
	}
	m := &measure{aggregates: aggregates}
	m.visit(tree.Node, 1)
	if m.nodes > maxNodes {
		e := newError(src, 0, fmt.Sprintf("the rule has too many parts: %d, at most %d", m.nodes, maxNodes))
		e.cause = ErrTooManyNodes
		return nil, e
	}
	if m.depth > maxDepth {
		e := newError(src, 0, fmt.Sprintf("the rule is nested too deeply: %d levels, at most %d", m.depth, maxDepth))
		e.cause = ErrTooDeep
		return nil, e
	}
	return tree.Node, nil
}

// maskAggregates lets avg, min and max take an expression over each item, as in avg(events("order"), .total). expr's
// parser has a fixed list of functions that do, sum among them. So their names are replaced by sum, which is as long,
// and measure puts the real names back into the tree by their place in the source.
func maskAggregates(src string) (string, map[int]string, error) {
	tokens, err := lexer.Lex(file.NewSource(src))
	if err != nil {
		return "", nil, fmt.Errorf("split rule: %w", err)
	}
	runes, found := []rune(src), map[int]string{}
	for i, t := range tokens {
		aggregate := t.Kind == lexer.Identifier && (t.Value == "avg" || t.Value == "min" || t.Value == "max")
		called := i+1 < len(tokens) && tokens[i+1].Is(lexer.Bracket, "(")
		member := i > 0 && tokens[i-1].Is(lexer.Operator, ".", "?.")
		if aggregate && called && !member {
			found[t.From] = t.Value
			copy(runes[t.From:t.To], []rune("sum"))
		}
	}
	return string(runes), found, nil
}

// measure counts the nodes of a tree and its depth, and puts back the names that maskAggregates hid.
type measure struct {
	aggregates   map[int]string
	nodes, depth int
}

func (m *measure) visit(n ast.Node, depth int) {
	m.nodes++
	m.depth = max(m.depth, depth)
	if b, ok := n.(*ast.BuiltinNode); ok {
		if name, ok := m.aggregates[b.Location().From]; ok && b.Name == "sum" {
			b.Name = name
		}
	}
	for _, child := range children(n) {
		if chained(n, child) {
			m.visit(child, depth)
			continue
		}
		m.visit(child, depth+1)
	}
}

// chained reports whether a part goes on with the and, or the or, that it stands in: a long chain is not deep.
func chained(n, child ast.Node) bool {
	outer, ok := n.(*ast.BinaryNode)
	inner, alsoOK := child.(*ast.BinaryNode)
	return ok && alsoOK && outer.Operator == inner.Operator && slices.Contains([]string{"and", "or", "&&", "||"}, outer.Operator)
}

// children gives the direct parts of a node.
func children(n ast.Node) []ast.Node {
	var all []ast.Node
	switch n := n.(type) {
	case *ast.UnaryNode:
		all = []ast.Node{n.Node}
	case *ast.BinaryNode:
		all = []ast.Node{n.Left, n.Right}
	case *ast.ChainNode:
		all = []ast.Node{n.Node}
	case *ast.MemberNode:
		all = []ast.Node{n.Node, n.Property}
	case *ast.SliceNode:
		all = []ast.Node{n.Node, n.From, n.To}
	case *ast.CallNode:
		all = append([]ast.Node{n.Callee}, n.Arguments...)
	case *ast.BuiltinNode:
		all = n.Arguments
	case *ast.PredicateNode:
		all = []ast.Node{n.Node}
	case *ast.VariableDeclaratorNode:
		all = []ast.Node{n.Value, n.Expr}
	case *ast.SequenceNode:
		all = n.Nodes
	case *ast.ConditionalNode:
		all = []ast.Node{n.Cond, n.Exp1, n.Exp2}
	case *ast.ArrayNode:
		all = n.Nodes
	case *ast.MapNode:
		all = n.Pairs
	case *ast.PairNode:
		all = []ast.Node{n.Key, n.Value}
	}
	present := all[:0:0]
	for _, c := range all {
		if c != nil {
			present = append(present, c)
		}
	}
	return present
}

func size(n ast.Node) int {
	m := &measure{}
	m.visit(n, 1)
	return m.nodes
}

var shouted = regexp.MustCompile(`Identifier\("(AND|OR|NOT|IN)"\)`)

var tokenInMessage = regexp.MustCompile(`(?:Operator|Bracket|Identifier|Number|String)\((".*")\)`)

// syntaxError puts what expr's parser says into words that need no knowledge of parsers.
func syntaxError(src string, err error) *Error {
	var fault *file.Error
	if !errors.As(err, &fault) {
		return newError(src, 0, err.Error())
	}
	message := fault.Message
	switch {
	case strings.Contains(message, "token EOF"), strings.Contains(message, "unexpected end of expression"):
		message = "the rule ends too early"
	case strings.Contains(message, `Operator("=")`):
		message = `"=" does not compare; write "=="`
	case strings.Contains(message, `Operator("&")`):
		message = `"&" is not an operator; write "and"`
	case strings.Contains(message, "strconv.Parse"):
		message = "this number is too large; write it as a decimal, with .0 at its end"
	case shouted.MatchString(message):
		word := shouted.FindStringSubmatch(message)[1]
		message = fmt.Sprintf("write %q in small letters: %q", word, strings.ToLower(word))
	default:
		message = strings.Replace(tokenInMessage.ReplaceAllString(message, "$1"), "unexpected token", "unexpected", 1)
	}
	return newError(src, fault.From, message)
}
