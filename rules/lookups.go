package rules

import (
	"slices"
	"strings"
	"time"

	"dotyk/rules/audience"
)

// inTopic reports whether the customer may be sent messages on a topic now, by the channel named, or by any of the two.
func (r *run) inTopic(topic, channel string) bool {
	policy := r.env.Topics[topic]
	if policy == "" {
		policy = audience.OptOut
	}
	consents := r.consents()
	return slices.ContainsFunc(channelsOf(channel), func(channel audience.Channel) bool {
		said := slices.DeleteFunc(slices.Clone(consents), func(c audience.Consent) bool { return c.Channel != channel })
		return audience.MayContact(topic, policy, said) == ""
	})
}

// consents are those of now and before.
func (r *run) consents() []audience.Consent {
	said := r.env.Consents
	for i := range said {
		if at := instant(said[i].OccurredAt); at.After(r.now) {
			r.changesAt(at)
			return said[:i] // they are in order of time
		}
	}
	return said
}

func channelsOf(channel string) []audience.Channel {
	if channel == "" {
		return []audience.Channel{audience.Email, audience.SMS}
	}
	return []audience.Channel{audience.Channel(channel)}
}

// journeysField looks up journeys(campaign).<name>, as things stood now.
func (r *run) journeysField(campaign, name string) any {
	var runs []audience.Run
	for _, j := range r.env.Journeys[campaign] {
		if entered := instant(j.EnteredAt); entered.After(r.now) {
			r.changesAt(entered)
			continue
		}
		if ended := instant(j.EndedAt); ended.After(r.now) {
			r.changesAt(ended)
			j.Status, j.EndedAt = statusActive, time.Time{}
		}
		runs = append(runs, j)
	}
	is := func(status string) bool {
		return slices.ContainsFunc(runs, func(j audience.Run) bool { return j.Status == status })
	}
	switch name {
	case "active":
		return is(statusActive)
	case "converted":
		return is(statusConverted)
	case "count":
		return int64(len(runs))
	}
	if len(runs) == 0 {
		return nil
	}
	last := runs[len(runs)-1]
	switch name {
	case "status":
		return last.Status
	case "entered_at":
		return present(last.EnteredAt)
	case "ended_at":
		return present(last.EndedAt)
	}
	return nil
}

// The states of a journey that rules ask for.
const (
	statusActive    = "active"
	statusConverted = "converted"
)

func deliveryField(delivery audience.Delivery, known bool, name string) any {
	switch {
	case name == "delivered":
		return delivery.Status == audience.Delivered
	case name == "opened":
		return !delivery.OpenedAt.IsZero()
	case name == "clicked":
		return !delivery.ClickedAt.IsZero()
	case !known:
		return nil
	case name == "status":
		return string(delivery.Status)
	}
	return present(delivery.At)
}

// score looks up what was computed about the customer. rfm and score are numbers, or missing.
func (r *run) score(name string) any {
	value := plain(r.env.Scores[name])
	if strings.HasPrefix(name, "next_best.") {
		return value
	}
	if n, ok := asNumber(value); ok {
		return n.value()
	}
	return nil
}

// mostWithin is the largest number of events that lie within any stretch of time of a length, both ends included.
func (r *run) mostWithin(list []any, window time.Duration) (any, error) {
	most, first := 0, 0
	for i := range list {
		last, ok := list[i].(item)
		if !ok {
			return nil, nil //nolint:nilnil // nil is the missing value
		}
		for list[first].(item).event.OccurredAt.Before(last.event.OccurredAt.Add(-window)) {
			first++
		}
		most = max(most, i-first+1)
	}
	return int64(most), r.spend(2 * len(list))
}
