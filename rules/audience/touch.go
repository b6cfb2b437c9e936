package audience

import "time"

// Channel is a way to reach a customer or to be reached.
type Channel string

// The channels a touch can use.
const (
	Email    Channel = "email"
	SMS      Channel = "sms"
	Call     Channel = "call"
	Meeting  Channel = "meeting"
	Form     Channel = "form"
	Visit    Channel = "visit"
	Purchase Channel = "purchase"
	Note     Channel = "note"
	Task     Channel = "task"
	Webhook  Channel = "webhook"
	Decided  Channel = "decision"
)

// TouchStatus is a state of the ledger. A message moves planned -> claimed -> accepted -> delivered, or ends failed,
// suppressed or uncertain. A touch that is not a message of ours is recorded.
type TouchStatus string

// The states of the ledger.
const (
	Planned    TouchStatus = "planned"    // the journey decided to send it
	Claimed    TouchStatus = "claimed"    // committed before the provider is called
	Accepted   TouchStatus = "accepted"   // the provider took it
	Delivered  TouchStatus = "delivered"  // the provider says that it arrived
	Failed     TouchStatus = "failed"     // the provider refused it, or it never arrived
	Suppressed TouchStatus = "suppressed" // we must not contact this address; the reason says why
	Uncertain  TouchStatus = "uncertain"  // claimed, and no answer will ever be known
	Recorded   TouchStatus = "recorded"   // something that happened, not a message of ours
)

// rank orders the states so that a late or repeated answer never lowers one. Uncertain ranks below every answer of a
// provider, because a proof that comes late resolves it.
var rank = map[TouchStatus]int{
	Planned: 0, Claimed: 1, Uncertain: 2, Accepted: 3, Failed: 4, Delivered: 4, Suppressed: 4, Recorded: 4,
}

// Before lists the states from which word of a provider moves a touch to state to, lowest first. A message that was
// given back to be sent again is moved by such word too: it was sent after all, and must not be sent twice. Uncertain is
// no word of a provider, and only what is claimed can become it.
func Before(to TouchStatus) []TouchStatus {
	if to == Uncertain || to == Planned {
		return []TouchStatus{Claimed}
	}
	var states []TouchStatus
	for _, from := range []TouchStatus{Planned, Claimed, Uncertain, Accepted} {
		if rank[from] < rank[to] {
			states = append(states, from)
		}
	}
	return states
}

// Delivery is what rules may know about a message that a journey sent.
type Delivery struct {
	Status TouchStatus
	At     time.Time // of the last change of status
	// When a person first opened it, and first followed a link in it; zero while nobody has. Machines do not count. Who
	// follows a link has opened the message.
	OpenedAt, ClickedAt time.Time
}

// Run is what rules may know about one journey of a customer through a campaign.
type Run struct {
	Status    string // active, finished, exited or converted
	EnteredAt time.Time
	EndedAt   time.Time // zero while it is active
}
