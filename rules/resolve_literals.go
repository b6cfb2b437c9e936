package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// text is text that is written in the rule. U+0000 cannot be in any text that is stored.
func (r *resolver) text(n *ast.StringNode) part {
	if strings.ContainsRune(n.Value, 0) || !utf8.ValidString(n.Value) {
		return r.fail(n, `text holds valid UTF-8, without the character \u0000`)
	}
	return part{node: n, kind: kindText, fixed: true, free: true}
}

// decimal is a number as it stands in the rule: 0.1 is one tenth, which no float64 is.
func (r *resolver) decimal(n *ast.FloatNode) any {
	location := n.Location()
	if runes := []rune(r.src); location.From >= 0 && location.To <= len(runes) && location.From < location.To {
		written := strings.ReplaceAll(string(runes[location.From:location.To]), "_", "")
		if v, ok := parseNumber(written); ok {
			return v.value()
		}
	}
	v, ok := asNumber(n.Value)
	if !ok {
		r.fail(n, fmt.Sprintf("%s is too large for a number", brief(n)))
		return nil
	}
	return v.value()
}

// literalText gives the text of a part that is text written in the rule.
func (r *resolver) literalText(p part) (string, bool) {
	if p.kind != kindText || !p.fixed {
		return "", false
	}
	if node, ok := p.node.(*ast.StringNode); ok {
		return node.Value, true
	}
	value, ok := r.constantOf(p)
	text, isText := value.(string)
	return text, ok && isText
}

// literal reads text that is written in the rule as the time or duration that it stands beside.
func (r *resolver) literal(p part, text string, want kind) part {
	if want == kindSpan {
		d, err := ParseDuration(text)
		if err != nil {
			return r.fail(p.node, err.Error())
		}
		return fixedPart(p.node, durationSpan(d), kindSpan)
	}
	t, ok := ParseTime(text)
	if !ok {
		return r.fail(p.node, fmt.Sprintf(`%q is not a time; write "2026-01-31" or "2026-01-31T09:00:00+02:00"`, text))
	}
	return fixedPart(p.node, stored(t), kindTime)
}
