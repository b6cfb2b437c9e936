// Package importer brings the past into the customer store: CSV files of customers and of orders, however long, read
// by a mapping that says which column means what.
//
// What it promises:
//   - Every line is accounted for: lines read = stored + known already + skipped (by reason) + rejected. Rejected lines
//     stand in a report with the reason and how to mend them.
//   - The same file twice changes nothing. An order is recognised by its id, a customer's line by its id and content,
//     for as long as the store keeps the keys of messages (at least 30 days). Hence an order that was changed in the
//     file is not changed in the store, and a customer's line that returns to an earlier content is not applied again.
//   - No campaign is started: what is imported is the past.
//   - Whatever stops it, the same command goes on after the last batch that was committed.
//   - Memory does not grow with the file. The file is read twice, so it cannot be a pipe.
//   - An order is stored whole or not at all: one line of it that cannot be read rejects its other lines too. Where the
//     lines of an order do not stand together, the file is first sorted into temporary files of about its own size.
//
// Two imports of one file at the same time would write the same report; they are not kept apart.
//
// It may import rules, activities/store, starter/ingest (what makes an address or a number valid) and libraries for
// encodings, decimals and the progress bar. Start reading at Run, then mapping.go (what a mapping says), csv.go (how
// lines are read), orders.go and customers.go (what they become).
package importer
