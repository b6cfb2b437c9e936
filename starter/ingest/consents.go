package ingest

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"dotyk/rules/audience"
)

// MethodAPI and MethodForm are how a consent reached the ledger.
const (
	MethodAPI  = "api"
	MethodForm = "form"
)

// channels are those that need consent.
var channels = [...]audience.Channel{audience.Email, audience.SMS}

// unsubscribed reads {"unsubscribed": true}: the customer refuses all topics on all channels. false says nothing: a
// default that a site sends with every call must not undo what the customer decided.
func (pr *profileReader) unsubscribed(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	refused, ok := boolean(raw)
	if !ok {
		return &FieldError{Reason: "this is neither true nor false", Advice: "send true, or leave it out"}
	}
	if refused {
		for _, channel := range channels {
			pr.consent(channel, audience.AllTopics, audience.Withdrawn)
		}
	}
	return nil
}

// topics reads {"topics": {"news": true, "offers": false}}: what the customer allows on all channels.
func (pr *profileReader) topics(raw json.RawMessage) error {
	if null(raw) || emptyList(raw) {
		return nil
	}
	topics, err := readTopics(raw)
	if err != nil {
		return err
	}
	for _, channel := range channels {
		pr.consentTo(channel, topics)
	}
	return nil
}

// consents reads {"consents": {"email": {"news": true}, "sms": false}}: what the customer allows on one channel, by
// topic or altogether.
func (pr *profileReader) consents(raw json.RawMessage) error {
	if null(raw) || emptyList(raw) {
		return nil
	}
	const advice = `send channels, and in each its topics, such as {"email":{"news":true}}`
	var byChannel fields
	if err := json.Unmarshal(raw, &byChannel); err != nil {
		return &FieldError{Reason: "this is not an object", Advice: advice}
	}
	all := map[audience.Channel]map[string]bool{}
	for name, raw := range byChannel {
		channel := audience.Channel(strings.ToLower(name))
		if !slices.Contains(channels[:], channel) {
			return &FieldError{Reason: "only email and sms need consents", Advice: advice}
		}
		if value, ok := boolean(raw); ok {
			all[channel] = map[string]bool{audience.AllTopics: value}
			continue
		}
		topics, err := readTopics(raw)
		if err != nil {
			return err
		}
		all[channel] = topics
	}
	for _, channel := range channels {
		pr.consentTo(channel, all[channel])
	}
	return nil
}

func readTopics(raw json.RawMessage) (map[string]bool, error) {
	wrong := &FieldError{Reason: "this is not a set of topics with true or false", Advice: `send an object such as {"news":true,"offers":false}`}
	var byName map[string]*bool
	if err := json.Unmarshal(raw, &byName); err != nil || len(byName) > maxTags {
		return nil, wrong
	}
	topics := make(map[string]bool, len(byName))
	for name, value := range byName {
		if value == nil || strings.TrimSpace(name) == "" || len(name) > maxName {
			return nil, wrong
		}
		topics[strings.TrimSpace(name)] = *value
	}
	return topics, nil
}

// consentTo writes topics in a fixed order, so that equal messages give equal ledgers.
func (pr *profileReader) consentTo(channel audience.Channel, topics map[string]bool) {
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		action := audience.Withdrawn
		if topics[topic] {
			action = audience.Granted
		}
		pr.consent(channel, topic, action)
	}
}

func (pr *profileReader) consent(channel audience.Channel, topic string, action audience.ConsentAction) {
	pr.out.Consents = append(pr.out.Consents, audience.Consent{
		Channel: channel, Topic: topic, Action: action, OccurredAt: pr.m.OccurredAt, Method: MethodAPI, Source: pr.r.p.Source,
	})
}

// sortedKeys puts the fields in an order in which a general refusal comes after consents to single topics, and so
// wins where a message holds both.
func sortedKeys(f fields) []string { return slices.Sorted(maps.Keys(f)) }
