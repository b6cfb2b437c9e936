package sms

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/twilio/twilio-go/client"

	"dotyk/channels"
)

// kinds judges the error codes of Twilio (https://www.twilio.com/docs/api/errors), both those of an answer (2xxxx) and
// those of a status callback (30xxx).
var kinds = map[int]channels.FailureKind{
	21211: channels.BadAddress, // invalid To
	21217: channels.BadAddress, // not a valid number
	21614: channels.BadAddress, // not a mobile number
	30005: channels.BadAddress, // unknown handset
	30006: channels.BadAddress, // landline or unreachable carrier

	21610: channels.OptedOut, // replied STOP; only START clears it

	21602: channels.BadMessage, // no body
	21617: channels.BadMessage, // body too long
	21619: channels.BadMessage, // no body, media or content
	21623: channels.BadMessage, // bad media

	20003: channels.SenderBlocked, // authentication
	20404: channels.SenderBlocked, // no such account or service
	21219: channels.SenderBlocked, // trial account: number not verified
	21222: channels.SenderBlocked, // account sid has illegal characters
	21224: channels.SenderBlocked, // token has illegal characters
	21408: channels.SenderBlocked, // country not enabled
	21603: channels.SenderBlocked, // no From
	21606: channels.SenderBlocked, // From is not ours or cannot send text
	21608: channels.SenderBlocked, // trial account: number not verified
	21612: channels.SenderBlocked, // no route from this From to this To
	21659: channels.SenderBlocked, // From is not a number or short code of ours
	21660: channels.SenderBlocked, // From belongs to another account
	21701: channels.SenderBlocked, // messaging service does not exist
	21703: channels.SenderBlocked, // messaging service has no numbers
	21704: channels.SenderBlocked, // messaging service has no fitting number
	21705: channels.SenderBlocked, // bad messaging service sid
	30002: channels.SenderBlocked, // account suspended
	30004: channels.SenderBlocked, // blocked
	30007: channels.SenderBlocked, // filtered by the carrier
	30034: channels.SenderBlocked, // number not registered for A2P 10DLC
	30450: channels.SenderBlocked, // taken for SMS pumping
	30610: channels.SenderBlocked, // within the recipient's quiet hours
	30640: channels.SenderBlocked, // number of a known litigator

	20429: channels.Temporary, // too many requests
	21611: channels.Temporary, // queue of the From number is full
	30001: channels.Temporary, // queue overflow
	30003: channels.Temporary, // handset unreachable
	30008: channels.Temporary, // unknown error
	30036: channels.Temporary, // validity period expired
}

// KindOfCode judges an error code of an answer or of a status callback. ok is false for codes it does not know.
func KindOfCode(code int) (kind channels.FailureKind, ok bool) {
	kind, ok = kinds[code]
	return kind, ok
}

// classify says what err means for the message. Only what Twilio itself refused in its own words, and what never got a
// connection, was certainly not sent.
func classify(ctx context.Context, c *call, err error) *channels.SendError {
	e := &channels.SendError{Kind: channels.Unknown, Detail: err.Error(), RetryAfter: c.retryAfter, Err: err}
	refusal, ok := errors.AsType[*client.TwilioRestError](err)
	if ok && refusal.Code != 0 {
		e.Code, e.Detail = strconv.Itoa(refusal.Code), refusal.Message
	}
	switch {
	case c.status == http.StatusTooManyRequests:
		e.Kind = channels.Temporary
	case c.status == 0 && ok: // refused by the client library before any connection
		e.Kind = kindOfRefusal(refusal.Code, refusal.Status)
	case c.status == 0 && !c.connected.Load():
		e.Kind = channels.Unreachable
		if cause := context.Cause(ctx); cause != nil {
			e.Kind = channels.Temporary
			e.Err = errors.Join(cause, err)
		}
	case c.status >= 400 && c.status < 500 && ok && refusal.Code != 0:
		e.Kind = kindOfRefusal(refusal.Code, c.status)
	}
	return e
}

func kindOfRefusal(code, status int) channels.FailureKind {
	if kind, ok := KindOfCode(code); ok {
		return kind
	}
	switch status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound:
		return channels.SenderBlocked
	default:
		return channels.BadMessage
	}
}
