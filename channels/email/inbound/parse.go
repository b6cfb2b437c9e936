package inbound

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// maxRecipients bounds what one report can say something about.
const maxRecipients = 1000

// mail is a mail in its parts.
type mail struct {
	header   Header
	media    string
	params   map[string]string
	status   string // fields of RFC 3464
	feedback string // fields of RFC 5965
	notice   string // what it says in words
	returned Header // of our message
	attached string // a whole mail that it carries
	body     string // of the mail, undecoded
}

// Parse says what a mail is and what it reports. It takes any bytes, of any line endings, cut anywhere, and never fails:
// what it cannot read is Unknown.
func Parse(raw []byte) Report { return parse(lines(raw), true) }

func parse(text string, outer bool) Report {
	m := read(text)
	r := Report{
		MessageID: firstID(m.header.Get("Message-ID")), From: address(words(m.header.Get("From"))), To: address(words(m.header.Get("To"))),
		Subject: words(m.header.Get("Subject")), Text: strings.TrimSpace(m.notice), Returned: m.returned,
		InReplyTo: append(ids(m.header.Get("In-Reply-To")), ids(m.header.Get("References"))...),
	}
	r.Token, r.Purpose = m.token()
	r.OriginalID = m.original()
	switch {
	case m.feedback != "" || m.complaint():
		m.complain(&r)
	case strings.Contains(m.notice, `notificationType`) && m.ses(&r):
	case m.reports():
		m.bounce(&r)
		if outer && m.attached != "" && daemons.MatchString(m.returned.Get("From")) && len(deliveryStatus(m.status).list) == 0 {
			if inner := parse(m.attached, false); len(inner.Recipients) > 0 { // a gateway passes on another's report
				r.Kind, r.Recipients, r.OriginalID, r.Returned = inner.Kind, inner.Recipients, inner.OriginalID, inner.Returned
			}
		}
	case m.unsubscribes(&r):
		r.Kind = Unsubscribe
		r.Recipients = []Recipient{{Address: r.From, Reason: Feedback, Verdict: VerdictOptOut}}
	case m.automatic(r.Subject):
		r.Kind = AutoReply
		r.Recipients = []Recipient{{Address: r.From, Reason: Vacation, Verdict: VerdictAuto, Diagnostic: oneLine(m.notice)}}
	case r.From == "" || len(m.header) == 0:
		r.Kind = Unknown
	default:
		r.Kind = Reply
	}
	if outer && m.attached != "" && (r.Kind == Reply || r.Kind == Unknown) { // a report that somebody forwarded
		if inner := parse(m.attached, false); inner.Kind == Bounce || inner.Kind == Complaint || inner.Kind == Delayed {
			inner.Token, inner.Purpose = cmp.Or(r.Token, inner.Token), cmp.Or(r.Purpose, inner.Purpose)
			inner.MessageID = r.MessageID
			return inner
		}
	}
	return r
}

func read(text string) *mail {
	header, body := readHeader(text)
	m := &mail{header: header, body: body}
	m.media, m.params = contentType(header.Get("Content-Type"))
	var notices, pages []string
	for _, p := range leaves(header, body, 0) {
		switch {
		case p.media == "message/feedback-report":
			m.feedback += p.text + "\n"
		case p.media == "message/delivery-status" || p.media == "message/global-delivery-status" ||
			p.media == "text/plain" && statusField.MatchString(p.text) && strings.Contains(strings.ToLower(p.text), "reporting-mta:") && !strings.Contains(p.text, "\n--"):
			m.status += p.text + "\n\n"
		case p.media == "message/rfc822" || p.media == "text/rfc822-headers" || p.media == "message/global" ||
			p.media == "message/global-headers" || p.media == "message/rfc822-headers" || p.media == "text/rfc822-header":
			h, _ := readHeader(strings.TrimLeft(p.text, "\n"))
			if m.returned == nil {
				m.returned = h
			}
			if m.attached == "" && p.media == "message/rfc822" {
				m.attached = strings.TrimLeft(p.text, "\n")
			}
		case p.media == "text/html":
			pages = append(pages, plain(p.text))
		case p.text != "":
			notices = append(notices, p.text)
		}
	}
	if len(notices) == 0 || strings.TrimSpace(strings.Join(notices, "")) == "" {
		notices = pages
	}
	notice, returned, rest := cutReturned(unquoted(strings.Join(notices, "\n")))
	if m.returned == nil {
		m.returned = returned
	}
	m.notice, m.attached = notice, cmp.Or(m.attached, rest)
	// Some write the fields of a report into its text, or lose the boundary before them.
	if m.status == "" && statusField.MatchString(m.notice) {
		m.status = m.notice
	}
	return m
}

