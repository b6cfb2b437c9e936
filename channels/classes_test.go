package channels_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"dotyk/channels"
	"dotyk/channels/sms"
	"dotyk/rules/audience"
)

func TestBuiltInClasses(t *testing.T) {
	t.Parallel()

	t.Run("Are all good, and none is hidden by those before it", func(t *testing.T) {
		t.Parallel()
		seen := map[string]bool{}
		for _, c := range channels.BuiltInClasses() {
			require.NoError(t, c.Check())
			require.NotEmpty(t, c.Note, c.Code)
			key := string(c.Channel) + " " + c.Code + " " + c.Text
			require.False(t, seen[key], key)
			seen[key] = true
		}
	})

	t.Run("Judge what nobody has judged", func(t *testing.T) {
		t.Parallel()
		var none channels.Classes
		for _, c := range []struct {
			channel      audience.Channel
			code, detail string
			want         channels.FailureKind
		}{
			{audience.Email, "550 5.1.1", "no such user", channels.BadAddress},
			{audience.Email, "5.1.1", "", channels.BadAddress},
			{audience.Email, "552 5.2.2", "over quota", channels.Temporary},
			{audience.Email, "550 5.7.515", "authentication", channels.SenderBlocked},
			{audience.Email, "550 5.4.4", "", channels.BadAddress},
			{audience.Email, "550 5.4.6", "loop", channels.Temporary},
			{audience.Email, "550", "Mailbox does not exist", channels.BadAddress},
			{audience.Email, "554", "Mailbox does not exist", channels.BadMessage},
			{audience.Email, "554 5.0.0", "Blocked as SPAM", channels.SenderBlocked},
			{audience.Email, "550 5.0.0", "no", channels.BadMessage},
			{audience.Email, "451 4.3.0", "later", channels.Temporary},
			{audience.Email, "", "EOF", channels.Temporary},
			{audience.SMS, "21610", "", channels.OptedOut},
			{audience.SMS, "30005", "", channels.BadAddress},
			{audience.SMS, "21999", "", channels.SenderBlocked},
			{audience.SMS, "39999", "", channels.BadMessage},
			{audience.Call, "21211", "", channels.BadAddress},
			{audience.Webhook, "500", "", channels.Temporary},
		} {
			require.Equal(t, c.want.String(), none.Kind(c.channel, &channels.SendError{Code: c.code, Detail: c.detail}).String(), "%v", c)
		}
	})

	t.Run("Leave what the sender saw as it is", func(t *testing.T) {
		t.Parallel()
		var none channels.Classes
		// In answer to MAIL: the address at fault is ours.
		require.Equal(t, channels.SenderBlocked, none.Kind(audience.Email, &channels.SendError{Kind: channels.SenderBlocked, Code: "550 5.1.1"}))
	})

	t.Run("Agree with the SMS sender", func(t *testing.T) {
		t.Parallel()
		for _, c := range channels.BuiltInClasses() {
			if c.Channel != audience.SMS || strings.HasSuffix(c.Code, "*") {
				continue
			}
			code, err := strconv.Atoi(c.Code)
			require.NoError(t, err)
			kind, known := sms.KindOfCode(code)
			require.True(t, known, code)
			require.Equal(t, kind.String(), c.Kind.String(), code)
		}
	})
}

func TestClasses(t *testing.T) {
	t.Parallel()
	class := func(code, text string, kind channels.FailureKind) channels.Class {
		return channels.Class{Channel: audience.Email, Code: code, Text: text, Kind: kind}
	}

	t.Run("The workspace's come before the installation's, and the more exact before the less", func(t *testing.T) {
		t.Parallel()
		c, err := channels.NewClasses(
			[]channels.Class{class("5.7.*", "", channels.Temporary), class("550 5.7.1", "", channels.BadMessage), class("550 5.7.1", "unsubscribed", channels.OptedOut)},
			[]channels.Class{class("5.7.26", "", channels.BadAddress), class("4*", "", channels.BadAddress), class("*", "greylist", channels.Temporary)},
		)
		require.NoError(t, err)
		for text, want := range map[string]channels.FailureKind{
			"550 5.7.1 policy":                channels.BadMessage,
			"550 5.7.1 They UNSUBSCRIBED":     channels.OptedOut,
			"550 5.7.26 unauthenticated":      channels.Temporary,
			"450 4.2.0 try later":             channels.BadAddress,
			"550 5.1.1 no such user":          channels.SenderBlocked, // as its sender judged
			"550 5.1.1 no such user greylist": channels.Temporary,
		} {
			parts := strings.SplitN(text, " ", 3)
			e := &channels.SendError{Kind: channels.SenderBlocked, Code: parts[0] + " " + parts[1], Detail: parts[2]}
			require.Equal(t, want.String(), c.Kind(audience.Email, e).String(), text)
			require.Equal(t, channels.SenderBlocked, c.Kind(audience.SMS, e), "of another channel")
		}
	})

	t.Run("Are refused with how to mend them", func(t *testing.T) {
		t.Parallel()
		for want, c := range map[string]channels.Class{
			"channel": {Channel: audience.Webhook, Code: "1", Kind: channels.Temporary},
			"code":    class("", "", channels.Temporary),
			"one *":   class("5.*.1", "", channels.Temporary),
			"kind":    class("5*", "", 0),
			"unknown": class("5*", "", channels.Unknown),
			"regular": class("5*", "(", channels.Temporary),
			"at most": class("5*", strings.Repeat("x", 501), channels.Temporary),
		} {
			err := c.Check()
			require.ErrorIs(t, err, channels.ErrClass, want)
			require.ErrorContains(t, err, map[bool]string{true: "at the most", false: want}[want == "at most"])
			_, err = channels.NewClasses([]channels.Class{c})
			require.ErrorIs(t, err, channels.ErrClass, want)
		}
	})

	t.Run("Never make or unmake what is unknown", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) {
			var own []channels.Class
			for range rapid.IntRange(0, 5).Draw(t, "classes") {
				c := class(
					rapid.SampledFrom([]string{"*", "5*", "5.1.1", "550", "4*", "550 5.*"}).Draw(t, "code"),
					rapid.SampledFrom([]string{"", "user", ".*"}).Draw(t, "text"),
					channels.FailureKind(rapid.IntRange(int(channels.Temporary), int(channels.SenderBlocked)).Draw(t, "kind")),
				)
				own = append(own, c)
			}
			c, err := channels.NewClasses(own)
			require.NoError(t, err)
			e := &channels.SendError{
				Kind:   channels.FailureKind(rapid.IntRange(0, int(channels.Unknown)).Draw(t, "judged")),
				Code:   rapid.SampledFrom([]string{"", "550 5.1.1", "421", "450 4.2.2", "21610"}).Draw(t, "answer"),
				Detail: rapid.SampledFrom([]string{"", "no such user"}).Draw(t, "words"),
			}
			got := c.Kind(rapid.SampledFrom([]audience.Channel{audience.Email, audience.SMS}).Draw(t, "channel"), e)
			require.Equal(t, e.Kind == channels.Unknown, got == channels.Unknown)
			require.NotZero(t, got)
		})
	})
}

func TestFailureKindNames(t *testing.T) {
	t.Parallel()
	for k := channels.Temporary; k <= channels.Unknown; k++ {
		got, err := channels.ParseFailureKind(k.Name())
		require.NoError(t, err)
		require.Equal(t, k, got)
	}
	_, err := channels.ParseFailureKind("maybe")
	require.ErrorContains(t, err, "bad_address")
	require.NotContains(t, channels.KindNames(), "unknown")
}
