package inbound_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/email/inbound"
)

// TestFormats reads reports in the forms of servers that keep to no standard, written here from memory of them.
func TestFormats(t *testing.T) {
	t.Parallel()
	const returned = "\nReceived: from a by b; Mon, 5 Oct 2020 10:00:00 +0000\nMessage-ID: <ours@shop.example>\nFrom: shop@shop.example\nTo: neko@example.com\nSubject: News\n\nHello\n"
	for name, c := range map[string]struct {
		mail      string
		recipient string
		reason    inbound.Reason
		verdict   inbound.Verdict
		status    string
	}{
		"qmail": {
			"From: MAILER-DAEMON@mx.example.org\nTo: shop@shop.example\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<neko@example.com>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 <neko@example.com>: user unknown\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"qmail, local": {
			"From: MAILER-DAEMON@mx.example.org\nTo: shop@shop.example\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\n\n<neko@example.com>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"qmail, no host": {
			"From: MAILER-DAEMON@mx.example.org\nTo: shop@shop.example\nSubject: failure notice\n\nHi. This is the qmail-send program.\n\n<neko@example.com>:\nSorry, I couldn't find any host named example.com. (#5.1.2)\n\n--- Below this line is a copy of the message.\n" + returned,
			"neko@example.com", inbound.HostUnknown, inbound.VerdictHard, "5.1.2",
		},
		"sendmail 5": {
			"From: MAILER-DAEMON@old.example.org (Mail Delivery Subsystem)\nTo: shop@shop.example\nSubject: Returned mail: User unknown\n\n   ----- Transcript of session follows -----\nWhile talking to mx.example.com:\n>>> RCPT To:<neko@example.com>\n<<< 550 <neko@example.com>... User unknown\n550 <neko@example.com>... User unknown\n\n   ----- Unsent message follows -----\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "",
		},
		"Exchange 5.5": {
			"From: System Administrator <postmaster@corp.example>\nTo: shop@shop.example\nSubject: Undeliverable: News\n\nYour message\n\n  To:      neko@example.com\n  Subject: News\n  Sent:    Mon, 5 Oct 2020 10:00:00 +0000\n\ndid not reach the following recipient(s):\n\nneko@example.com on Mon, 5 Oct 2020 10:00:01 +0000\n    The recipient name is not recognized\n\tThe MTS-ID of the original message is: c=jp;a= ;p=Corp\n    MSEXCH:IMS:Corp:Site:HOST 0 (000C05A6) Unknown Recipient\n",
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "",
		},
		"Courier": {
			"From: \"Courier mail server at mx.example.org\" <@mx.example.org>\nTo: shop@shop.example\nSubject: NOTICE: mail delivery status.\n\nThis is a delivery status notification from mx.example.org,\nrunning the Courier mail server, version 0.65.\n\nThe original message was received on Mon, 05 Oct 2020 10:00:00 +0000\n\n---------------------------------------------------------------------------\n\n                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<neko@example.com>:\n    mx.example.com [192.0.2.2]:\n>>> RCPT TO:<neko@example.com>\n<<< 550 5.1.1 <neko@example.com>... User Unknown\n\n---------------------------------------------------------------------------\n",
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"Gmail, old": {
			"From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nTo: shop@shop.example\nSubject: Delivery Status Notification (Failure)\n\nDelivery to the following recipient failed permanently:\n\n     neko@example.com\n\nTechnical details of permanent failure: \nGoogle tried to deliver your message, but it was rejected by the recipient domain. The error that the other server returned was: 550 550 5.2.2 <neko@example.com>... Mailbox Full (state 14).\n\n   ----- Original message -----\n" + returned,
			"neko@example.com", inbound.MailboxFull, inbound.VerdictSoft, "5.2.2",
		},
		"Gmail, delayed": {
			"From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>\nTo: shop@shop.example\nSubject: Delivery Status Notification (Delay)\n\nThis is an automatically generated Delivery Status Notification\n\nTHIS IS A WARNING MESSAGE ONLY.\n\nYOU DO NOT NEED TO RESEND YOUR MESSAGE.\n\nDelivery to the following recipient has been delayed:\n\n     neko@example.com\n\nMessage will be retried for 2 more day(s)\n\nTechnical details of temporary failure: \nThe recipient server did not accept our requests to connect.\n\n----- Original message -----\n" + returned,
			"neko@example.com", "", inbound.VerdictSoft, "",
		},
		"Yahoo": {
			"From: MAILER-DAEMON@yahoo.com\nTo: shop@shop.example\nSubject: Failure Notice\n\nSorry, we were unable to deliver your message to the following address.\n\n<neko@example.com>:\nRemote host said: 550 5.1.1 <neko@example.com>... User Unknown [RCPT_TO]\n\n--- Below this line is a copy of the message.\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"MailMarshal": {
			"From: postmaster@mm.example\nTo: shop@shop.example\nSubject: Undeliverable Mail: \"News\"\n\nYour message:\n   From:    shop@shop.example\n   Subject: News\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected: \n   neko@example.com\n\n",
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"InterScan": {
			"From: InterScan MSS <postmaster@example.com>\nTo: shop@shop.example\nSubject: Mail could not be delivered\n\nSent <<< RCPT TO:<neko@example.com>\nReceived >>> 550 5.1.1 <neko@example.com>... user unknown\n\nUnable to deliver message to <neko@example.com>\n",
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"Verizon": {
			"From: post_master@vtext.com\nTo: shop@shop.example\nSubject: Undeliverable Message\n\nError: No valid recipients from this MM\n\nError message below:\n550 - Requested action not taken: no such user here\n\nMessage details:\n  Subject: News\n  MAIL FROM: shop@shop.example\n  RCPT TO: 5551234567@vtext.com\n",
			"5551234567@vtext.com", inbound.UserUnknown, inbound.VerdictHard, "",
		},
		"EZweb": {
			"From: Postmaster@ezweb.ne.jp\nTo: shop@shop.example\nSubject: Mail System Error - Returned Mail\n\nThe user(s) account is temporarily over quota.\n\n<neko@ezweb.ne.jp>\n\n-----------------------\n",
			"neko@ezweb.ne.jp", inbound.MailboxFull, inbound.VerdictSoft, "",
		},
		"Notes": {
			"From: postmaster@n.example\nTo: shop@shop.example\nSubject: DELIVERY FAILURE: User neko (neko@example.com) not listed in Domino Directory\n\n------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\nneko@example.com\n\n------- Returned Message --------\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "",
		},
		"SurfControl": {
			"From: postmaster@example.com\nTo: shop@shop.example\nSubject: Notification: delivery failure\n\nYour message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: neko@example.com\n\nThu 29 Apr 2010 23:34:45 +0900\nFailed to send to identified host,\nneko@example.com: [192.0.2.1], 550 5.1.1 <neko@example.com>... User unknown\n--- Message non-deliverable.\n",
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
		"AOL": {
			"From: Mail Delivery Subsystem <MAILER-DAEMON@aol.com>\nTo: shop@shop.example\nSubject: Undeliverable: News\n\nYour mail to the following recipients could not be delivered because they are not accepting mail from shop@shop.example:\n\tneko@aol.com\n",
			"neko@aol.com", "", "", "",
		},
		"Japanese": {
			"From: postmaster@mx.example.jp\nTo: shop@shop.example\nSubject: =?ISO-2022-JP?B?GyRCTXc4eDNqGyhC?=\nContent-Type: text/plain; charset=UTF-8\n\n次の宛先へのメールは配信できませんでした。\n宛先不明です。\n\n  neko@example.jp\n\n--- Original message ---\n" + returned,
			"neko@example.jp", inbound.UserUnknown, inbound.VerdictHard, "",
		},
		"1&1": {
			"From: Mail Delivery System <mailer-daemon@kundenserver.de>\nTo: shop@shop.example\nSubject: Mail delivery failed: returning message to sender\n\nThis message was created automatically by mail delivery software.\n\nThe following address failed:\n\nneko@example.com:\nSMTP error from remote server after RCPT command:\nhost: mx.example.com\n5.1.1 <neko@example.com>... User Unknown\n\n--- The header of the original message is following. ---\n" + returned,
			"neko@example.com", inbound.UserUnknown, inbound.VerdictHard, "5.1.1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := inbound.Parse([]byte(c.mail))
			require.Contains(t, []inbound.Kind{inbound.Bounce, inbound.Delayed}, r.Kind)
			require.Len(t, r.Recipients, 1)
			got := r.Recipients[0]
			require.Equal(t, c.recipient, got.Address)
			if c.reason != "" {
				require.Equal(t, c.reason, got.Reason, got.Diagnostic)
			}
			if c.verdict != "" {
				require.Equal(t, c.verdict, got.Verdict, got.Diagnostic)
			} else {
				require.NotEqual(t, inbound.VerdictHard, got.Verdict, got.Diagnostic)
			}
			require.Equal(t, c.status, got.Status)
			if strings.Contains(c.mail, "ours@shop.example") {
				require.Equal(t, "ours@shop.example", r.OriginalID)
			}
		})
	}
}

// TestOtherMail tells people, machines and wishes apart.
func TestOtherMail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mail string
		kind inbound.Kind
	}{
		"a person":                  {"From: Neko <neko@example.com>\nTo: shop@shop.example\nSubject: Re: News\nIn-Reply-To: <ours@shop.example>\n\nIs it still there?\n", inbound.Reply},
		"a person on failures":      {"From: Neko <neko@example.com>\nTo: shop@shop.example\nSubject: Re: Undeliverable parcel\n\nThe parcel could not be delivered to my house.\n", inbound.Reply},
		"out of office":             {"From: neko@example.com\nTo: shop@shop.example\nSubject: Out of office: News\nAuto-Submitted: auto-replied\n\nBack on Monday.\n", inbound.AutoReply},
		"out of office, empty path": {"Return-Path: <>\nFrom: neko@example.com\nTo: shop@shop.example\nSubject: Re: News\n\nI am away.\n", inbound.AutoReply},
		"out of office, by subject": {"From: neko@example.com\nTo: shop@shop.example\nSubject: Automatic reply: News\n\nI am away.\n", inbound.AutoReply},
		"vacation":                  {"From: neko@example.com\nTo: shop@shop.example\nSubject: away from my mail\nPrecedence: bulk\nIn-Reply-To: <ours@shop.example>\n\nGone fishing.\n", inbound.AutoReply},
		"Ukrainian":                 {"From: neko@example.com\nTo: shop@shop.example\nSubject: =?UTF-8?B?0JDQstGC0L7QvNCw0YLQuNGH0L3QsCDQstGW0LTQv9C+0LLRltC00Yw=?=\n\nВідпустка\n", inbound.AutoReply},
		"to u+":                     {"From: neko@example.com\nTo: u+abcdefghij234567@b.shop.example\nSubject: hello\n\n", inbound.Unsubscribe},
		"says so":                   {"From: neko@example.com\nTo: shop@shop.example\nSubject: Unsubscribe\n\n", inbound.Unsubscribe},
		"says so in Ukrainian":      {"From: neko@example.com\nTo: shop@shop.example\nSubject: Re: News\nContent-Type: text/plain; charset=utf-8\n\nВідписатись\n\n> News\n", inbound.Unsubscribe},
		"speaks of it":              {"From: neko@example.com\nTo: shop@shop.example\nSubject: How do I unsubscribe from this?\n\nI would like to know.\n", inbound.Reply},
		"nothing":                   {"", inbound.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.kind, inbound.Parse([]byte(c.mail)).Kind)
		})
	}
}

// TestToken finds ours in the address of a report, and in what is sent back of our message.
func TestToken(t *testing.T) {
	t.Parallel()
	r := inbound.Parse([]byte("From: MAILER-DAEMON@x.example\nTo: B+ABCDEFGHIJ234567@b.shop.example\nSubject: failure notice\n\nx\n"))
	require.Equal(t, "abcdefghij234567", r.Token)
	require.Equal(t, byte('b'), r.Purpose)
	r = inbound.Parse([]byte("From: MAILER-DAEMON@x.example\nTo: postmaster@shop.example\nSubject: failure notice\n\n<a@b.example>:\nno such user\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <b+abcdefghij234567@b.shop.example>\nMessage-ID: <m@shop.example>\n"))
	require.Equal(t, "abcdefghij234567", r.Token)
	require.Equal(t, "m@shop.example", r.OriginalID)
}
