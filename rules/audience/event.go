package audience

import "time"

// Event is something that happened to or was done by a customer. Events are append-only.
type Event struct {
	ID         string         // UUID
	CustomerID string         // UUID
	Type       string         // the API call it came by: track, identify, page, screen, group, alias, form, system
	Name       string         // registered, order_completed, email_clicked, ...
	Properties map[string]any // decoded JSON; traits for an identify
	OccurredAt time.Time      // corrected for the clock skew of the sender
	ReceivedAt time.Time      // when we got it
}

// Names given to events whose API call carries none.
const (
	EventIdentified    = "identified"
	EventPageViewed    = "page_viewed"
	EventScreenViewed  = "screen_viewed"
	EventGrouped       = "grouped"
	EventAliased       = "aliased"
	EventFormSubmitted = "form_submitted"
	EventMerged        = "customer_merged"
	EventUnsubscribed  = "unsubscribed"
	EventSMSReceived   = "sms_received"
	EventEmailReplied  = "email_replied"
)
