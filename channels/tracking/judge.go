package tracking

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Kind is what was seen of a message.
type Kind string

// The kinds.
const (
	Open     Kind = "open"     // its picture was fetched
	Click    Kind = "click"    // a link was followed
	Honeypot Kind = "honeypot" // a link was followed that no person sees
)

// Verdict says who it was.
type Verdict string

// The verdicts.
const (
	Human   Verdict = "human"
	Machine Verdict = "machine" // a mail program or proxy that fetches pictures in advance
	Scanner Verdict = "scanner" // a program that looks for harmful mail
)

// Settled is how old an observation must be before it is judged: what a scanner does next gives away what it did first.
const Settled = 3 * time.Second

// Limits within which observations belong together.
const (
	early       = 5 * time.Second // after the message was handed over: nobody reads so fast
	soon        = time.Minute
	volley      = 2 * time.Second // so many different links in so short a time
	volleyLinks = 3
	together    = 10 * time.Second // one program at work
	burst       = 10 * time.Second // on messages to one company
	burstTouch  = 5                // different messages
	enough      = 100              // points of a machine
)

// Window is how far from an observation others can change its verdict.
const Window = together

// Observation is one opening or click.
type Observation struct {
	ID        string
	TouchID   string
	Kind      Kind
	Head      bool // asked for by HEAD: nobody sees an answer without a body
	URL       string
	At        time.Time
	Network   string // of the address; empty when it is not known
	UserAgent string
	Domain    string // of the recipient's address, in small letters
}

// Seen is an observation with what else is known of it.
type Seen struct {
	Observation
	SentAt time.Time     // when the message was handed over to a server; zero when that is not known to have happened
	Same   []Observation // all of the same message, this one among them
	// Domain's other messages of which links were followed within Window of this one: how many.
	Neighbours int
}

// Judgement is a verdict with its reasons.
type Judgement struct {
	Verdict Verdict
	Score   int
	Reasons []string // for people: "HEAD request", "3 different links within 2s"
}

// Judge says who it was. Alike input gives the same judgement.
func Judge(s Seen) Judgement {
	if s.Kind == Open && appleProxy(s.UserAgent) {
		return Judgement{Machine, enough, []string{"Apple's mail privacy proxy fetches every picture"}}
	}
	j := alone(s.Observation, s.SentAt)
	if n := volleyOf(s); n >= volleyLinks {
		j.add(enough, fmt.Sprintf("%d different links within %s", n, volley))
	}
	if s.Neighbours+1 >= burstTouch && s.Kind != Open && !public(s.Domain) {
		j.add(60, fmt.Sprintf("links of %d messages to %s within %s", s.Neighbours+1, s.Domain, burst))
		if !s.SentAt.IsZero() && s.At.Before(s.SentAt.Add(soon)) {
			j.add(40, "within a minute after the message was handed over")
		}
	}
	if j.Score < enough {
		j.company(s)
	}
	j.Verdict = Human
	if j.Score >= enough {
		j.Verdict = Scanner
	}
	return j
}

// alone gives the points that an observation has by itself.
func alone(o Observation, sentAt time.Time) Judgement {
	var j Judgement
	if o.Kind == Honeypot {
		j.add(enough, "a link that no person sees")
	}
	if o.Head {
		j.add(enough, "HEAD request")
	}
	if name := scanner(o.UserAgent); name != "" {
		j.add(enough, "user agent of "+name)
	}
	if o.UserAgent == "" {
		j.add(60, "no user agent")
	}
	switch {
	case sentAt.IsZero() || o.At.Before(sentAt):
		j.add(enough, "before the message was handed over")
	case o.At.Before(sentAt.Add(early)):
		j.add(enough, fmt.Sprintf("%s after the message was handed over", o.At.Sub(sentAt).Round(100*time.Millisecond)))
	}
	return j
}

// company adds the points of an observation beside which there is a machine's that looks like the same program.
func (j *Judgement) company(s Seen) {
	for _, o := range s.Same {
		if o.ID == s.ID || distance(o.At, s.At) > together || o.UserAgent != s.UserAgent {
			continue
		}
		if alone(o, s.SentAt).Score < enough {
			continue
		}
		if o.Network == s.Network {
			j.add(enough, "the same program did what only machines do")
			return
		}
	}
}

