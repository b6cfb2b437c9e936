// Package calendar is time as people plan it: times of day, days of the week, quiet hours and recurring moments, each on
// the clock of a time zone. It is pure: it reads no clock, and of the machine only the time zone database, through
// package time. It imports robfig/cron, rrule-go and the standard library.
//
// Zones change their clocks. A time of day that a zone skips means the first instant after the gap; one that comes twice
// means its first coming; and a window of the day ends when the clock last shows its end. Only cron expressions are patterns
// of what the clock shows: see Schedule.
//
// Start reading at Clock and Schedule.
package calendar