// unquoted takes the marks of a quotation from a report that somebody passed on.
func unquoted(text string) string {
	if !quotedField.MatchString(text) {
		return text
	}
	all := strings.Split(text, "\n")
	for i, line := range all {
		if rest, ok := strings.CutPrefix(line, ">"); ok {
			all[i], _ = strings.CutPrefix(rest, " ")
		}
	}
	return strings.Join(all, "\n")
}

var quotedField = regexp.MustCompile(`(?im)^> ?final-recipient[ \t]*:`)

var statusField = regexp.MustCompile(`(?im)^(?:final-recipient|original-recipient)[ \t]*:[ \t]*(?:rfc822|utf-8|x400|[^\s@;]+;|<?[^\s@]+@)`)

// tokens are of addresses such as b+k3v…@bounces.example.com.
var tokens = regexp.MustCompile(`(?i)(?:^|[<\s:,;"])([bu])\+([a-z0-9._-]{8,80})@`)

// token finds ours in the addresses to which the mail came, and then in what it sends back of our message.
func (m *mail) token() (string, byte) {
	for _, h := range []Header{m.header, m.returned} {
		for _, name := range []string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc", "Return-Path", "Original-Mail-From", "List-Unsubscribe"} {
			for _, value := range h.All(name) {
				if found := tokens.FindStringSubmatch(value); found != nil && (name != "List-Unsubscribe" || found[1] == "b") {
					return strings.ToLower(found[2]), strings.ToLower(found[1])[0]
				}
			}
		}
	}
	return "", 0
}

// original finds the Message-ID of our message.
func (m *mail) original() string {
	for _, h := range []struct {
		header Header
		name   string
	}{{m.returned, "Message-ID"}, {fields(m.feedback), "Original-Message-ID"}, {fields(m.feedback), "Message-ID"}, {fields(m.status), "X-Original-Message-ID"}, {m.header, "X-Original-Message-ID"}, {m.header, "In-Reply-To"}, {m.header, "References"}} {
		if id := firstID(h.header.Get(h.name)); id != "" {
			return id
		}
	}
	if found := inText.FindStringSubmatch(m.notice); found != nil {
		return found[1]
	}
	return ""
}

var inText = regexp.MustCompile(`(?im)^[\s>]*message-id\s*:\s*<([^<>\s]{1,250})>`)

func fields(text string) Header { return statusLines(text) }

// complaint says whether a mail is one of Microsoft's, which have no fields.
func (m *mail) complaint() bool {
	if m.returned == nil {
		return false
	}
	if m.returned.Get("X-HmXmrOriginalRecipient") != "" {
		return true
	}
	return strings.EqualFold(m.params["report-type"], "feedback-report")
}

