package ingest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dotyk/activities/store"
)

// nobody are words that programs write when they have no id. Taken as ids they would make one customer of many.
var nobody = []string{"undefined", "null", "nil", "none", "nan", "true", "false", "[object object]", "00000000-0000-0000-0000-000000000000"}

// identify takes the ids of a message and checks that its call has those it needs. The id of a group stays in Extra.
func identify(m *store.Message, f fields) *refusal {
	for _, id := range []struct {
		field string
		into  *string
	}{{"userId", &m.UserID}, {"anonymousId", &m.AnonymousID}, {"previousId", &m.PreviousID}} {
		if id.field == "previousId" && m.Call != store.CallAlias && m.Call != store.CallMerge {
			continue
		}
		value, err := readID(id.field, f[id.field])
		if err != nil {
			return err
		}
		*id.into = value
		delete(f, id.field)
	}
	switch {
	case m.Call == store.CallAlias || m.Call == store.CallMerge:
		return needsBoth(m)
	case m.UserID == "" && m.AnonymousID == "":
		return needsOne(f)
	case m.Call == store.CallGroup:
		if group, err := readID("groupId", f["groupId"]); err != nil || group == "" {
			return &refusal{"groupId", "the group has no id", "set groupId to a text"}
		}
	}
	return nil
}

func needsBoth(m *store.Message) *refusal {
	switch {
	case m.UserID == "":
		return &refusal{"userId", fmt.Sprintf("%s has no userId", m.Call), "set userId to the id that the customer has from now on"}
	case m.PreviousID == "":
		return &refusal{"previousId", fmt.Sprintf("%s has no previousId", m.Call), "set previousId to the id that the customer had so far"}
	default:
		return nil
	}
}

func needsOne(f fields) *refusal {
	advice := "set userId for a customer you know, anonymousId for a visitor"
	for _, almost := range []string{"user_id", "userID", "userid", "anonymous_id"} {
		if _, ok := f[almost]; ok {
			advice = fmt.Sprintf("the fields are called userId and anonymousId, not %s", almost)
		}
	}
	return &refusal{"userId", "the message has neither userId nor anonymousId", advice}
}

// readID reads an id: a text, or a whole number as its digits; empty when it is missing.
func readID(field string, raw json.RawMessage) (string, *refusal) {
	if null(raw) {
		return "", nil
	}
	id, ok := textOrWhole(raw)
	id = strings.TrimSpace(id)
	switch {
	case !ok:
		return "", &refusal{field, field + " is neither a text nor a whole number", "send the id as a text"}
	case len(id) > maxID:
		return "", &refusal{field, fmt.Sprintf("%s is longer than %d bytes", field, maxID), "send the id under which your site keeps the customer"}
	case slices.Contains(nobody, strings.ToLower(id)):
		return "", &refusal{
			field, fmt.Sprintf("%s is %q, which programs write when they have no id; all such customers would become one", field, id),
			"leave the field out when there is no id",
		}
	}
	return id, nil
}
