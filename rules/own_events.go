package rules

import (
	"maps"

	"dotyk/rules/audience"
)

// ownEvents are the events that Dotyk itself brings about, with the types of their properties: every workspace has them,
// whether its catalogue has seen one yet or not.
var ownEvents = map[string]map[string]Type{
	audience.EventSegmentEntered: {"segment": TypeText, "because": TypeText},
	audience.EventSegmentLeft:    {"segment": TypeText, "because": TypeText},
	audience.EventRequested:      {"campaign": TypeText, "data": TypeObject, "parent": TypeObject},
	audience.EventJourneyEnded: {
		"campaign": TypeText, "status": TypeText, "reason": TypeText, "parent": TypeText, "step": TypeText,
		"iteration": TypeNumber,
	},
	audience.EventTaskCompleted: closedTask,
	audience.EventCallCompleted: with(closedTask, "duration", TypeNumber),
	audience.EventWebhookAnswered: {
		"campaign": TypeText, "journey": TypeText, "step": TypeText, "iteration": TypeNumber, "ok": TypeBoolean,
		"status": TypeNumber, "body": TypeMixed, "error": TypeText,
	},
	audience.EventCouponRedeemed: {
		"code": TypeText, "pool": TypeText, "campaign": TypeText, "step": TypeText, "by": TypeText,
	},
	audience.EventCouponRefused:    {"code": TypeText, "reason": TypeText},
	audience.EventMerged:           {"from": TypeText, "reason": TypeText},
	audience.EventUnsubscribed:     {"channel": TypeText, "topic": TypeText, "method": TypeText, "touch_id": TypeText},
	audience.EventSMSReceived:      inbound,
	audience.EventEmailReplied:     inbound,
	audience.EventEmailOpened:      seen,
	audience.EventEmailClicked:     with(seen, "url", TypeText),
	audience.EventConsentRequested: {"channel": TypeText, "topics": TypeMixed, "request": TypeText, "brand": TypeText},
	audience.EventConsentConfirmed: {"channel": TypeText, "topics": TypeMixed, "request": TypeText},
	audience.EventEmailBounced: {
		"type": TypeText, "status": TypeText, "code": TypeText, "reason": TypeText, "detail": TypeText, "campaign": TypeText,
		"step": TypeText, "touch_id": TypeText, "address": TypeText,
	},
	audience.EventEmailComplained: {
		"feedback": TypeText, "campaign": TypeText, "step": TypeText, "touch_id": TypeText, "address": TypeText,
	},
	audience.EventSenderBlocked: {"provider": TypeText, "reason": TypeText, "until": TypeText},
}

var seen = map[string]Type{"campaign": TypeText, "journey": TypeText, "step": TypeText, "touch_id": TypeText}

var closedTask = map[string]Type{
	"task": TypeText, "title": TypeText, "outcome": TypeText, "note": TypeText, "by": TypeText, "cancelled": TypeBoolean,
	"campaign": TypeText, "journey": TypeText, "step": TypeText, "iteration": TypeNumber,
}

var inbound = map[string]Type{
	"text": TypeText, "subject": TypeText, "to": TypeText, "opt_out": TypeBoolean, "opt_in": TypeBoolean,
}

func with(properties map[string]Type, name string, of Type) map[string]Type {
	all := maps.Clone(properties)
	all[name] = of
	return all
}
