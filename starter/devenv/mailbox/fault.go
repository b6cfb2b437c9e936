package mailbox

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Stage is where in the conversation of a message something goes wrong.
type Stage string

// The stages.
const (
	AtConnect Stage = "connect" // in answer to EHLO; a client that then tries HELO meets it again
	AtMail    Stage = "mail"
	AtRcpt    Stage = "rcpt"
	AtData    Stage = "data" // before the text is read: a connection that ends here ends before the final dot
	AtDot     Stage = "dot"  // the message is taken, and the answer goes wrong
)

// FaultRule has receiving go wrong, for people and scripts: POST /dev/mailbox/faults.
type FaultRule struct {
	Stage Stage  `json:"stage"`
	To    string `json:"to,omitempty"` // pattern of recipients, as *@slow.example; empty: each. At connect and mail nobody knows them yet
	Times int    `json:"times"`        // how often; 0: until it is deleted

	Code     int    `json:"code,omitempty"`     // of the answer: 421, 451, 550
	Enhanced string `json:"enhanced,omitempty"` // as 5.1.1; follows from the code
	Message  string `json:"message,omitempty"`
	Drop     bool   `json:"drop,omitempty"`  // the connection ends without an answer
	Stall    int    `json:"stall,omitempty"` // milliseconds before the answer, or the end

	Hits int `json:"hits"` // how often it has come to pass
}

// check says what is wrong with a rule; nil when nothing is.
func (f *FaultRule) check() error {
	_, pattern := path.Match(f.To, "")
	var a, b, c int
	switch {
	case !slices.Contains([]Stage{AtConnect, AtMail, AtRcpt, AtData, AtDot}, f.Stage):
		return fmt.Errorf("there is no stage %q: want connect, mail, rcpt, data or dot", f.Stage)
	case pattern != nil:
		return fmt.Errorf("to is %q: want a pattern such as *@slow.example", f.To)
	case f.To != "" && (f.Stage == AtConnect || f.Stage == AtMail):
		return errors.New("to: the recipient is not known yet at connect and mail")
	case f.Code != 0 && (f.Code < 400 || f.Code > 599):
		return fmt.Errorf("code is %d: want 400 to 599", f.Code)
	case f.Times < 0 || f.Stall < 0:
		return errors.New("times and stall cannot be negative")
	case f.Code == 0 && !f.Drop && f.Stall == 0:
		return errors.New("nothing would go wrong: give a code, drop or stall")
	case f.Code != 0 && f.Drop:
		return errors.New("code and drop exclude each other")
	}
	if n, err := fmt.Sscanf(f.Enhanced, "%d.%d.%d", &a, &b, &c); f.Enhanced != "" && (err != nil || n != 3) {
		return fmt.Errorf("enhanced is %q: want one such as 5.1.1", f.Enhanced)
	}
	return nil
}

func (f *FaultRule) answer() *smtp.SMTPError {
	e := &smtp.SMTPError{Code: f.Code, EnhancedCode: smtp.EnhancedCode{f.Code / 100, 0, 0}, Message: f.Message}
	if f.Enhanced != "" {
		_, _ = fmt.Sscanf(f.Enhanced, "%d.%d.%d", &e.EnhancedCode[0], &e.EnhancedCode[1], &e.EnhancedCode[2]) // checked before
	}
	if e.Message == "" {
		e.Message = "A fault of the development mailbox"
	}
	return e
}

// accept takes a new rule, or says what is wrong with it.
func (f *FaultRule) accept() error {
	f.Hits = 0
	return f.check()
}

// happens tells whether the rule is about a stage of a message to somebody, and counts it then.
func (f *FaultRule) happens(stage Stage, to []string) bool {
	if f.Stage != stage || f.Times > 0 && f.Hits >= f.Times {
		return false
	}
	fits := func(address string) bool {
		ok, err := path.Match(strings.ToLower(f.To), strings.ToLower(address))
		return ok && err == nil
	}
	if f.To != "" && !slices.ContainsFunc(to, fits) {
		return false
	}
	f.Hits++
	return true
}

// errDropped ends a conversation whose connection a fault has closed.
var errDropped = errors.New("dropped by a fault of the development mailbox")

// goWrong plays the fault of a stage; nil where there is none.
func (m *Mailbox) goWrong(stage Stage, conn net.Conn, to ...string) error {
	f, ok := m.faults.First(func(rule *FaultRule) bool { return rule.happens(stage, to) })
	if !ok {
		return nil
	}
	if f.Stall > 0 {
		timer := time.NewTimer(time.Duration(f.Stall) * time.Millisecond)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-m.stopping:
		}
	}
	switch {
	case f.Drop:
		return errors.Join(errDropped, conn.Close())
	case f.Code != 0:
		return f.answer()
	default:
		return nil
	}
}
