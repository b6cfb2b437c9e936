// Package rehearsal plays campaigns under a virtual clock: a World is a workspace in memory, with customers, segments
// and live campaigns, in which time passes as fast as it can be computed. It decides by the functions of package
// campaign, in the order in which the engine does, so what a rehearsal shows is what happens; only what lies outside
// is played: a provider takes every message at once, and nothing is ever late.
//
// A Scenario is a file that says who the customers are, what happens to them, and what they must get and must not get.
//
// The package is pure: no I/O, no clock, no randomness. Start reading at World, then at Scenario.
package rehearsal
