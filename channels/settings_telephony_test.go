package channels_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/channels"
)

func TestTelephonySettings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`: "",
		`{"max_segments":10,"senders":[{"from":"+380441112233","countries":["UA"],"rate":1,"daily":1000},{"from":"Shop"},{"from":"MG0123456789abcdef0123456789abcdef"},{"from":"7722"}],
			"prices":{"UA":"0.12","*":0.2},"voice":{"zone":"Europe/Kyiv","hours":[{"days":["mon"],"from":"09:00","to":"24:00"}]}}`: "",
		`{"max_segments":11}`:                                                   "telephony.max_segments is 11: want 1 to 10",
		`{"senders":[{"from":"a very long name"}]}`:                             `telephony.senders[0].from is "a very long name"`,
		`{"senders":[{"from":"Shop"},{"from":"Shop"}]}`:                         "telephony.senders[1].from is Shop a second time",
		`{"senders":[{"from":"Shop","countries":["ua"]}]}`:                      `telephony.senders[0].countries has "ua"`,
		`{"senders":[{"from":"Shop","rate":-1}]}`:                               "telephony.senders[0].rate is -1",
		`{"senders":[{"from":"Shop","daily":-1}]}`:                              "telephony.senders[0].daily is -1",
		`{"allow":["Ukraine"]}`:                                                 `telephony.allow has "Ukraine"`,
		`{"allow":["UA"],"block":["UA"]}`:                                       "telephony.allow and block both have UA",
		`{"prices":{"Ukraine":1}}`:                                              `telephony.prices has "Ukraine"`,
		`{"prices":{"UA":-1}}`:                                                  "telephony.prices.UA is -1",
		`{"prices":{"UA":1e9999}}`:                                              "telephony.prices.UA is",
		`{"currency":"UAH","prices":{"UA":4}}`:                                  "a price for * is needed",
		`{"currency":"hryvnia","prices":{"*":4}}`:                               `telephony.currency is "hryvnia"`,
		`{"voice":{"zone":"Kyiv"}}`:                                             `telephony.voice.zone is "Kyiv"`,
		`{"voice":{"hours":[{"from":"09:00","to":"18:00"}]}}`:                   "telephony.voice.hours[0].days is empty",
		`{"voice":{"hours":[{"days":["Monday"],"from":"09:00","to":"18:00"}]}}`: `telephony.voice.hours[0].days has "Monday"`,
		`{"voice":{"hours":[{"days":["mon"],"from":"18:00","to":"09:00"}]}}`:    "telephony.voice.hours[0] is from",
		`{"voice":{"hours":[{"days":["mon"],"from":"9:00","to":"18:00"}]}}`:     "telephony.voice.hours[0] is from",
		`{"voice":{"ring_for":601}}`:                                            "telephony.voice.ring_for is 601",
		`{"voice":{"music":"song.mp3"}}`:                                        `telephony.voice.music is "song.mp3"`,
	} {
		var s channels.Settings
		require.NoError(t, json.Unmarshal([]byte(text), &s.Telephony), text)
		err := s.Check()
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
}

func TestWorkingHours(t *testing.T) {
	t.Parallel()
	v := channels.VoiceSettings{Zone: "Europe/Kyiv", Hours: []channels.WorkingHours{
		{Days: []string{"mon", "tue"}, From: "09:00", To: "18:00"}, {Days: []string{"sat"}, From: "10:00", To: "24:00"},
	}}
	for at, want := range map[string]bool{
		"2026-11-23T07:00:00Z": true,  // Monday, nine in Kyiv
		"2026-11-23T06:59:59Z": false, // a second to nine
		"2026-11-23T15:59:59Z": true,
		"2026-11-23T16:00:00Z": false,
		"2026-11-25T10:00:00Z": false, // Wednesday
		"2026-11-28T21:59:00Z": true,  // Saturday, a minute to midnight
		"2026-06-22T06:00:00Z": true,  // summer time
	} {
		moment, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		require.Equal(t, want, v.Open(moment), at)
	}
	require.True(t, (&channels.VoiceSettings{}).Open(time.Now()))
}
