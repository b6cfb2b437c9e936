package inbound

import (
	"regexp"
	"strings"
)

// Reason is why a message was not delivered.
type Reason string

// The reasons.
const (
	UserUnknown   Reason = "userunknown"   // there is no such mailbox
	HostUnknown   Reason = "hostunknown"   // there is no such domain
	HasMoved      Reason = "hasmoved"      // the address was given up for another
	NotAccept     Reason = "notaccept"     // the host takes no mail at all
	Suspended     Reason = "suspended"     // the mailbox is switched off, perhaps for a while
	MailboxFull   Reason = "mailboxfull"   //
	MessageTooBig Reason = "mesgtoobig"    //
	Expired       Reason = "expired"       // the server gave up trying
	Network       Reason = "networkerror"  // the receiving server could not be reached
	TooMany       Reason = "toomanyconn"   // we sent too much at once
	System        Reason = "systemerror"   // something is broken at the receiving end
	MailerError   Reason = "mailererror"   // a program to which the mail was handed failed
	Content       Reason = "contenterror"  // the form of the message
	Filtered      Reason = "filtered"      // the recipient's own filter, or a refusal that gives no cause
	Spam          Reason = "spamdetected"  //
	Virus         Reason = "virusdetected" //
	Blocked       Reason = "blocked"       // our address or name is on a list
	BadPTR        Reason = "requireptr"    // our server's name
	AuthFailure   Reason = "authfailure"   // SPF, DKIM, DMARC
	Rejected      Reason = "rejected"      // the sender's address
	NoRelaying    Reason = "norelaying"    //
	Policy        Reason = "policy"        //
	OnHold        Reason = "onhold"        // refused without a word that we know
	Feedback      Reason = "feedback"      // a complaint
	Vacation      Reason = "vacation"      // answered by a machine
	None          Reason = ""              // delivered, or not told
)

// rule says what words mean. The first that fits counts, so those that are sure stand before those that are not.
type rule struct {
	reason Reason
	words  *regexp.Regexp
}

func means(reason Reason, alternatives ...string) rule {
	return rule{reason, regexp.MustCompile(`(?i)` + strings.Join(alternatives, "|"))}
}

