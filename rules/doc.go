// Package rules is the rule language of Dotyk: expressions over what is stored about one customer.
//
//	customer.email                 the record: id, kind, external_id, email, phone, name, locale, timezone, stage,
//	                               tags, created_at, unsubscribed; any other name is an attribute
//	event.name  event.at           the event that is being judged; any other name is one of its properties
//	entry.cart_id                  a property of the event, or of the data, that started the journey
//	events("order", "90d")         the customer's events of a name, oldest first, in a window before now or ever;
//	                               each has .name, .at and its properties
//	segment("vip")                 is a member of that segment
//	in_topic("news", "email")      may be sent messages on that topic by that channel, or by any of the two
//	journeys("welcome").active     the customer's journeys through a campaign: .active, .converted, .count, and of the
//	                               latest .status, .entered_at, .ended_at
//	sent("hello").delivered        a message of an earlier step of this journey: .status, .delivered, .at
//	sent("welcome", "hello").at    the latest message of a step of a campaign, in any journey: the same
//	bought.happened                an earlier wait_for: .happened, .at, and the properties of the event that met it
//	rfm.recency  score.churn       what is computed from time to time, missing until it is: rfm.recency, .frequency,
//	next_best("product")           .monetary, any score by its name, and what to offer next
//	now  days_since(x)             the moment of evaluation; whole days (24 h) between x and now
//	local(x, "Europe/Kyiv")        x on a clock of that zone: .year .month .day .weekday .hour .minute .date
//	time(x)  days(n)               text as the time it says, or missing; a length of n days
//
// Lists go to count, any, all, none, filter and map (the item is #, its properties .name), to sum, avg, min and max,
// which may take an expression over each item, and to first, last and len; most_within(events("order"), "20d") is the
// largest number of events in any stretch of that length. Operators are and, or, not, ==, !=, <, <=, >, >=, in (a list, or
// a range 18..30), contains, startsWith, endsWith, matches (an RE2 pattern), + - * / %, ?: and ??. Durations are text:
// "90d", "36h", "2w"; see ParseDuration.
//
// A window ends now and begins so long before now; what happened at either end, to the microsecond, belongs to it.
//
// # What is missing
//
// A value that is not there is missing, and that is never an error. Text of the record that is unknown (email, name,
// …) is "", everything else is missing. A value of a kind an operator cannot use counts as missing, too.
//
//   - missing == null is true; missing equals nothing else, so missing == "" is false and missing != "" is true.
//   - <, <=, > and >= with a missing value are false; so are in, contains, startsWith, endsWith and matches.
//   - Arithmetic with a missing value, and division by zero, are missing.
//   - Where true or false is wanted, missing is false, and so is anything that is neither.
//   - sum, avg, min and max leave missing values out. The sum of nothing is 0; avg, min and max of nothing are missing.
//     min and max of values of several kinds look at the numbers, and if there are none, at the texts.
//   - A missing list is empty.
//
// # Numbers, times and text
//
// Numbers are exact decimals: ten times 0.1 is 1. Sums and differences are exact; products and quotients are rounded to 20
// places, halves away from zero. Numbers of data with more than 1,000 digits count as missing.
//
// A time is what the rule itself says is one: now, .at, created_at, time(…). Beside one, text is read as ParseTime does.
// Two texts are compared letter by letter, by their code points, even if both say times. Times and differences are in
// whole microseconds; what leads out of the years 1 to 9999 is missing. A day is 24 hours.
//
// # How it works
//
// Compile parses with expr (syntax.go), then rewrites the tree: every name is resolved and every operator becomes a
// call that knows missing values (resolve*.go), and the kind of each part is settled, as far as the data leaves it open. A
// Schema, the catalogue of a workspace's data, adds checks and changes no meaning. From that tree come
//
//   - the program that runs on expr's virtual machine, within budgets of work and memory (builtins.go, run.go); with the
//     answer it gives the moment at which time will next change it (clock.go),
//   - the query by which Postgres finds all customers for whom the rule holds (sql*.go),
//   - what must be loaded, and what a change of which matters (needs.go),
//   - the value of every part, and what would have to change (explain*.go).
//
// The package is pure: no I/O, no clock, no randomness of its own; the moment of evaluation is handed in. (local reads
// the system's time zone database, through package time.) It may import the standard library (not net, os,
// database/sql), expr, decimals and the packages below it. Start reading at Compile.
package rules
