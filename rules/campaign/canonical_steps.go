package campaign

import (
	"dotyk/rules"
)

// The canonical form of steps. The order of the fields here is their order in it.
type (
	formStep struct {
		Email   *formEmail   `json:"email,omitempty"`
		SMS     *formSMS     `json:"sms,omitempty"`
		Call    *formCall    `json:"call,omitempty"`
		Task    *formTask    `json:"task,omitempty"`
		Note    *formNote    `json:"note,omitempty"`
		Owner   *formOwner   `json:"owner,omitempty"`
		Coupon  *formCoupon  `json:"coupon,omitempty"`
		Webhook *formWebhook `json:"webhook,omitempty"`
		Journey *formJourney `json:"journey,omitempty"`
		Wait    *formWait    `json:"wait,omitempty"`
		WaitFor *formWaitFor `json:"wait_for,omitempty"`
		Branch  *formBranch  `json:"branch,omitempty"`
		Split   *formSplit   `json:"split,omitempty"`
		Decide  *formDecide  `json:"decide,omitempty"`
		Repeat  *formRepeat  `json:"repeat,omitempty"`
		Update  *formUpdate  `json:"update,omitempty"`
		Exit    *formExit    `json:"exit,omitempty"`
	}
	formEmail struct {
		ID       string `json:"id"`
		Template string `json:"template,omitempty"`
		Subject  string `json:"subject,omitempty"`
		HTML     string `json:"html,omitempty"`
		Text     string `json:"text,omitempty"`
		formSending
	}
	formSMS struct {
		ID       string `json:"id"`
		Text     string `json:"text,omitempty"`
		Template string `json:"template,omitempty"`
		formSending
	}
	formSending struct {
		Quiet    string    `json:"quiet,omitempty"`
		Expires  string    `json:"expires,omitempty"`
		Fallback *formStep `json:"fallback,omitempty"`
	}
	formCall struct {
		ID     string        `json:"id"`
		Title  string        `json:"title"`
		Script string        `json:"script,omitempty"`
		For    *formAssignee `json:"for,omitempty"`
		Due    string        `json:"due,omitempty"`
		Dial   bool          `json:"dial,omitempty"`
	}
	formTask struct {
		ID    string        `json:"id"`
		Title string        `json:"title"`
		Text  string        `json:"text,omitempty"`
		For   *formAssignee `json:"for,omitempty"`
		Due   string        `json:"due,omitempty"`
	}
	formAssignee struct {
		User       string   `json:"user,omitempty"`
		RoundRobin []string `json:"round_robin,omitempty"`
		Rule       string   `json:"rule,omitempty"`
	}
	formNote struct {
		ID   string `json:"id"`
		Text string `json:"text"`
	}
	formOwner struct {
		ID      string        `json:"id"`
		To      *formAssignee `json:"to"`
		Replace bool          `json:"replace,omitempty"`
	}
	formCoupon struct {
		ID           string        `json:"id"`
		Pool         string        `json:"pool,omitempty"`
		Prefix       string        `json:"prefix,omitempty"`
		Expires      string        `json:"expires,omitempty"`
		Redeemed     *formRedeemed `json:"redeemed,omitempty"`
		Transferable bool          `json:"transferable,omitempty"`
	}
	formRedeemed struct {
		Event    string `json:"event,omitempty"`
		Property string `json:"property,omitempty"`
	}
	formWebhook struct {
		ID      string            `json:"id"`
		URL     string            `json:"url"`
		Method  string            `json:"method,omitempty"`
		Headers map[string]string `json:"headers,omitempty"` // encoding/json sorts the names
		Body    map[string]string `json:"body,omitempty"`
		Wait    bool              `json:"wait,omitempty"`
		Timeout string            `json:"timeout,omitempty"`
	}
	formJourney struct {
		ID       string            `json:"id"`
		Campaign string            `json:"campaign"`
		Data     map[string]string `json:"data,omitempty"`
		Wait     bool              `json:"wait,omitempty"`
		Timeout  string            `json:"timeout,omitempty"`
	}
	formWait struct {
		ID      string `json:"id"`
		For     string `json:"for,omitempty"`
		Until   string `json:"until,omitempty"`
		Weekday string `json:"weekday,omitempty"`
		Yearly  bool   `json:"yearly,omitempty"`
		Offset  string `json:"offset,omitempty"`
		At      string `json:"at,omitempty"`
		Zone    string `json:"zone,omitempty"`
		IfPast  string `json:"if_past,omitempty"`
	}
	formWaitFor struct {
		ID      string `json:"id"`
		Event   string `json:"event,omitempty"`
		When    string `json:"when,omitempty"`
		Rule    string `json:"rule,omitempty"`
		Quiet   string `json:"quiet,omitempty"`
		Timeout string `json:"timeout"`
	}
	formBranch struct {
		ID   string `json:"id"`
		Arms []any  `json:"arms"` // formArm or formElse
	}
	formArm struct {
		When  string     `json:"when"`
		Steps []formStep `json:"steps"`
	}
	formElse struct {
		Else []formStep `json:"else"`
	}
	formSplit struct {
		ID      string    `json:"id"`
		Arms    []formWay `json:"arms"`
		By      string    `json:"by,omitempty"`
		After   string    `json:"after,omitempty"`
		Alpha   float64   `json:"alpha,omitempty"`
		Default string    `json:"default,omitempty"`
	}
	formWay struct {
		Name  string     `json:"name"`
		Share string     `json:"share"`
		Steps []formStep `json:"steps,omitempty"`
	}
	formDecide struct {
		ID    string `json:"id"`
		First []any  `json:"first"` // formChoice or formOtherwise
	}
	formChoice struct {
		When  string `json:"when"`
		Value any    `json:"value"`
	}
	formOtherwise struct {
		Else any `json:"else"`
	}
	formRepeat struct {
		ID    string     `json:"id"`
		While string     `json:"while,omitempty"`
		Max   int        `json:"max"`
		Steps []formStep `json:"steps"`
	}
	formUpdate struct {
		ID         string            `json:"id"`
		Set        map[string]string `json:"set,omitempty"`
		Add        map[string]string `json:"add,omitempty"`
		AddTags    []string          `json:"add_tags,omitempty"`
		RemoveTags []string          `json:"remove_tags,omitempty"`
		AddTo      []string          `json:"add_to,omitempty"`
		RemoveFrom []string          `json:"remove_from,omitempty"`
	}
	formExit struct {
		ID     string `json:"id"`
		Reason string `json:"reason"`
	}
)