// rules are in the words of the servers and providers that we know of. A dot stands for any one character, mostly an
// apostrophe of some kind.
var rules = []rule{
	// What speaks of us, in words that would otherwise be taken to speak of the recipient.
	means(Rejected,
		`sender (?:address|domain|verify|verification|email)?\W*(?:rejected|fail|does ?n.t exist|not (?:exist|found|verified|known|recogni[sz]ed|allowed))`,
		`domain of (?:the )?sender`, `sender(?:.s)? (?:domain|address) (?:must|does|is|not|could|has|.{0,60}(?:not (?:exist|resolv|found)|unknown|invalid))`,
		`unresolvable (?:sender|domain)`, `(?:bad|invalid|unknown|forged|missing|malformed) (?:sender|return.path|from address|envelope from)`,
		`mail from (?:domain|address) .{0,40}(?:not|reject|invalid|unknown|exist)`, `(?:unauthenticated|unauthori[sz]ed|blocked|blacklisted|black.listed) senders?\b`,
		`weren.t recogni[sz]ed as a valid sender`, `you are not (?:a )?member`, `not (?:a )?(?:member|subscriber) of`, `only (?:members|subscribers)`,
		`(?:not|n.t) (?:allowed|authori[sz]ed|permitted|have permission) to (?:post|send|submit|mail)`, `permission to post`, `backscatter`,
		`address .{0,30}has been blacklisted`, `null sender|empty envelope sender|from empty (?:sender|address)`, `recipient (?:only|requires) .{0,30}authenticated`),
	means(AuthFailure, `\bspf\b`, `\bdkim\b`, `\bdmarc\b`, `domainkeys`, `unauthenticated (?:e?mail|message)`, `sender policy framework`, `sender id `,
		`does not have authentication information`, `authentication (?:checks|requirements|failed for)`, `not authenticated`, `fails to pass`),
	means(BadPTR, `\bptr\b`, `reverse (?:dns|lookup|mapping|hostname|address)`, `\brdns\b`, `ip name lookup failed`, `ip name possibly forged`, `cannot find your (?:reverse )?host`,
		`(?:client|sending) (?:host|server|hostname).{0,20}(?:not found|no dns|without)`, `mismatches client ip`, `no (?:valid )?hostname`, `invalid helo`, `helo .{0,40}(?:reject|not|invalid)`,
		`(?:unknown|unresolved) (?:client|sending) (?:host|server)`, `fix reverse`, `does not resolve`, `all hosts must have`),

	// The mailbox.
	means(MailboxFull, `quota (?:exceed|full|violat|used|limit)`, `(?:over|exceed\w*|out of|beyond|past|above|full) (?:its |the |their |his |her |my |your |disk |storage |allowed |maximum |mail |mailbox )*quota`, `quota\b.{0,40}\bexceed`,
		`mail ?(?:box|folder|drop|file|store)?s?\W{0,3}(?:for .{1,80} )?(?:is |are |was |has been |already |currently )*full`, `(?:mail)?box(?: is)?(?: too)? full`, `inbox is full`, `storage (?:limit|space|quota).{0,20}(?:exceed|full|reached)`,
		`exceeded (?:the )?(?:local limit|storage|mailbox|disk)`, `(?:mailbox|message store|account|user|storage|disk) .{0,60}(?:over ?quota|is full|exceed\w* .{0,20}(?:limit|quota|size|allocation|space))`,
		`(?:not enough|insufficient) (?:disk|storage|mailbox)?\s*space`, `(?:mailbox|mail box|user|recipient).{0,20}over.?quota`, `over ?quota`, `\bovr?quota\b`, `mailbox size limit`, `too much mail data`, `too many messages (?:in|on|for) (?:this|the) (?:mail|user|folder)`,
		`boîte .{0,30}pleine`, `postfach .{0,30}voll`, `переполнен`, `переповнен`, `ящик .{0,20}заполнен`, `casilla .{0,30}llen|buzón .{0,20}lleno`, `容量`, `いっぱい`, `maildir .{0,20}quota`, `diskquota`, `delivery failed: over`,
		`\bmailbox_full\b`, `the user.s mail`, `number of messages in recipient.s mailbox`),
	means(HasMoved, `(?:has|have|was|been) moved`, `recipient no longer on server`, `not our customer`, `no longer (?:at|with|works|work|employed)`, `user not local; please try`, `address (?:has )?changed`, `new e?mail address`,
		`replaced by`, `(?:please )?(?:use|try) (?:the )?(?:new|following|forward).{0,20}address`, `refused to (?:relay|accept) to moved`),
	means(MessageTooBig, `(?:message|mail|letter|attachment|file|content|msg)s?(?:.s)? (?:size|length|body)?\s*(?:is |was )?(?:too (?:big|large|long)|exceed\w*|larger than|over (?:the )?(?:size|limit))`,
		`(?:message|size|length) (?:size )?(?:exceeds|over|exceeding)`, `size limit`, `too (?:big|large) (?:message|mail|for)`, `exceeds? (?:the )?(?:maximum|fixed|allowed|max) .{0,20}size`, `exceeded message size`, `recipsizelimit`, `length exceeds`, `max(?:imum)? message size`),
	means(UserUnknown, `recipnotfound`, `requested action not taken: mailbox unavailable`, `name is not recogni[sz]ed`, `address rejected: access denied`, `unknown (?:user|recipient|address|local.?part|mailbox|or illegal)`, `(?:user|recipient|mailbox|account|address|local.?part|person)s?\W{1,4}(?:<?\S{1,80}>?\W{0,4})?(?:is |was |are )?(?:unknown|not (?:found|known|exist|listed|valid|recogni[sz]ed|on (?:this|the)|here|registered|present|defined|local)|does ?n[o']t exist|does not (?:appear to )?exist|doesn.t (?:exist|have)|did not exist|do not exist|invalid|incorrect)`,
		`no such (?:user|recipient|person|mailbox|account|address|mail ?drop|local|name|e?mail)`, `no (?:user|mailbox|recipient|account|one)\b.{0,20}(?:by that name|here|called|found|with (?:that|this))`, `no (?:mailbox|valid recipients?|recipient|account)\b`, `not a (?:valid|known|registered) (?:user|recipient|mailbox|address|account)`,
		`invalid (?:user|recipient|mailbox|address|account|final delivery|local)`, `(?:bad|undeliverable|nonexistent|non-existent|illegal|incorrect|unrecogni[sz]ed|unroutable|undefined) (?:destination |recipient |mailbox |e?mail )?(?:mailbox|address|user|recipient|alias)`,
		`(?:address|user|recipient|mailbox|account|alias) (?:rejected|refused|lookup failed)?\W{0,4}(?:could ?n.t be |cannot be |could not be |can not be |can.t be |was not |not )found`, `(?:can ?not|can.t|could ?n.t|unable to|couldn.t) (?:find|verify|locate) .{0,30}(?:user|recipient|mailbox|address|account|person)`,
		`tried to reach does ?n[o'’]t exist`, `tried to reach does\s+not exist`, `(?:user|mailbox|account|address).{0,60} (?:does ?n.t exist|does not exist|not exist|is unavailable permanently)`, `(?:doesn.t|does not) have an? .{0,40}account`, `this user doesn.t`, `unrouteable address`,
		`\buser ?not ?found\b|\bnot ?a ?user\b|nosuchuser|user_unknown|no_such_user|resolver\.adr|recipient rejected`, `(?:is|was) (?:not|no longer) (?:a )?(?:valid|active|available|registered|recogni[sz]ed|known)`, `adresse .{0,40}(?:invalide|inconnue|introuvable)|utilisateur inconnu|destinataire .{0,20}(?:inconnu|invalide)`, `empf.nger .{0,30}(?:unbekannt|nicht)|benutzer .{0,20}unbekannt`,
		`usuario (?:desconocido|no )|destinatario .{0,30}(?:desconocido|no )|usuário .{0,20}(?:desconhecido|não)`, `пользовател[ья] .{0,30}(?:не найден|не существует|неизвест)|(?:ящик|адрес).{0,40}не (?:существует|найден|існує|знайдено)|користувач.{0,20}не `, `宛先不明|存在しません|見つかりません|メールアドレスが`, `(?:no|not an?) (?:valid )?(?:deliverable|existing) (?:user|mailbox|address)`, `destination .{0,20}(?:address|user) .{0,20}unknown`, `is not a (?:known )?user`, `not listed in`, `name not found`, `mailbox not found`, `address unknown`, `user unknown`, `delivery to the following recipients? (?:was|is) impossible`, `ユーザー`),

	// Our message, our server.
	means(Virus, `\bvirus`, `malware`, `infected`, `trojan`, `\bworm\b`, `phish`),
	means(Blocked, `\b(?:rbl|dnsbl|dnsrbl|sbl|xbl|pbl|cbl|bl)\b`, `black.?list`, `block.?list`, `blocked (?:using|by|because|due|for|from|-|mail|temporarily)`, `(?:has been|is|was|are|been|ip|address|network|temporarily) (?:temporarily |currently )?blocked`, `spamhaus|sorbs|spamcop|barracudacentral|senderbase|senderscore|surbl|uribl|abuseat|cloudmark|trendmicro`, `(?:host|ip|client|server|connection)s?\b.{0,40}(?:not allowed|banned|barred|refused by|denied)`, `network (?:not allowed|banned|denied)`,
		`poor (?:reputation|ip|sender)|bad reputation|low reputation|reputation`, `\btss0\d|\bts0\d`, `service not allowed|no smtp service`, `connection refused by|connections? (?:not accepted|from .{0,60}(?:denied|refused|rejected))`, `dynamic (?:ip|address|host)|dynamically|residential|dial.?up|open (?:relay|proxy)`, `access (?:from .{1,60} )?(?:is )?denied`, `i\.?p\.? ?(?:address )?\W?.{0,50}(?:list|ban)`, `go away|we do not accept mail from|refused to talk`, `a problem occurred`, `all connections from`, `unusual rate of unsolicited`, `not (?:accepted|accepting) (?:mail )?from`, `concerns about`),
	means(NoRelaying, `relay(?:ing)?\b.{0,30}(?:denied|not (?:allowed|permitted)|prohibited|refused|access|attempt)`, `(?:not permitted|not allowed|unable|refus\w+|cannot|denied) to relay`, `not (?:a |an )?(?:local|relay) (?:domain|host)`, `relaying`, `(?:we|server) (?:do|does)(?:n.t| not) relay`, `that domain isn.t in my list|not in my list of allowed`, `insecure mail relay`, `local delivery only`, `not a gateway|authentication (?:is )?required`),
	means(Spam, `\bspam`, `\bube\b`, `\buce\b`, `junk ?mail`, `unsolicited`, `bulk (?:e?mail|message)`, `looks like|considered .{0,20}(?:junk|bulk)`, `content (?:rejected|reject|filter|looks)`, `mail rejete|mail rejected`, `high.{0,10}score|score .{0,20}(?:exceed|too)`, `blacklisted url|uri.? (?:in|on)`, `rejected .{0,20}due to (?:its )?content`, `appears to be`, `message (?:filtered|looks|contains)`, `listed in (?:the )?(?:spam|uri)`),
	means(TooMany, `too (?:many|fast|frequent|quick)`, `rate.?limit|limit\w* .{0,20}rate`, `throttl`, `(?:connection|message|recipient|mail|sending|receiving|session) (?:rate|limit|count|quota)\w*`, `exceeded .{0,40}(?:connection|rate|messages per|per (?:hour|minute|day))`, `at a rate that`, `maximum (?:number of )?(?:connection|recipient|session)`, `concurrent|simultaneous`, `slow down|try (?:to send )?slower`, `receiving (?:mail|email) (?:too|at)`),
	means(Policy, `polic(?:y|ies)`, `not (?:allowed|permitted|accepted|compliant)`, `prohibited|forbidden|restricted|restriction`, `header error|duplicate header|(?:missing|multiple|invalid|bad|malformed|non.?rfc|not rfc|rfc ?[2-9]\d+).{0,30}(?:header|complian|from|message.id|date|subject)?`, `security|encryption|\btls\b|certificate`, `reject(?:ed)? by (?:our|the|user|recipient|content|system)`, `message (?:was |has been |is )?(?:refused|blocked|rejected|denied|not accepted)`, `administrat\w+ (?:prohibition|denied|reject)`, `authentication`, `not authori[sz]ed|unauthori[sz]ed|must be authenticated`),

	means(HostUnknown, `(?:host|domain|server|mx)(?: name)?s?\W{1,4}(?:<?\S{1,80}>?\W{0,4})?(?:is |was )?(?:unknown|not (?:found|exist|known|resolv)|does ?n[o']t exist|does not exist|invalid|could not be found|not be (?:found|resolved))`, `unknown (?:host|domain|mail ?server)`, `\d [\w-]+(?:\.[\w-]+)+ does not exist`, `no such (?:host|domain)`, `nxdomain`, `(?:invalid|illegal|bad|unrouteable|unroutable|nonexistent|non-existent) (?:mail )?(?:host|domain)`, `name (?:service|server) error|name or service not known|host or domain name not found`, `no (?:mx|a|address|mail exchange\w*)(?: or \w+)? record`, `couldn.t find any host|cannot find (?:a )?(?:host|domain)|dns error .{0,40}(?:not exist|no such)`, `domain (?:name )?(?:is not|not) (?:valid|registered|reachable)`, `domain is not reachable`, `name does not resolve`, `all relevant mx records point to non-existent`, `host lookup (?:did not complete|failed)`, `no existe (?:el|este) dominio|домен не`, `cannot resolve`),
	means(Suspended, `suspend`, `disabl`, `deactivat`, `inactiv`, `not active|frozen|locked|dormant|terminated|closed|discontinued|expired account|account (?:has )?expired`, `no longer (?:available|accept|in use|active|valid|exist|receiv)`, `(?:mailbox|account|user|address) .{0,30}unavailable`, `administratively|(?:currently|temporarily) (?:out of service|unavailable|not available|refus)`, `abandoned|заблокирован|не активн`),
	means(NotAccept, `does not accept (?:any )?(?:e?mail|messages)`, `(?:host|domain|server) (?:does not|doesn.t) (?:accept|receive)`, `not accept(?:ing)? (?:any |network )?(?:mail|messages|our requests|incoming)`, `null ?mx|mx record .{0,20}\.`, `did not accept our requests`, `no smtp|smtp .{0,20}(?:disabled|not available)`, `accepts? no (?:e?mail|messages)`),

	// The way there.
	means(Expired, `expired`, `(?:retry|delivery|queue|message|retention|warn\w*|connection).{0,12} ?(?:time|timeout|period|limit)s?.{0,12} ?(?:exceeded|expired|reached|elapsed|out)`, `(?:too long|too old)|giving up|gave up|still being retried|will (?:be )?retr(?:y|ied)|continue to (?:try|attempt)|not yet|delayed|been in (?:the )?queue`, `(?:for|in|within|after) (?:more than |the last |over )?\d+ (?:second|minute|hour|day)s`, `could not be delivered for|has not been (?:able|delivered)|temporar(?:y|ily) (?:failure|suspended)`, `(?:host|server|destination).{0,20}not reachable`),
	means(Network, `tim(?:ed|e).?out`, `connect(?:ion)? .{0,60}(?:refused|lost|reset|dropped|closed|failed|aborted|broken|error|timed)`, `(?:lost|no|broken|failed|refused|dropped|unable|cannot|can.t|could ?n.t|could not|failed to) (?:the )?(?:connection|connect|route|to connect|establish|reach|contact)`, `unreachable`, `hop count|too many hops|(?:mail|routing|forwarding|message) loop|loops? back|looping|loop detected|routing loop`, `network (?:error|is|unreach|problem)`, `no route`, `dns (?:error|lookup|failure|query|server|problem)|server fail|servfail|lookup .{0,40}(?:failed|noerror|no relevant)`, `socket|peer|host is down|no answer|not responding|no response`, `connect to`),
	means(MailerError, `procmail|maildrop|command (?:output|failed|died|not found)|x-unix|pipe to|returned (?:status|exit)|exit(?:ed)? (?:with )?(?:status|code|value)|local delivery (?:failed|agent)|mailer|unable to (?:run|execute)|program`),
	means(Content, `headers? (?:are |is )?too (?:large|long|big)|(?:8bit|8-bit|encoding|mime|conversion|attachment|charset|character|line (?:is )?too long|unprintable|body part|format)`),
	means(System, `system (?:config|resource|error|failure|storage|is|full)|configuration (?:error|problem)|internal (?:server )?error|(?:server|local|software|resource|program|service|processing|database|ldap) .{0,20}(?:error|unavailable|problem|failure)|transaction failed|disk|out of memory|cannot (?:append|open|write|create)|no space|resources|insufficient|try again|not (?:currently )?available|unavailable|busy|overload|maintenance`),
	means(Filtered, `filter|recipient(?:.s)? .{0,30}(?:refus|declin|block|reject)|does ?n.t want|not want(?:ed)?|user refus|rejected|denied|refused|declined`),
}

