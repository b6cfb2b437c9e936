package campaign

// The groups of fields of the language, in the order of the reference.
var (
	objCampaign = &object{name: "campaign", what: "a campaign", fields: []attribute{
		{"campaign", kindName, true, "the campaign's name"},
		{"trigger", group("trigger"), true, "what makes customers enter"},
		{"key", kindRule, false, "gives each value a journey of its own; events with that value concern that journey"},
		{
			"reenter", either(oneOf("never", "always"), group("reenter")), false,
			"whether a customer may enter again; default never",
		},
		{"concurrent", kindFlag, false, "whether a customer may have several journeys at one time; default false"},
		{
			"reachable", noEmptyList(listOf(oneOf("email", "sms"))), false,
			"channels by which a customer must be reachable to enter",
		},
		{"holdout", kindShare, false, "the part that is kept out, to compare with"},
		{"topic", kindName, false, "the consent that the messages need"},
		{
			"transactional", kindFlag, false,
			"service messages, which need no consent and know no marketing limits; default false",
		},
		{
			"priority", whole(0, maxPriority), false,
			"which campaign comes first where several want the same customer, the higher first: 0 to 100; default 0",
		},
		{"tracking", kindFlag, false, "whether e-mails tell when they are opened and their links followed; default true"},
		{
			"brakes", either(oneOf(noBrakes), group("brakes")), false,
			"limits past which the campaign is paused by itself; default those of the workspace, for service messages none",
		},
		{"goal", group("goal"), false, "the event that the campaign is for; it ends the journey as converted"},
		{
			"exit", either(kindRule, group("exit"), listOf(either(kindRule, group("exit")))), false,
			"what makes a journey leave early",
		},
		{"steps", noEmptyList(kindSteps), true, "what the campaign does"},
	}}
	objReenter = &object{name: "reenter", what: "reenter", single: true, fields: []attribute{
		{"after", kindDuration, false, "at most once in this time, counted from the entry before"},
		{
			"when", kindRule, false,
			"if this holds when the journey before has ended; it sees previous.at, .ended_at, .status and .reason",
		},
	}}
	objBrakes = &object{name: "brakes", what: "brakes", fields: []attribute{
		{"failures", kindShare, false, "part of the messages that may be refused or come back"},
		{"bounces", kindShare, false, "part of the messages that may fail because of the address"},
		{"complaints", kindShare, false, "part of the messages that recipients may call spam"},
		{"unsubscribes", kindShare, false, "part of the messages that may make their recipients unsubscribe"},
		{"spend", kindAmount, false, "what the messages may cost, in the workspace's currency"},
		{"per", kindDuration, false, "the time that is looked at, up to now: 1m to 7d"},
		{"after", whole(1, maxBrakeAfter), false, "messages in that time before any part of them counts"},
	}}
	kindAmount = kind{"amount, as in 49.90", map[string]any{"anyOf": []any{
		map[string]any{"type": "number", "minimum": 0},
		map[string]any{"type": "string", "pattern": amountPattern.String()},
	}}}
	objGoal = &object{name: "goal", what: "a goal", fields: []attribute{
		{"event", kindName, true, "name of the event"},
		{
			"when", kindRule, false,
			"counts only such events; the rule sees event and entry, and the results of coupon steps",
		},
		{"within", kindDuration, false, "counts only that long after the entry"},
	}}
	objExit = &object{name: "exit", what: "an exit", fields: []attribute{
		{"event", kindName, true, "name of the event"},
		{
			"when", kindRule, false,
			"counts only such events; the rule sees event and entry, and the results of coupon steps",
		},
	}}

	objTrigger = &object{name: "trigger", what: "a trigger", fields: []attribute{
		{"event", kindName, false, "enter when this event happens"},
		{"segment", either(kindName, group("segment")), false, "enter on joining or leaving a segment"},
		{"schedule", group("schedule"), false, "enter again and again, at set times"},
		{"date", group("date"), false, "enter on, before or after a date on the record"},
		{
			"audience", either(kindRule, group("audience")), false,
			"enter if a rule holds; the rule true stands for everyone",
		},
		{"api", either(onlyTrue, group("api")), false, "enter only if a program, a person or another campaign says so"},
		{"when", kindRule, false, "beside event, segment or date: only if this holds"},
	}}
	objSegment = &object{name: "segment", what: "a segment", fields: []attribute{
		{"entered", kindName, false, "name of the segment that is joined"},
		{"left", kindName, false, "name of the segment that is left"},
		{
			"existing", kindFlag, false,
			"with entered: also those who are members when the campaign is published; default false",
		},
	}}
	objSchedule = &object{name: "schedule", what: "a schedule", fields: []attribute{
		{"cron", kindName, false, "cron expression of five fields, or a word such as @daily"},
		{"rrule", kindName, false, "recurrence rule of RFC 5545"},
		{"zone", kindZone, false, "whose clock is meant; default workspace"},
		{"audience", kindRule, true, "who enters"},
		{"from", kindTime, false, "no moment before"},
		{"to", kindTime, false, "no moment after"},
	}}
	objDate = &object{name: "date", what: "a date", fields: []attribute{
		{"attribute", kindName, true, "of the customer: holds the date"},
		{"offset", kindSigned, false, "in whole days; default 0d"},
		{"at", kindClock, false, "time of day; default 09:00"},
		{"yearly", kindFlag, false, "each year anew; default false"},
		{"zone", kindZone, false, "whose clock is meant; default customer"},
	}}
	objAudience = &object{name: "audience", what: "an audience", fields: []attribute{
		{"rule", kindRule, true, "who enters"},
		{
			"once", kindFlag, false,
			"everyone is judged one time; false: later also those for whom the rule comes to hold; default true",
		},
		{"at", kindTime, false, "when everyone is judged; default when the campaign is published"},
	}}
	objAPI = &object{name: "api", what: "an api trigger", fields: []attribute{
		{"when", kindRule, true, "only if this holds; the rule sees entry, the data that was given"},
	}}

	objStep = &object{name: "step", what: "a step", single: true, fields: []attribute{
		{"email", group("email"), false, "send an e-mail"},
		{"sms", group("sms"), false, "send a text message"},
		{"call", group("call"), false, "have a person call the customer"},
		{"task", group("task"), false, "give a person something to do"},
		{"note", either(kindLiquid, group("note")), false, "write a note on the record"},
		{"owner", group("owner"), false, "give the customer an owner"},
		{"update", group("update"), false, "change the record"},
		{"coupon", group("coupon"), false, "give the customer a code"},
		{"webhook", group("webhook"), false, "send a request to a server"},
		{"journey", group("journey"), false, "put the customer into another campaign"},
		{"wait", either(kindDuration, group("wait")), false, "let time pass, or wait for a moment"},
		{"wait_for", group("wait_for"), false, "wait for an event, or until a rule holds"},
		{
			"branch", either(noEmptyList(listOf(group("arm"))), group("branch")), false,
			"go the first way whose rule holds",
		},
		{"split", group("split"), false, "go one way by chance"},
		{"decide", group("decide"), false, "choose a value for later steps"},
		{"repeat", group("repeat"), false, "carry out steps again and again"},
		{"exit", either(kindName, kindNull, group("leave")), false, "end the journey"},
	}}
	fieldID  = attribute{"id", kindID, false, "the name by which rules call the step; default its kind and place"}
	objEmail = &object{name: "email", what: "an email", fields: append([]attribute{
		fieldID,
		{"template", kindName, false, "name of a stored template; else subject, and html or text or both"},
		{"subject", kindLiquid, false, "of an e-mail with its content in place"},
		{"html", kindLiquid, false, "HTML"},
		{"text", kindLiquid, false, "plain text"},
	}, sendingFields...)}
	objSMS = &object{name: "sms", what: "an sms", fields: append([]attribute{
		fieldID,
		{"text", kindLiquid, false, "what it says; else a template"},
		{"template", kindName, false, "name of a stored template"},
	}, sendingFields...)}
	sendingFields = []attribute{
		{
			"quiet", oneOf("wait", "skip", "ignore"), false,
			"in quiet hours: wait until they end, skip the message, or ignore them; default wait",
		},
		{"expires", kindDuration, false, "how long the message is wanted; default 3d"},
		{"fallback", group("fallback"), false, "what is sent where this one cannot be sent"},
	}
	objFallback = &object{name: "fallback", what: "a fallback", single: true, fields: []attribute{
		{"email", group("email"), false, "send an e-mail instead"},
		{"sms", group("sms"), false, "send a text message instead"},
	}}
	objCall = &object{name: "call", what: "a call", fields: []attribute{
		fieldID,
		{"title", kindLiquid, true, "what it is about"},
		{"script", kindLiquid, false, "what to say"},
		{"for", forKind, false, "who calls; default owner"},
		{"due", kindDuration, false, "how long after the step"},
		{"dial", kindFlag, false, "whether a click dials; default false"},
	}}
	objTask = &object{name: "task", what: "a task", fields: []attribute{
		fieldID,
		{"title", kindLiquid, true, "what to do"},
		{"text", kindLiquid, false, "more about it"},
		{"for", forKind, false, "who does it; default owner"},
		{"due", kindDuration, false, "how long after the step"},
	}}
	forKind     = either(oneOf("owner"), group("assignee"))
	objAssignee = &object{name: "assignee", what: "an assignee", single: true, fields: []attribute{
		{"user", kindUser, false, "this user"},
		{"round_robin", noEmptyList(listOf(kindUser)), false, "each of these users in turn"},
		{"rule", kindRule, false, "gives the e-mail address of a user"},
	}}
	objOwner = &object{name: "owner", what: "an owner step", fields: []attribute{
		fieldID,
		{"to", group("assignee"), true, "who becomes the owner"},
		{"replace", kindFlag, false, "even if the customer has an owner; default false"},
	}}
	objNote = &object{name: "note", what: "a note", fields: []attribute{
		fieldID,
		{"text", kindLiquid, true, "what it says"},
	}}
	objUpdate = &object{name: "update", what: "an update", fields: []attribute{
		fieldID,
		{
			"set", mapOf(kindRule), false,
			"attributes, each with a rule that gives its new value; a missing value removes it",
		},
		{"add", mapOf(kindRule), false, "attributes, each with a rule that gives a number to be added"},
		{"add_tags", listOf(kindName), false, "tags to put on the customer"},
		{"remove_tags", listOf(kindName), false, "tags to take off"},
		{"add_to", listOf(kindName), false, "lists (static segments) to put the customer on"},
		{"remove_from", listOf(kindName), false, "lists to take the customer off"},
	}}
	objCoupon = &object{name: "coupon", what: "a coupon", fields: []attribute{
		fieldID,
		{"pool", kindName, false, "name of the pool that codes are taken from; else they are made up"},
		{"prefix", kindName, false, "what codes that are made up begin with"},
		{"expires", kindDuration, false, "how long the code is good; default for ever"},
		{"redeemed", group("redeemed"), false, "which event redeems it"},
		{"transferable", kindFlag, false, "whether anybody may redeem it; default false"},
	}}
	objRedeemed = &object{name: "redeemed", what: "redeemed", fields: []attribute{
		{"event", kindName, false, "name of the event; default order_completed"},
		{"property", kindName, false, "which of its properties holds the code; default coupon"},
	}}
	objWebhook = &object{name: "webhook", what: "a webhook", fields: []attribute{
		fieldID,
		{
			"url",
			kind{"address, http or https", map[string]any{"type": "string", "pattern": urlPattern.String()}},
			true,
			"where the request goes",
		},
		{"method", oneOf(methods...), false, "default POST"},
		{"headers", mapOf(kindText), false, "names and values of headers"},
		{"body", mapOf(kindRule), false, "fields, each with a rule; default the customer, the entry and the campaign"},
		{"wait", kindFlag, false, "whether the journey waits for the answer; default false"},
		{"timeout", kindDuration, false, "how long it is tried, and waited for; default 1h"},
	}}
	objJourney = &object{name: "journey", what: "a journey", fields: []attribute{
		fieldID,
		{"campaign", kindName, true, "name of the other campaign"},
		{"data", mapOf(kindRule), false, "fields, each with a rule: its entry"},
		{"wait", kindFlag, false, "whether this journey waits for the end of that one; default false"},
		{"timeout", kindDuration, false, "with wait: how long at most"},
	}}
	objWait = &object{name: "wait", what: "a wait", fields: []attribute{
		fieldID,
		{"for", kindDuration, false, "how long; else until"},
		{"until", kindRule, false, "a time of day, as in \"09:00\", or a rule that gives a moment"},
		{"weekday", kindDays, false, "with a time of day: the days on which it counts"},
		{"zone", kindZone, false, "whose clock is meant; default customer"},
		{"yearly", kindFlag, false, "with a moment: when its day comes round; default false"},
		{"offset", kindSigned, false, "with a moment: how long after it, or before"},
		{"at", kindClock, false, "with a moment: the time of that day"},
		{
			"if_past", oneOf("go", "skip", "exit"), false,
			"with a moment that is past: go on, skip the next step, or exit; default go",
		},
	}}
	objWaitFor = &object{name: "wait_for", what: "a wait_for", fields: []attribute{
		fieldID,
		{"event", kindName, false, "name of the event; else rule"},
		{"when", kindRule, false, "counts only such events"},
		{"rule", kindRule, false, "what must come to hold"},
		{"quiet", kindDuration, false, "with an event: until it has not happened for so long"},
		{"timeout", kindDuration, true, "how long at most"},
	}}
	objBranch = &object{name: "branch", what: "a branch", fields: []attribute{
		fieldID,
		{"arms", noEmptyList(listOf(group("arm"))), true, "the ways, the first whose rule holds"},
	}}
	objArm = &object{name: "arm", what: "an arm", fields: []attribute{
		{"when", kindRule, false, "the rule of this way"},
		{"steps", kindSteps, false, "what is done on it"},
		{"else", kindSteps, false, "alone in the last arm: what is done if no rule holds"},
	}}
	objSplit = &object{name: "split", what: "a split", fields: []attribute{
		fieldID,
		{
			"arms", either(mapOf(either(kindSplitShare, group("way"))), noEmptyList(listOf(group("way")))), true,
			"the ways, each with its part, or with a part and steps; the one called winner waits for the experiment",
		},
		{"by", oneOf("clicks", "opens", "goal"), false, "what an experiment counts"},
		{"after", kindDuration, false, "how long an experiment runs"},
		{
			"alpha",
			kind{"number", map[string]any{"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}},
			false,
			"the p-value below which the best arm has won; default 0.05",
		},
		{"default", kindName, false, "the arm that wins otherwise; default the first"},
	}}
	kindSplitShare = either(kindShare, oneOf("rest"))
	objWay         = &object{name: "way", what: "an arm", fields: []attribute{
		{"name", kindID, false, "name of the arm, in a list of arms"},
		{"share", kindSplitShare, true, "its part of the customers; rest is what the others leave"},
		{"steps", kindSteps, false, "what is done on it"},
	}}
	objDecide = &object{name: "decide", what: "a decide step", fields: []attribute{
		fieldID,
		{"first", noEmptyList(listOf(group("choice"))), true, "the values, the first whose rule holds"},
	}}
	objChoice = &object{name: "choice", what: "a choice", fields: []attribute{
		{"when", kindRule, false, "the rule of this value"},
		{"value", kindValue, false, "the value: a group of fields, or anything else"},
		{"else", kindValue, false, "alone in the last choice: the value if no rule holds"},
	}}
	objRepeat = &object{name: "repeat", what: "a repeat", fields: []attribute{
		fieldID,
		{"while", kindRule, false, "judged before each time; default always"},
		{"max", whole(1, maxRepeat), true, "how many times at most"},
		{"steps", noEmptyList(kindSteps), true, "what is repeated; with a wait, or a wait_for, on every way through"},
	}}
	objLeave = &object{name: "leave", what: "an exit", fields: []attribute{
		fieldID,
		{"reason", kindName, false, "why, as records show it; default exit"},
	}}
)

// objects are all groups of fields, in the order of the reference.
var objects = []*object{
	objCampaign, objReenter, objBrakes, objGoal, objExit,
	objTrigger, objSegment, objSchedule, objDate, objAudience, objAPI,
	objStep, objEmail, objSMS, objFallback, objCall, objTask, objAssignee, objNote, objOwner, objUpdate, objCoupon,
	objRedeemed,
	objWebhook, objJourney, objWait, objWaitFor, objBranch, objArm, objSplit, objWay, objDecide, objChoice, objRepeat,
	objLeave,
}
