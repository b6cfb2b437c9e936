// Package audience holds the plain types everything else speaks in: Customer, Event, Touch, Consent, Suppression,
// Journey, and the invariants that need no store. It is the bottom of the import graph and imports only the standard
// library. Start reading at Customer.
package audience