// complain reads RFC 5965. Recipients are often hidden; then the token and the Message-ID tell whom it is about.
func (m *mail) complain(r *Report) {
	f := fields(m.feedback)
	r.Kind, r.Feedback = Complaint, strings.ToLower(cmp.Or(f.Get("Feedback-Type"), "abuse"))
	reason, judged := Feedback, VerdictComplaint
	switch r.Feedback {
	case "auth-failure", "dmarc", "not-spam", "virus":
		r.Kind, judged = Unknown, VerdictNone
	case "opt-out", "opt-out-list", "unsubscribe":
		r.Kind, judged = Unsubscribe, VerdictOptOut
	}
	add := func(a string) {
		if a == "" || len(r.Recipients) >= maxRecipients || slices.ContainsFunc(r.Recipients, func(x Recipient) bool { return x.Address == a }) {
			return
		}
		r.Recipients = append(r.Recipients, Recipient{Address: a, Reason: reason, Verdict: judged, Diagnostic: "feedback " + r.Feedback})
	}
	for _, name := range []string{"Original-Rcpt-To", "Removal-Recipient"} {
		for _, value := range f.All(name) {
			add(address(value))
		}
	}
	if len(r.Recipients) == 0 {
		add(address(m.returned.Get("X-HmXmrOriginalRecipient")))
	}
	if len(r.Recipients) == 0 {
		for _, a := range addressIn.FindAllString(words(m.returned.Get("To")), 20) {
			add(normal(a))
		}
	}
	if len(r.Recipients) == 0 {
		r.Recipients = []Recipient{{Reason: reason, Verdict: judged, Diagnostic: "feedback " + r.Feedback}}
	}
}

var (
	daemons = regexp.MustCompile(`(?i)mailer.?daemon|post.?master|mail.?(?:delivery|system|administrator|daemon|gateway|sweeper|server|router|marshal)|mdaemon|^mailer|mmdf|daemon@|system administrator|microsoft exchange|email.?gateway|undeliver|bounce|mailerrors?|courier|smtp@|no.?reply@(?:.*dion|sns)`)
	failing = regexp.MustCompile(`(?i)undeliver|return(?:ed|ing)? (?:mail|message|e-?mail|to sender)|delivery (?:status|fail|notification|report|problem|error|has failed|unsuccessful|delay|subsystem)|mail delivery|failure notice|failure (?:delivering|to deliver)|delivery attempt|could ?n.t (?:be )?deliver|could not be delivered|can(?:no|')t (?:be )?deliver|not delivered|non.?(?:delivery|remis|d.livr)|mail (?:system )?(?:error|failure|bounce)|(?:un|not )able to deliver|unzustellbar|nicht zugestellt|(?:nicht|konnte) .{0,40}zugestellt|недоставлен|не (?:может быть )?доставлен|неможливо доставити|сообщение не доставлено|no se (?:pudo|puede|ha) .{0,20}entreg|devuelto|mensagem não|não entregue|impossibile recapitare|mancato recapito|onbestelbaar|配信|送信(?:でき|エラー)|エラー|loop alert|not (?:a )?members?\b|warning: (?:could not|message)|rejected (?:mail|message)|message (?:rejected|has failed|delivery|status|not delivered|could not)|error (?:sending|in|condition)|bounced? (?:mail|message)|considered unsolicited|mail rejected|spam mail|permanent(?:ly)? (?:fail|error|fatal)|invalid (?:user|recipient) address|mail not sent|delivery:`)
	// told are sentences of reports, for those whose sender and subject say nothing.
	told = regexp.MustCompile(`(?i)could not be delivered to|was not delivered to|undeliverable to the following|unable to deliver (?:your|the|this)|delivery (?:to the following|has failed)|failed to deliver|(?:addresses|recipients?) had (?:permanent|delivery)|not reach the following recipient|error message below|this is the qmail-send program|permanent (?:fatal )?error|transcript of session|had delivery problems|returned to sender|undelivered mail|group .{0,80}(?:does not exist|may not exist|not have permission)|non-delivered information`)
)