func canonicalSteps(steps []Step) []formStep {
	forms := make([]formStep, len(steps))
	for i, step := range steps {
		forms[i] = canonicalStep(step)
	}
	return forms
}

func canonicalStep(step Step) formStep {
	switch s := step.(type) {
	case *EmailStep:
		return formStep{Email: &formEmail{
			ID: s.ID, Template: s.Template, Subject: s.Subject, HTML: s.HTML, Text: s.Text,
			formSending: canonicalSending(s.Sending),
		}}
	case *SMSStep:
		return formStep{SMS: &formSMS{
			ID: s.ID, Text: s.Text, Template: s.Template, formSending: canonicalSending(s.Sending),
		}}
	case *CallStep:
		return formStep{Call: &formCall{
			ID: s.ID, Title: s.Title, Script: s.Script, For: canonicalAssignee(s.For), Due: optional(s.Due),
			Dial: s.Dial,
		}}
	case *TaskStep:
		return formStep{Task: &formTask{
			ID: s.ID, Title: s.Title, Text: s.Text, For: canonicalAssignee(s.For), Due: optional(s.Due),
		}}
	case *NoteStep:
		return formStep{Note: &formNote{ID: s.ID, Text: s.Text}}
	case *OwnerStep:
		return formStep{Owner: &formOwner{ID: s.ID, To: canonicalAssignee(s.To), Replace: s.Replace}}
	case *CouponStep:
		return formStep{Coupon: canonicalCoupon(s)}
	case *WebhookStep:
		return formStep{Webhook: &formWebhook{
			ID: s.ID, URL: s.URL, Method: unless(s.Method, methods[0]), Headers: s.Headers, Body: sources(s.Body),
			Wait:    s.Wait,
			Timeout: optionalUnless(s.Timeout, defaultWebhookTimeout),
		}}
	case *JourneyStep:
		return formStep{Journey: &formJourney{
			ID: s.ID, Campaign: s.Campaign, Data: sources(s.Data), Wait: s.Wait, Timeout: optional(s.Timeout),
		}}
	case *WaitStep:
		return formStep{Wait: canonicalWait(s)}
	case *WaitForStep:
		return formStep{WaitFor: &formWaitFor{
			ID: s.ID, Event: s.Event, When: source(s.When), Rule: source(s.Rule), Quiet: optional(s.Quiet),
			Timeout: optional(s.Timeout),
		}}
	case *BranchStep:
		return formStep{Branch: canonicalBranch(s)}
	case *SplitStep:
		return formStep{Split: canonicalSplit(s)}
	case *DecideStep:
		return formStep{Decide: canonicalDecide(s)}
	case *RepeatStep:
		return formStep{Repeat: &formRepeat{ID: s.ID, While: source(s.While), Max: s.Max, Steps: canonicalSteps(s.Steps)}}
	case *UpdateStep:
		return formStep{Update: &formUpdate{
			ID: s.ID, Set: sources(s.Set), Add: sources(s.Add), AddTags: s.AddTags, RemoveTags: s.RemoveTags,
			AddTo: s.AddTo, RemoveFrom: s.RemoveFrom,
		}}
	case *ExitStep:
		return formStep{Exit: &formExit{ID: s.ID, Reason: s.Reason}}
	}
	return formStep{}
}

