package campaign

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"dotyk/rules"
)

// Violation is one thing that is wrong with a campaign, with its place and what to do about it.
type Violation struct {
	Line    int    `json:"line"`             // 1-based; 0 when the whole file is meant
	Column  int    `json:"column"`           // 1-based, in characters
	Path    string `json:"path"`             // such as "steps[2].branch[0].when"; "" for the whole file
	Code    string `json:"code"`             // one of the Code constants; stable, for programs
	Message string `json:"message"`          // what is wrong
	Advice  string `json:"advice,omitempty"` // what to do about it
	// Rule is set when the fault lies inside a rule: its own line, column and caret, counted within the rule.
	Rule *rules.Error `json:"rule,omitempty"`
}

// The codes of violations.
const (
	CodeSyntax           = "syntax"             // not YAML, or not JSON
	CodeTooLarge         = "too_large"          // file, depth or number of steps beyond the limit
	CodeMultipleDocs     = "multiple_documents" // more than one YAML document
	CodeAlias            = "alias"              // YAML anchors, aliases, merges, tags
	CodeDuplicateField   = "duplicate_field"
	CodeUnknownField     = "unknown_field"
	CodeMissingField     = "missing_field"
	CodeConflict         = "conflicting_fields"
	CodeWrongType        = "wrong_type"
	CodeBadValue         = "bad_value"
	CodeBadDuration      = "bad_duration"
	CodeBadID            = "bad_id"
	CodeDuplicateID      = "duplicate_id"
	CodeBadRule          = "bad_rule"
	CodeConstantRule     = "constant_rule"
	CodeResultBeforeStep = "result_before_step"
	CodeNoSteps          = "no_steps"
	CodeNoArms           = "no_arms"
	CodeElseNotLast      = "else_not_last"
	CodeUnreachable      = "unreachable"
	CodeNoContent        = "no_content"
	CodeMissingTopic     = "missing_topic"
	CodeMissingTimeout   = "missing_timeout"
	CodeLoopWithoutWait  = "loop_without_wait" // a repeat has a way through that lets no time pass
	CodeBadShares        = "bad_shares"        // the parts of a split do not add up
	CodeUnknownTemplate  = "unknown_template"
	CodeUnknownTopic     = "unknown_topic"
	CodeUnknownSegment   = "unknown_segment"
	CodeUnknownList      = "unknown_list"
	CodeUnknownUser      = "unknown_user"
	CodeUnknownPool      = "unknown_pool"
	CodeUnknownCampaign  = "unknown_campaign"
	CodeCircle           = "circle" // a journey step leads back to the campaign itself
)

// The codes of warnings.
const (
	CodeUnknownName = "unknown_name" // a rule names something that the workspace has no data of yet
	CodePointless   = "pointless"    // a field has no effect
	CodeNoConsent   = "no_consent"   // nobody may have consented to a message
	CodeFewCodes    = "few_codes"    // a pool has no codes left, or fewer than customers would enter at once
	CodeCollision   = "collision"    // another campaign sends to the same customers at the same time

	CodeNoUnsubscribe = "no_unsubscribe" // a marketing e-mail has no unsubscribe link of its own
)

// String gives the violation in a few lines: place, what is wrong, the caret of a rule, and what to do.
func (v Violation) String() string {
	var b strings.Builder
	if v.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d", v.Line, v.Column)
		if v.Path != "" {
			fmt.Fprintf(&b, " (%s)", v.Path)
		}
		b.WriteString(": ")
	}
	b.WriteString(v.Message)
	if v.Rule != nil && v.Rule.Snippet != "" {
		b.WriteString("\n    " + strings.ReplaceAll(v.Rule.Snippet, "\n", "\n    "))
	}
	if v.Advice != "" {
		b.WriteString("\n  " + v.Advice)
	}
	return b.String()
}

// Violations is every violation of a campaign, in the order of the file. It is an error as long as it is not empty.
type Violations []Violation //nolint:errname // it is first of all the list that the console shows

// sort puts violations into the order of the file.
func (vs Violations) sort() {
	slices.SortStableFunc(vs, func(a, b Violation) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// Error gives all violations, one after the other, for a person to read.
func (vs Violations) Error() string {
	lines := make([]string, 0, len(vs)+1)
	if len(vs) == 1 {
		lines = append(lines, "the campaign has 1 fault:")
	} else {
		lines = append(lines, fmt.Sprintf("the campaign has %d faults:", len(vs)))
	}
	for _, v := range vs {
		lines = append(lines, "- "+strings.ReplaceAll(v.String(), "\n", "\n  "))
	}
	return strings.Join(lines, "\n")
}