func (j *Judgement) add(points int, why string) {
	j.Score += points
	j.Reasons = append(j.Reasons, why)
}

// volleyOf is the largest number of different links of the message that were followed within a volley around s.
func volleyOf(s Seen) int {
	if s.Kind == Open {
		return 0
	}
	most := 0
	for _, first := range s.Same {
		if first.At.After(s.At) || s.At.Sub(first.At) > volley {
			continue
		}
		var links []string
		for _, o := range s.Same {
			inside := !o.At.Before(first.At) && o.At.Sub(first.At) <= volley
			if inside && o.Kind != Open && !slices.Contains(links, o.URL) {
				links = append(links, o.URL)
			}
		}
		most = max(most, len(links))
	}
	return most
}

func distance(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

// appleProxy knows Apple's Mail Privacy Protection: it says that it is Mozilla/5.0, and nothing more.
func appleProxy(userAgent string) bool { return userAgent == "Mozilla/5.0" }

// scanners are parts of user agents, in small letters, of programs that no person sits at, and what they are.
var scanners = []struct{ part, name string }{
	{"barracuda", "Barracuda"},
	{"proofpoint", "Proofpoint"},
	{"mimecast", "Mimecast"},
	{"safelinks", "Microsoft Safe Links"},
	{"symantec", "Symantec"},
	{"messagelabs", "Symantec"},
	{"trendmicro", "Trend Micro"},
	{"fireeye", "FireEye"},
	{"cloudmark", "Cloudmark"},
	{"ironport", "Cisco IronPort"},
	{"forcepoint", "Forcepoint"},
	{"websense", "Forcepoint"},
	{"sophos", "Sophos"},
	{"zscaler", "Zscaler"},
	{"mailscanner", "MailScanner"},
	{"virustotal", "VirusTotal"},
	{"urlscan", "urlscan.io"},
	{"headlesschrome", "a browser without a screen"},
	{"phantomjs", "a browser without a screen"},
	{"puppeteer", "a browser without a screen"},
	{"curl/", "curl"},
	{"wget/", "Wget"},
	{"python-requests", "a Python program"},
	{"python-urllib", "a Python program"},
	{"aiohttp", "a Python program"},
	{"go-http-client", "a Go program"},
	{"okhttp", "a Java program"},
	{"java/", "a Java program"},
	{"apache-httpclient", "a Java program"},
	{"libwww-perl", "a Perl program"},
	{"node-fetch", "a JavaScript program"},
	{"axios/", "a JavaScript program"},
	{"googlebot", "a search engine"},
	{"bingbot", "a search engine"},
	{"bingpreview", "a link preview"},
	{"facebookexternalhit", "a link preview"},
	{"slackbot", "a link preview"},
	{"telegrambot", "a link preview"},
	{"whatsapp/", "a link preview"},
	{"skypeuripreview", "a link preview"},
}

// scanner names the program of a user agent; empty for what may be a person's. Gmail's proxy (GoogleImageProxy) fetches
// a picture when a person looks at it.
func scanner(userAgent string) string {
	small := strings.ToLower(userAgent)
	for _, s := range scanners {
		if strings.Contains(small, s.part) {
			return s.name
		}
	}
	return ""
}

// publicDomains are of providers whose customers have nothing to do with one another: that many of them follow links at
// one time says nothing.
var publicDomains = []string{
	"gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "icloud.com", "me.com", "mac.com",
	"aol.com", "yahoo.com", "ymail.com", "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "web.de", "t-online.de", "freenet.de",
	"orange.fr", "free.fr", "laposte.net", "wanadoo.fr", "libero.it", "virgilio.it", "comcast.net", "verizon.net", "att.net",
	"proton.me", "protonmail.com", "zoho.com", "fastmail.com", "mail.com", "ukr.net", "i.ua", "meta.ua", "bigmir.net",
	"wp.pl", "o2.pl", "onet.pl", "interia.pl", "seznam.cz", "qq.com", "163.com", "126.com", "naver.com",
}

// publicNames are providers with a domain in many countries.
var publicNames = []string{"yahoo.", "hotmail.", "outlook.", "live."}

func public(domain string) bool {
	return domain == "" || slices.Contains(publicDomains, domain) ||
		slices.ContainsFunc(publicNames, func(name string) bool { return strings.HasPrefix(domain, name) })
}
