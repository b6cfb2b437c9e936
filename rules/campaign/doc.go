// Package campaign is the campaign language: YAML or JSON becomes a Definition of typed steps, or violations with a
// place and advice; a Definition has one canonical form and hash. Advance is the interpreter: a pure function from a
// journey's position and the facts to its next position and the effects to carry out.
//
// It is pure like rules, and adds only a YAML parser to what rules may import. Start reading at Definition, then
// Advance.
package campaign
