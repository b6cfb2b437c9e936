package rules

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode"
)

// maxPatternSize is how many instructions a pattern may have for Postgres, which compiles it anew for each query.
const maxPatternSize = 2000

// postgresPattern writes an RE2 pattern as one of Postgres's advanced regular expressions that matches the same texts.
// Which part of a text matches does not matter, so greed does not either. Reason says why it cannot be done.
func postgresPattern(p *pattern) (text, reason string) {
	if p.size > maxPatternSize {
		return "", "the pattern is too large for Postgres"
	}
	parsed, err := syntax.Parse(p.expression.String(), syntax.Perl)
	if err != nil {
		return "", "the pattern cannot be read"
	}
	var b strings.Builder
	b.WriteString("(?:)") // whatever follows, the text does not begin with a directive
	if reason = writePattern(&b, parsed); reason != "" {
		return "", reason
	}
	return b.String(), ""
}

func writePattern(b *strings.Builder, re *syntax.Regexp) (reason string) {
	group := func(subs []*syntax.Regexp, between string) string {
		b.WriteString("(?:")
		for i, sub := range subs {
			if i > 0 {
				b.WriteString(between)
			}
			if reason := writePattern(b, sub); reason != "" {
				return reason
			}
		}
		b.WriteString(")")
		return ""
	}
	switch re.Op {
	case syntax.OpEmptyMatch:
		b.WriteString("(?:)")
	case syntax.OpLiteral:
		for _, r := range re.Rune {
			writeLetter(b, r, re.Flags&syntax.FoldCase != 0)
		}
	case syntax.OpCharClass:
		return writeClass(b, re.Rune)
	case syntax.OpAnyCharNotNL:
		b.WriteString(`[^\n]`)
	case syntax.OpAnyChar:
		b.WriteString(`(?:.|\n)`)
	case syntax.OpBeginText:
		b.WriteString(`(?:\A)`)
	case syntax.OpEndText:
		b.WriteString(`(?:\Z)`)
	case syntax.OpCapture:
		return group(re.Sub, "")
	case syntax.OpConcat:
		return group(re.Sub, "")
	case syntax.OpAlternate:
		return group(re.Sub, "|")
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		return writeRepeat(b, re, group)
	case syntax.OpNoMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return "the pattern has a part that Postgres reads otherwise: " + re.String()
	}
	return ""
}

func writeRepeat(b *strings.Builder, re *syntax.Regexp, group func([]*syntax.Regexp, string) string) string {
	const most = 255 // Postgres's limit
	if re.Op == syntax.OpRepeat && (re.Min > most || re.Max > most) {
		return fmt.Sprintf("Postgres repeats at most %d times", most)
	}
	if reason := group(re.Sub, ""); reason != "" {
		return reason
	}
	switch {
	case re.Op == syntax.OpStar:
		b.WriteString("*")
	case re.Op == syntax.OpPlus:
		b.WriteString("+")
	case re.Op == syntax.OpQuest:
		b.WriteString("?")
	case re.Max < 0:
		fmt.Fprintf(b, "{%d,}", re.Min)
	default:
		fmt.Fprintf(b, "{%d,%d}", re.Min, re.Max)
	}
	return ""
}

// writeLetter writes a character by its number, in all of its cases if they do not matter.
func writeLetter(b *strings.Builder, r rune, fold bool) {
	if !fold || unicode.SimpleFold(r) == r {
		writeRune(b, r)
		return
	}
	b.WriteString("[")
	writeRune(b, r)
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		writeRune(b, other)
	}
	b.WriteString("]")
}

func writeRune(b *strings.Builder, r rune) { fmt.Fprintf(b, `\U%08x`, r) }

// writeClass writes ranges of characters. U+0000 is in no text, and Postgres's ranges begin behind it.
func writeClass(b *strings.Builder, ranges []rune) string {
	if len(ranges) == 0 || ranges[len(ranges)-1] == 0 {
		return "the pattern has a part that matches nothing"
	}
	b.WriteString("[")
	for i := 0; i < len(ranges); i += 2 {
		from, to := max(ranges[i], 1), ranges[i+1]
		if to < 1 {
			continue
		}
		writeRune(b, from)
		if to > from {
			b.WriteString("-")
			writeRune(b, to)
		}
	}
	b.WriteString("]")
	return ""
}
