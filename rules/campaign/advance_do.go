package campaign

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/shopspring/decimal"

	"dotyk/rules/audience"
)

// ownerAttribute is the attribute of the customer that holds the e-mail address of her owner.
const ownerAttribute = "owner"

// assign evaluates whom work is for.
func (w *walker) assign(to Assignee, step string) Assign {
	assign := Assign{Owner: to.Owner, User: to.User, Among: to.Among}
	if to.Rule == nil {
		return assign
	}
	value, err := to.Rule.Value(w.env(nil, w.at))
	if err != nil {
		w.fault(to.Rule, step, nil, to.Rule.Values(w.env(nil, w.at)), err)
		return assign
	}
	assign.User, _ = value.(string) // the rule gives text, or missing
	return assign
}

// owner asks for an owner, unless there is one already or the rule names nobody.
func (w *walker) owner(s *OwnerStep, iteration int) {
	if has, _ := w.f.Customer.Attributes[ownerAttribute].(string); has != "" && !s.Replace {
		return
	}
	assign := w.assign(s.To, s.ID)
	if assign.User == "" && len(assign.Among) == 0 {
		return
	}
	w.plan(AssignOwner{Step: s.ID, Iteration: iteration, Assign: assign})
	if assign.User != "" {
		w.f.Customer = applied(w.f.Customer, UpdateCustomer{Set: map[string]any{ownerAttribute: assign.User}})
	}
}

// coupon asks for a code. Later rules of the same call know when it expires, but not yet what it is.
func (w *walker) coupon(s *CouponStep, iteration int) {
	expires := w.after(s.Expires)
	w.plan(IssueCoupon{Step: s.ID, Iteration: iteration, Coupon: s, ExpiresAt: expires})
	coupons := maps.Clone(w.f.Coupons)
	if coupons == nil {
		coupons = map[string]Coupon{}
	}
	coupons[s.ID] = Coupon{ExpiresAt: expires}
	w.f.Coupons, w.results = coupons, nil
}

func (w *walker) webhook(s *WebhookStep, iteration int, reason string) {
	w.forget(s.ID)
	w.plan(PlanWebhook{
		Step: s.ID, Iteration: iteration, Webhook: s, Body: w.values(s.Body, s.ID), Reason: reason, At: w.at,
	})
}

func (w *walker) journey(s *JourneyStep, iteration int) {
	w.forget(s.ID)
	w.plan(StartJourney{
		Step: s.ID, Iteration: iteration, Campaign: s.Campaign, Data: w.values(s.Data, s.ID), Wait: s.Wait,
	})
}

// values evaluates the fields of data. One that cannot be evaluated is left out; nil is given for no fields at all.
func (w *walker) values(list []Assignment, step string) map[string]any {
	if len(list) == 0 {
		return nil
	}
	values := make(map[string]any, len(list))
	env := w.env(nil, w.at)
	for _, a := range list {
		value, err := a.Value.Value(env)
		if err != nil {
			w.fault(a.Value, step, nil, a.Value.Values(env), err)
			continue
		}
		values[a.Attribute] = value
	}
	return values
}

// sent lets later rules of the same call see the message as planned, as they would in a later call.
func (w *walker) sent(id string) {
	sent := maps.Clone(w.f.Sent)
	if sent == nil {
		sent = map[string]audience.Delivery{}
	}
	sent[id] = audience.Delivery{Status: audience.Planned, At: w.at}
	w.f.Sent = sent
}

// update asks for the change, and lets later rules of the same call see it.
func (w *walker) update(s *UpdateStep) {
	effect := UpdateCustomer{
		Step: s.ID, Set: w.values(s.Set, s.ID), Add: w.sums(s), AddTags: s.AddTags, RemoveTags: s.RemoveTags,
		AddTo: s.AddTo, RemoveFrom: s.RemoveFrom,
	}
	if len(effect.Set)+len(effect.Add)+len(s.AddTags)+len(s.RemoveTags)+len(s.AddTo)+len(s.RemoveFrom) == 0 {
		return // no value could be computed
	}
	w.f.Customer = applied(w.f.Customer, effect)
	w.belong(s)
	w.plan(effect)
}

// sums evaluates what is added to attributes. What is no number adds nothing, and to what holds no number nothing is added:
// the value that is there would be lost.
func (w *walker) sums(s *UpdateStep) map[string]any {
	add := w.values(s.Add, s.ID)
	for _, a := range s.Add {
		by, evaluated := add[a.Attribute]
		if !evaluated {
			continue
		}
		has := w.f.Customer.Attributes[a.Attribute]
		if _, number := decimalOf(has); has != nil && !number {
			w.leaveAlone(s.ID, a, has)
			delete(add, a.Attribute)
		} else if _, number := decimalOf(by); !number {
			delete(add, a.Attribute)
		}
	}
	return add
}

// leaveAlone records that an attribute keeps the value that it has.
func (w *walker) leaveAlone(step string, a Assignment, has any) {
	mention := "customer." + a.Attribute
	w.effects = append(w.effects, RecordDecision{
		Step: step, Kind: DecisionError, Outcome: "left as it is", Rule: a.Value.Source(),
		Reason: fmt.Sprintf("nothing was added to %s: it holds no number, and keeps its value", mention),
		Values: map[string]any{mention: has},
	})
}

// belong lets later rules of the same call see in which lists the customer is.
func (w *walker) belong(s *UpdateStep) {
	if len(s.AddTo)+len(s.RemoveFrom) == 0 {
		return
	}
	segments := maps.Clone(w.f.Segments)
	if segments == nil {
		segments = map[string]bool{}
	}
	for _, list := range s.AddTo {
		segments[list] = true
	}
	for _, list := range s.RemoveFrom {
		delete(segments, list)
	}
	w.f.Segments = segments
}

// applied gives a customer as the record will be after an update.
func applied(c audience.Customer, u UpdateCustomer) audience.Customer {
	c.Attributes = maps.Clone(c.Attributes)
	if c.Attributes == nil {
		c.Attributes = map[string]any{}
	}
	for name, value := range u.Set {
		text, _ := value.(string) // the rule of a field of the record gives text, or missing, which is "" there
		switch name {
		case "name":
			c.Name = text
		case "locale":
			c.Locale = text
		case "timezone":
			c.Timezone = text
		case "stage":
			c.Stage = text
		default:
			if value == nil {
				delete(c.Attributes, name)
			} else {
				c.Attributes[name] = value
			}
		}
	}
	for name, value := range u.Add {
		have, _ := decimalOf(c.Attributes[name]) // 0 where there is none
		more, _ := decimalOf(value)
		c.Attributes[name] = json.Number(have.Add(more).String())
	}
	tags := slices.DeleteFunc(slices.Clone(c.Tags), func(tag string) bool { return slices.Contains(u.RemoveTags, tag) })
	tags = append(tags, u.AddTags...)
	slices.Sort(tags)
	c.Tags = slices.Compact(tags)
	return c
}

// decimalOf reads a number as data and rules give it.
func decimalOf(v any) (decimal.Decimal, bool) {
	switch v := v.(type) {
	case int:
		return decimal.NewFromInt(int64(v)), true
	case int64:
		return decimal.NewFromInt(v), true
	case float64:
		return decimal.NewFromFloat(v), true
	case json.Number:
		d, err := decimal.NewFromString(v.String())
		return d, err == nil
	}
	return decimal.Decimal{}, false
}