// reports says whether a mail tells of the delivery of another. An answer of a machine has no sender of its own either, so
// that an empty return path alone proves nothing.
func (m *mail) reports() bool {
	if m.status != "" || strings.EqualFold(m.params["report-type"], "delivery-status") || m.header.Get("X-Failed-Recipients") != "" {
		return true
	}
	from, subject := words(m.header.Get("From")), words(m.header.Get("Subject"))
	score := 0
	for _, yes := range []bool{
		daemons.MatchString(from) || from == "" && strings.Contains(m.header.Get("Return-Path"), "<>"),
		failing.MatchString(subject),
		told.MatchString(m.notice) || failing.MatchString(m.notice),
		strings.HasPrefix(m.header.Get("X-MLServer"), "fml"),
		m.returned != nil && strings.Contains(m.header.Get("Return-Path"), "<>"),
		strings.HasPrefix(strings.ToLower(m.header.Get("Auto-Submitted")), "auto-generated (failure)"),
	} {
		if yes {
			score++
		}
	}
	if replied(subject) && !daemons.MatchString(from) { // a person quotes a report
		return score > 1 && told.MatchString(m.notice) && strings.Contains(strings.ToLower(m.notice), "error message below")
	}
	return score > 1 || score == 1 && daemons.MatchString(from) && !m.automaticHeader()
}

func replied(subject string) bool {
	return len(subject) > 3 && strings.EqualFold(subject[:3], "re:")
}

var (
	late = regexp.MustCompile(`(?i)warning|\bdelay(?:ed)?\b|still being retried|not yet been delivered|will (?:continue|be retried|keep trying)|delivery delay|temporary failure report|retry`)
	gone = regexp.MustCompile(`(?i)undeliver|failed|failure|returned|permanent|giving up|not be delivered`)
	good = regexp.MustCompile(`(?i)success|delivered to|return receipt`)
)

// bounce reads a report of delivery.
func (m *mail) bounce(r *Report) {
	read := deliveryStatus(m.status)
	r.Recipients = read.list
	m.aboutEach(r)
	if len(r.Recipients) == 0 {
		m.fromText(r)
		m.elsewhere(r)
		if len(r.Recipients) == len(read.nameless) {
			for i, n := range read.nameless {
				r.Recipients[i].complete(n)
			}
		}
	}
	if len(r.Recipients) > maxRecipients {
		r.Recipients = r.Recipients[:maxRecipients]
	}
	for i := range r.Recipients {
		m.judge(&r.Recipients[i], r.Subject)
	}
	r.Kind = kindOf(r.Recipients)
	if len(r.Recipients) == 0 {
		r.Kind = Bounce
	}
}

func kindOf(list []Recipient) Kind {
	for _, k := range []struct {
		action string
		kind   Kind
	}{{actionFailed, Bounce}, {"", Bounce}, {actionDelayed, Delayed}, {actionDelivered, Delivered}, {actionRelayed, Relayed}, {actionExpanded, Relayed}} {
		if slices.ContainsFunc(list, func(r Recipient) bool { return r.Action == k.action }) {
			return k.kind
		}
	}
	return Bounce
}

// aboutEach adds what the text says of each recipient, for servers that put the reason there and not into the fields.
func (m *mail) aboutEach(r *Report) {
	if len(r.Recipients) == 0 {
		return
	}
	said := recipientsIn(m.notice, nil)
	for i := range r.Recipients {
		one := &r.Recipients[i]
		if m.transcript(one) || one.Action == actionDelivered || why(one.Diagnostic) != None {
			continue
		}
		for _, n := range said {
			if n.address == one.Address || n.address == one.Original || len(r.Recipients) == 1 {
				one.Diagnostic = oneLine(one.Diagnostic + " " + lastWords(n.about))
				break
			}
		}
		if one.Diagnostic == "" && len(r.Recipients) == 1 {
			one.Diagnostic = lastWords(m.notice)
		}
	}
}

// transcript adds what the reporting server itself answered, for reports that give no more than the result of a program.
func (m *mail) transcript(one *Recipient) bool {
	if !strings.HasPrefix(strings.ToLower(one.Diagnostic), "x-unix") {
		return false
	}
	_, session, found := strings.Cut(m.notice, "Transcript of session follows")
	if found {
		one.Diagnostic = oneLine(one.Diagnostic + "; " + lastWords(session))
	}
	return found
}