// why finds the reason in a server's words; None where it gives none that we know.
func why(text string) Reason {
	if text == "" {
		return None
	}
	for _, r := range rules {
		if r.words.MatchString(text) {
			return r.reason
		}
	}
	return None
}

// byStatus is the reason that an enhanced code stands for, RFC 3463 section 3; None for those too general to tell.
func byStatus(status string) Reason {
	class, rest, _ := strings.Cut(status, ".")
	switch rest {
	case "1.1", "1.3", "1.0", "1.351":
		return UserUnknown
	case "1.2", "4.4", "4.310":
		return HostUnknown
	case "1.6":
		return HasMoved
	case "1.7", "1.8":
		return Rejected
	case "1.10":
		if class == "5" {
			return NotAccept // RFC 7505: the domain takes no mail
		}
		return None
	case "2.0", "7.13":
		if rest == "2.0" {
			return Filtered
		}
		return Suspended
	case "2.1":
		return Suspended
	case "2.2":
		return MailboxFull
	case "2.3", "3.4":
		return MessageTooBig
	case "2.4":
		return MailerError
	case "3.2":
		if class == "5" {
			return NotAccept
		}
		return System
	case "4.1", "4.2", "4.3", "4.5", "4.6":
		return Network
	case "4.7", "4.316":
		return Expired
	case "7.8", "7.9", "7.20", "7.21", "7.22", "7.23", "7.24", "7.26", "7.509":
		return AuthFailure
	case "7.25":
		return BadPTR
	}
	switch subject, _, _ := strings.Cut(rest, "."); subject {
	case "3":
		return System
	case "4":
		return Network
	case "5":
		return Policy
	case "6":
		return Content
	case "7":
		return Policy
	default:
		return None
	}
}

// verdict judges one recipient's fate. Where words and code disagree about whether it is for good, the milder counts: a good
// address that is suppressed is a customer lost, and nobody notices.
func verdict(r *Recipient) Verdict {
	if r.Action == actionDelivered || r.Action == actionRelayed || r.Action == actionExpanded {
		return VerdictNone
	}
	temporary := strings.HasPrefix(r.Status, "4") || strings.HasPrefix(r.Code, "4") || r.Action == actionDelayed
	switch r.Reason {
	case UserUnknown, HostUnknown, HasMoved, NotAccept:
		if temporary {
			return VerdictSoft
		}
		return VerdictHard
	case Suspended, MailboxFull, MessageTooBig, Expired, Network, System, MailerError, Content, Filtered, OnHold:
		return VerdictSoft
	case TooMany, Spam, Virus, Blocked, BadPTR, AuthFailure, Rejected, NoRelaying, Policy:
		return VerdictPolicy
	case Feedback:
		return VerdictComplaint
	case Vacation:
		return VerdictAuto
	case None:
		return VerdictUnknown
	}
	return VerdictUnknown
}
