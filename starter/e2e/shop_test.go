package e2e

import (
	"testing"

	"dotyk/channels/email/smtptest"
)

// shop is one product that many tests use at a time, each with customers and campaigns of its own.
type shop struct {
	*product
	mail *smtptest.Server
}

// TestShop runs what needs no more than a product that works: a real mail server, and the development phone.
func TestShop(t *testing.T) {
	t.Parallel()
	mail := smtptest.Start(t, smtptest.Config{})
	s := &shop{mail: mail}
	s.product = startProduct(t, "shop", []string{"SMTP_URL=" + mail.URL(), "DOTYK_EMAIL_FROM=Shop <hello@shop.example>"})
	for name, test := range map[string]func(*testing.T, *shop){
		"Segment's client for Go":      testGoClient,
		"Segment's client for Node":    testNodeClient,
		"A wait that is met":           testWaitMet,
		"A wait that times out":        testWaitTimesOut,
		"Pause and resume":             testPause,
		"A campaign file with errors":  testBadCampaign,
		"Publishing":                   testPublish,
		"One click unsubscribes":       testUnsubscribe,
		"STOP and START":               testStop,
		"A topic that requires opt-in": testOptIn,
		"A form":                       testForm,
		"Bad requests":                 testBadRequests,
		"Bad fields":                   testBadFields,
		"Bad messages in a batch":      testBadMessages,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
}