// ses reads a notification of Amazon's that came as a mail.
func (m *mail) ses(r *Report) bool {
	found, ok := sesByMail(m.notice)
	if ok {
		r.Kind, r.Recipients, r.OriginalID = found.Kind, found.Recipients, cmp.Or(found.OriginalID, r.OriginalID)
	}
	return ok
}

// fromText finds recipients in a report without fields: those that the server names in its header, in its text, or at
// last those that our message was for.
func (m *mail) fromText(r *Report) {
	not := map[string]bool{r.From: true, "": true}
	for _, name := range []string{"To", "Delivered-To", "Envelope-To"} {
		for _, value := range m.header.All(name) {
			not[address(words(value))] = true
		}
	}
	not[address(m.returned.Get("From"))], not[address(m.returned.Get("Return-Path"))] = true, true
	about := recipientsIn(m.notice, not)
	for _, n := range about {
		r.Recipients = append(r.Recipients, Recipient{Address: n.address, Diagnostic: lastWords(n.about)})
	}
	if len(r.Recipients) > 0 {
		return
	}
	for _, list := range m.header.All("X-Failed-Recipients") {
		for _, a := range addressIn.FindAllString(list, maxRecipients) {
			r.Recipients = append(r.Recipients, Recipient{Address: normal(a), Diagnostic: lastWords(m.notice)})
		}
	}
	if len(r.Recipients) > 0 {
		return
	}
	for _, name := range []string{"X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Delivered-To"} {
		for _, a := range addressIn.FindAllString(words(m.returned.Get(name)), 20) {
			r.Recipients = append(r.Recipients, Recipient{Address: normal(a), Diagnostic: lastWords(m.notice)})
		}
		if len(r.Recipients) > 0 {
			return
		}
	}
	// A list that refuses writes to the sender, and is itself the one that was not reached.
	if r.From != "" && !daemons.MatchString(r.From) {
		r.Recipients = []Recipient{{Address: r.From, Diagnostic: lastWords(m.notice)}}
	}
}

// elsewhere looks for the reason in all of the text, where nothing near a recipient gives it.
func (m *mail) elsewhere(r *Report) {
	for i := range r.Recipients {
		one := &r.Recipients[i]
		if _, status, _ := answer(one.Diagnostic); why(one.Diagnostic) == None && byStatus(status) == None {
			one.Diagnostic = lastWords(m.notice)
		}
	}
}

// judge completes what is known of a recipient: codes from the words, the reason from both.
func (m *mail) judge(one *Recipient, subject string) {
	code, status, said := answer(one.Diagnostic)
	if one.Code == "" {
		one.Code = code
	}
	if status != "" && !vague(status) || one.Status == "" {
		one.Status = status // the server that refused is nearer to the cause than the one that reports
	}
	if one.Action == "" {
		one.Action = actionFailed
		head := subject + "\n" + m.notice
		if late.MatchString(subject) && !gone.MatchString(subject) || strings.Contains(head, "temporary failure report") || strings.Contains(head, "still being retried") {
			one.Action = actionDelayed
		} else if strings.HasPrefix(one.Status, "2") || strings.HasPrefix(one.Code, "2") && good.MatchString(head) {
			one.Action = actionDelivered
		}
	}
	if one.Action == actionDelivered || one.Action == actionRelayed || one.Action == actionExpanded {
		return
	}
	one.Reason = m.reason(one, said)
	one.Verdict = verdict(one)
}

func (m *mail) reason(one *Recipient, said string) Reason {
	lower := strings.ToLower(one.Diagnostic)
	program := strings.HasPrefix(lower, "x-unix") || strings.Contains(lower, "command output:")
	switch found := why(said); {
	case program && found != MailboxFull && found != Expired:
		return MailerError
	case found == None && byStatus(one.Status) != None:
		return byStatus(one.Status)
	case weak[found] && exact[byStatus(one.Status)]: // words that may mean anything, a code that means one thing
		return byStatus(one.Status)
	case found != None:
		return found
	}
	if said != "" {
		return OnHold
	}
	return None
}

