package voice

import (
	"encoding/xml"
	"fmt"
	"strconv"
)

// Script is what Twilio does with a call, in order (https://www.twilio.com/docs/voice/twiml). Its text and addresses are
// escaped, so that nobody's name can become a command.
type Script struct {
	XMLName xml.Name `xml:"Response"`
	Verbs   []any
}

// Marshal writes the script as Twilio reads it.
func (s Script) Marshal() (string, error) {
	raw, err := xml.Marshal(s)
	if err != nil {
		return "", fmt.Errorf("write TwiML: %w", err)
	}
	return string(raw), nil
}

// Say speaks a text.
type Say struct {
	XMLName  xml.Name `xml:"Say"`
	Language string   `xml:"language,attr,omitempty"`
	Text     string   `xml:",chardata"`
}

// Play plays a sound.
type Play struct {
	XMLName xml.Name `xml:"Play"`
	URL     string   `xml:",chardata"`
}

// Pause is silence.
type Pause struct {
	XMLName xml.Name `xml:"Pause"`
	Length  int      `xml:"length,attr"` // seconds
}

// Hangup ends the call.
type Hangup struct {
	XMLName xml.Name `xml:"Hangup"`
}

// Leave takes the caller out of the queue that she waits in.
type Leave struct {
	XMLName xml.Name `xml:"Leave"`
}

// Message answers a text message.
type Message struct {
	XMLName xml.Name `xml:"Message"`
	Text    string   `xml:",chardata"`
}

// Dial connects with a number or with a queue.
type Dial struct {
	XMLName           xml.Name `xml:"Dial"`
	Action            string   `xml:"action,attr,omitempty"`
	Timeout           string   `xml:"timeout,attr,omitempty"` // seconds that it rings
	CallerID          string   `xml:"callerId,attr,omitempty"`
	Record            string   `xml:"record,attr,omitempty"`
	RecordingCallback string   `xml:"recordingStatusCallback,attr,omitempty"`
	Number            *Number
	Queue             *Queue
}

// Recorded has a Dial keep a recording, from when it is answered; callback hears its address.
func (d *Dial) Recorded(callback string) {
	d.Record, d.RecordingCallback = "record-from-answer", callback
}

// RingFor sets the seconds that a Dial rings.
func (d *Dial) RingFor(seconds int) { d.Timeout = strconv.Itoa(seconds) }

// Number is who is dialled.
type Number struct {
	XMLName        xml.Name `xml:"Number"`
	StatusCallback string   `xml:"statusCallback,attr,omitempty"`
	Events         string   `xml:"statusCallbackEvent,attr,omitempty"`
	Number         string   `xml:",chardata"`
}

// Queue is whose first caller is connected. URL is asked for a script for the caller just before.
type Queue struct {
	XMLName xml.Name `xml:"Queue"`
	URL     string   `xml:"url,attr,omitempty"`
	Name    string   `xml:",chardata"`
}

// Enqueue has the caller wait.
type Enqueue struct {
	XMLName xml.Name `xml:"Enqueue"`
	Action  string   `xml:"action,attr,omitempty"`
	WaitURL string   `xml:"waitUrl,attr,omitempty"`
	Name    string   `xml:",chardata"`
}

// Record takes a message.
type Record struct {
	XMLName   xml.Name `xml:"Record"`
	Action    string   `xml:"action,attr"`
	MaxLength int      `xml:"maxLength,attr"` // seconds
	PlayBeep  bool     `xml:"playBeep,attr"`
}

// QueueOf names the queue of a workspace's operators.
func QueueOf(workspace int64) string { return "dotyk-" + strconv.FormatInt(workspace, 10) }
