package campaign

import (
	"time"

	"dotyk/rules/audience"
)

// Contact is what is known about reaching a customer by a channel.
type Contact struct {
	Channel    audience.Channel
	Customer   audience.Customer
	Suppressed string               // why the address must not be contacted; "" where it may
	Topic      audience.TopicPolicy // of the campaign's topic; "" is audience.OptOut
	Consents   []audience.Consent   // on all channels, newest last
	Sent       []Message            // the marketing messages that caps look at, oldest first
}

// Unreachable says why messages of the campaign could not reach a customer now, under the policy of the workspace; ""
// where they could.
func (d *Definition) Unreachable(c Contact, p Policy, now time.Time) string {
	address, missing := c.Customer.Email, "no e-mail address on the record"
	if c.Channel != audience.Email {
		address, missing = c.Customer.Phone, "no phone number on the record"
	}
	switch {
	case address == "":
		return missing
	case c.Suppressed != "":
		return c.Suppressed
	case d.Transactional:
		return ""
	}
	var said []audience.Consent
	for _, consent := range c.Consents {
		if consent.Channel == c.Channel {
			said = append(said, consent)
		}
	}
	if refusal := audience.MayContact(d.Topic, c.Topic, said); refusal != "" {
		return string(refusal)
	}
	m := Message{Channel: c.Channel, Topic: d.Topic, Campaign: d.Name, Priority: d.Priority, At: now}
	if ok, why := p.Slot(m, c.Sent, nil); !ok {
		return why
	}
	return ""
}
