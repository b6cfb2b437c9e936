// Package importer brings the past into the customer store: CSV files of customers and of orders, however long, read
// by a mapping that says which column means what.
//
// What it promises:
//   - Every line is accounted for: lines read = stored + known already + skipped (by reason) + rejected. Rejected lines
//     stand in a report with the reason and how to mend them.
//   - The same file twice changes nothing. An order is recognised by its id, a customer's line by its id and content,
//     and the store keeps the ids of what was imported for good. Hence an order that was changed in the
//     file is not changed in the store, and a customer's line that returns to an earlier content is not applied again.
//   - No campaign is started: what is imported is the past.
//   - Whatever stops it, the same command goes on after the last batch that was committed.
//   - Memory does not grow with the file. The file is read twice, so it cannot be a pipe.
//   - An order is stored whole or not at all: one line of it that cannot be read rejects its other lines too. Where the
//     lines of an order do not stand together, the file is first sorted into temporary files of about its own size.
//
// A mapping is YAML, and knows no fields but these. Wherever a column can stand, a group can too: {column: Heading,
// strip_prefix: …, strip_suffix: …, default: …} or {value: a constant}.
//
//	import: customers            # or orders
//	source: crm                  # name of the source, "import:crm"; default: customers or orders
//	encoding: windows-1251       # default auto: UTF-8, else Windows-1252
//	delimiter: ";"               # default auto: one of , ; tab |
//	decimal: ","                 # default "."; thousands: "." takes 1.234,50 too
//	defaults: {country: UA, timezone: Europe/Kyiv, layout: DD.MM.YYYY}
//	existing: fill               # default overwrite: what the file says replaces what the record says
//	bad_values: leave_out        # default reject; customers only
//	external_id: Id              # this or email must be there
//	email: E-mail                # likewise phone, name (or first_name and last_name), locale, timezone, kind, stage
//	created_at: {column: Since, layout: "DD.MM.YYYY HH:mm", timezone: Europe/Kyiv}
//	tags: {column: Tags, separator: ";"}
//	consents:
//	  - {column: News, channel: email, topic: news, at: News since, granted: [yes], withdrawn: [no]}
//	attributes: {points: {column: Points, type: number}, city: City}   # or a list of columns
//	rest: true                   # every other column is an attribute as well
//	rules:                       # the first that a line meets decides; several columns in one: all must hold
//	  - {when: {State: {one_of: [deleted, test]}}, skip: deleted}
//	  - {when: {E-mail: empty, Telefon: empty}, reject: no address}
//
// Orders have order_id, customer (the external id) or email, occurred_at, currency, total, item, properties, attributes
// and event (default order_completed); mappings/online-retail.yaml is an example. A rule for them may also end in
// event: order_cancelled. Conditions are empty, present, equals, one_of, starts_with, ends_with, contains, above,
// at_least, below and at_most.
//
// Two imports of one file at the same time would write the same report; they are not kept apart.
//
// It may import rules, activities/store, starter/ingest (what makes an address or a number valid) and libraries for
// encodings, decimals and the progress bar. Start reading at Run, then mapping.go (what a mapping says), csv.go (how
// lines are read), orders.go and customers.go (what they become).
package importer
