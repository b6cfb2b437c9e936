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

// Names of the events that Dotyk itself brings about, of type "system". They are judged like all others.
const (
	EventSegmentEntered   = "segment_entered"    // segment, because
	EventSegmentLeft      = "segment_left"       // segment, because
	EventRequested        = "campaign_requested" // campaign, data; of a sub-journey also parent (its journey) and step
	EventJourneyEnded     = "journey_ended"      // of a sub-journey: campaign, status, reason, parent, step, iteration
	EventTaskCompleted    = "task_completed"     // task, title, outcome, note, by; of a journey's task also campaign, journey, step, iteration
	EventCallCompleted    = "call_completed"     // as EventTaskCompleted, and duration in seconds where it is known
	EventCallReceived     = "call_received"      // from, to, owner (who is rung)
	EventCallEnded        = "call_ended"         // from, outcome (answered, missed, abandoned, voicemail), duration in seconds, recording
	EventWebhookAnswered  = "webhook_answered"   // journey, step, iteration, ok, status, body, error
	EventCouponRedeemed   = "coupon_redeemed"    // code, pool, campaign, step
	EventCouponRefused    = "coupon_refused"     // code, reason: unknown customer, used, expired
	EventEmailOpened      = "email_opened"       // campaign, step, journey, touch_id; once a message, and only of people
	EventEmailClicked     = "email_clicked"      // as EventEmailOpened, and url; once a message and link
	EventConsentRequested = "consent_requested"  // channel, topics, request; only the confirmation makes it a consent
	EventConsentConfirmed = "consent_confirmed"  // channel, topics, request
	EventEmailBounced     = "email_bounced"      // type: hard, soft, policy, unknown; status, code, reason, detail, campaign, step, touch_id, address
	EventEmailComplained  = "email_complained"   // feedback, campaign, step, touch_id, address
	EventSenderBlocked    = "sender_blocked"     // provider, reason, until: a provider refuses our mail, and gets none for a while
)
