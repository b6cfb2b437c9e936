package channels

import (
	"context"
	"time"
)

// SMSLedger knows what senders of text messages have sent, whichever process sent it: a *store.Store.
type SMSLedger interface {
	// SMSPlan gives the settings of a workspace, and which sender wrote to a number last; "" for none.
	SMSPlan(ctx context.Context, workspace int64, to string) (t TelephonySettings, last string, err error)
	// TakeSegments takes segments out of what a sender may send, or takes none where that would be too many.
	TakeSegments(ctx context.Context, workspace int64, q SegmentQuota) (SegmentsTaken, error)
}

// SegmentQuota asks for segments of a sender.
type SegmentQuota struct {
	Sender   string // as SMSSenderSettings.From
	To       string // E.164: from now on this sender is the one that writes to it
	Segments int
	Rate     float64       // segments a second; 0 for no limit
	Daily    int           // segments in a day of UTC; 0 for no limit
	Ahead    time.Duration // how far the sender may be ahead of its rate
	Patience time.Duration // how long the asker is ready to wait beyond that
}

// SegmentsTaken is the answer to a SegmentQuota.
type SegmentsTaken struct {
	OK   bool
	Wait time.Duration // before the message is sent; where not OK, before it is worth asking again
	Used bool          // not OK because the day's segments are used up
}
