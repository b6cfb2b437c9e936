// Package rules is the rule language of Dotyk: expressions over what is stored about one customer.
//
//	customer.email                 the record: id, kind, external_id, email, phone, name, locale, timezone, stage,
//	                               tags, created_at, unsubscribed; any other name is an attribute
//	event.name  event.at           the event that is being judged; any other name is one of its properties
//	entry.cart_id                  a property of the event, or of the data, that started the journey
//	events("order", "90d")         the customer's events of a name, oldest first, in a window before now or ever;
//	                               each has .name, .at and its properties
//	sent("hello").delivered        a message of an earlier step: .status, .delivered, .at
//	bought.happened                an earlier wait_for: .happened, .at, and the properties of the event that met it
//	now  days_since(x)             the moment of evaluation; whole days (24 h) between x and now
//	local(x, "Europe/Kyiv")        x on a clock of that zone: .year .month .day .weekday .hour .minute .date
//
// Lists go to count, any, all, none, filter and map (the item is #, its properties .name), to sum, avg, min and max,
// which may take an expression over each item, and to first, last and len. Operators are and, or, not, ==, !=, <, <=,
// >, >=, in (a list, or a range 18..30), contains, startsWith, endsWith, matches (an RE2 pattern), + - * / %, ?: and
// ??. Durations are text: "90d", "36h", "2w"; see ParseDuration.
//
// # What is missing
//
// A value that is not there is missing, and that is never an error. Text of the record that is unknown (email, name,
// …) is "", everything else is missing. A value of a kind an operator cannot use counts as missing, too.
//
//   - missing == null is true; missing equals nothing else, so missing == "" is false and missing != "" is true.
//   - <, <=, > and >= with a missing value are false; so are in, contains, startsWith, endsWith and matches.
//   - Arithmetic with a missing value, and division by zero, are missing.
//   - Where true or false is wanted, missing is false. Any other value there is an error, ErrNotBoolean.
//   - sum, avg, min and max leave missing values out. The sum of nothing is 0; avg, min and max of nothing are missing.
//   - A missing list is empty.
//
// Numbers compare by value, whether whole or not. Text in the form of RFC 3339, or a date alone (midnight UTC),
// compares with times; text in the form of a duration compares with the difference of two times.
//
// # How it works
//
// Compile parses with expr (syntax.go), then rewrites the tree: every name is resolved and every operator becomes a
// call that knows missing values (resolve*.go). The calls are in builtins.go and run on expr's virtual machine, within
// budgets of work and memory (run.go).
//
// The package is pure: no I/O, no clock, no randomness of its own; the moment of evaluation is handed in. (local reads
// the system's time zone database, through package time.) It may import the standard library (not net, os,
// database/sql), expr and the packages below it. Start reading at Compile.
package rules