func canonicalSending(s Sending) formSending {
	form := formSending{
		Quiet: unless(string(s.Quiet), string(QuietWait)), Expires: optionalUnless(s.Expires, DefaultExpires),
	}
	if s.Fallback != nil {
		fallback := canonicalStep(s.Fallback)
		form.Fallback = &fallback
	}
	return form
}

// canonicalAssignee is nil for the customer's owner, the default.
func canonicalAssignee(a Assignee) *formAssignee {
	if a.Owner {
		return nil
	}
	return &formAssignee{User: a.User, RoundRobin: a.Among, Rule: source(a.Rule)}
}

func canonicalCoupon(s *CouponStep) *formCoupon {
	form := &formCoupon{
		ID: s.ID, Pool: s.Pool, Prefix: s.Prefix, Expires: optional(s.Expires), Transferable: s.Transferable,
	}
	redeemed := formRedeemed{Event: unless(s.Event, redeemEvent), Property: unless(s.Property, redeemProperty)}
	if redeemed != (formRedeemed{}) {
		form.Redeemed = &redeemed
	}
	return form
}

func canonicalWait(s *WaitStep) *formWait {
	u := s.Until
	if u == nil {
		return &formWait{ID: s.ID, For: rules.FormatDuration(s.For)}
	}
	form := &formWait{
		ID: s.ID, Until: source(u.Moment), Weekday: u.Days.String(), Yearly: u.Yearly, Zone: unless(u.Zone, ZoneCustomer),
		IfPast: unless(string(u.IfPast), string(PastGo)),
	}
	if u.Clock != nil {
		form.Until = u.Clock.String()
	}
	if u.Offset != 0 {
		form.Offset = formatOffset(u.Offset)
	}
	if u.At != nil {
		form.At = u.At.String()
	}
	return form
}

func canonicalBranch(s *BranchStep) *formBranch {
	form := &formBranch{ID: s.ID}
	for _, arm := range s.Arms {
		if arm.When == nil {
			form.Arms = append(form.Arms, formElse{Else: canonicalSteps(arm.Steps)})
		} else {
			form.Arms = append(form.Arms, formArm{When: arm.When.Source(), Steps: canonicalSteps(arm.Steps)})
		}
	}
	return form
}

func canonicalSplit(s *SplitStep) *formSplit {
	form := &formSplit{ID: s.ID, By: string(s.By), After: optional(s.After)}
	first := ""
	for _, arm := range s.Arms {
		if first == "" && !arm.Winner {
			first = arm.Name
		}
		form.Arms = append(form.Arms,
			formWay{Name: arm.Name, Share: arm.Share.String(), Steps: canonicalSteps(arm.Steps)})
	}
	form.Default = unless(s.Default, first)
	if s.Alpha != defaultAlpha {
		form.Alpha = s.Alpha
	}
	return form
}

func canonicalDecide(s *DecideStep) *formDecide {
	form := &formDecide{ID: s.ID}
	for _, choice := range s.First {
		if choice.When == nil {
			form.First = append(form.First, formOtherwise{Else: choice.Value})
		} else {
			form.First = append(form.First, formChoice{When: choice.When.Source(), Value: choice.Value})
		}
	}
	return form
}

// sources are the texts of the rules of assignments, by name.
func sources(assignments []Assignment) map[string]string {
	if len(assignments) == 0 {
		return nil
	}
	texts := make(map[string]string, len(assignments))
	for _, a := range assignments {
		texts[a.Attribute] = a.Value.Source()
	}
	return texts
}