var (
	weak  = map[Reason]bool{Filtered: true, Policy: true, System: true, Suspended: true, Network: true, Expired: true}
	exact = map[Reason]bool{UserUnknown: true, HostUnknown: true, MailboxFull: true, HasMoved: true, NotAccept: true}
)

var (
	autoSubject = regexp.MustCompile(`(?i)^(?:re: ?|aw: ?)?(?:\[?auto(?:matic|matisch\w*|mated|m[aá]tica|matique)?\W{0,2}(?:re(?:ply|sponse|sponder|spuesta|sposta)|antwort|r.ponse|answer)?\b|out of (?:the )?office|ooo\b|vacation|holiday|on (?:leave|holiday|vacation)|away from|abwesen|r.ponse automatique|absence|respuesta autom|resposta autom|risposta autom|fuera de|автоматич|автовідповід|автоответ|отсутств|відсутн|不在|自動(?:応答|返信)|i.?m away|i am (?:currently )?(?:away|out))`)
	autoText    = regexp.MustCompile(`(?i)automatic reply|auto.?reply|out of (?:the )?office|автоматична відповідь|автоматический ответ`)
)

func (m *mail) automaticHeader() bool {
	auto := strings.ToLower(m.header.Get("Auto-Submitted"))
	precedence := strings.ToLower(m.header.Get("Precedence"))
	return auto != "" && auto != "no" || precedence == "auto_reply" || precedence == "auto-reply" ||
		m.header.Get("X-Autoreply") != "" || m.header.Get("X-Autorespond") != "" || m.header.Get("X-Auto-Response-Id") != "" ||
		m.header.Get("X-Autoresponder") != "" || m.header.Get("X-Autogenerated") != "" || m.header.Get("X-Apple-Action") != ""
}

// automatic says whether a machine answered, RFC 3834.
func (m *mail) automatic(subject string) bool {
	if m.automaticHeader() || autoSubject.MatchString(subject) {
		return true
	}
	precedence := strings.ToLower(m.header.Get("Precedence"))
	if precedence == "bulk" || precedence == "junk" || precedence == "list" {
		return m.header.Get("In-Reply-To") != "" || autoText.MatchString(subject+m.notice)
	}
	return strings.Contains(m.header.Get("Return-Path"), "<>") && m.header.Get("Return-Path") != ""
}

var unsubscribeWord = regexp.MustCompile(`(?i)^\W*(?:(?:re|aw|fwd?)\W+)*(?:please )?(?:unsubscribe|opt.?out|remove me|відписати(?:ся|сь)?|отписаться|отпишите|відпишіть)(?: me)?\W*$`)

// unsubscribes says whether a mail asks for no more: it came to the address for that, or says so and nothing else.
func (m *mail) unsubscribes(r *Report) bool {
	if m.header.Get("X-Apple-Unsubscribe") == "true" {
		return true
	}
	if r.Purpose == 'u' {
		return !m.automaticHeader()
	}
	if m.automaticHeader() {
		return false
	}
	first, _, _ := strings.Cut(r.Text, "\n")
	return unsubscribeWord.MatchString(r.Subject) || unsubscribeWord.MatchString(first) && first != ""
}

// Token finds our token in an address, as b+token@ or u+token@; "" without one.
func Token(to string) (token string, purpose byte) {
	if found := tokens.FindStringSubmatch(to); found != nil {
		return strings.ToLower(found[2]), strings.ToLower(found[1])[0]
	}
	return "", 0
}

// Judge completes what is known of a recipient whose fate somebody reports in fields of their own: the codes and the reason
// from the words in Diagnostic, and the verdict from all.
func Judge(one *Recipient) { (&mail{}).judge(one, "") }
