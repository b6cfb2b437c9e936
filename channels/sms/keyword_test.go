package sms_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/channels/sms"
)

func TestReadKeyword(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]sms.Keyword{
		"STOP": sms.Stop, " Stop. ": sms.Stop, "“stop”": sms.Stop, "«Стоп»": sms.Stop, "opt-out": sms.Stop, "opt out": sms.Stop,
		"STOP ALL!!": sms.Stop, "ＳＴＯＰ": sms.Stop, "СTOP": sms.Stop, "SТОР": sms.Stop, "CTOП": sms.Stop, "(stop)": sms.Stop,
		"st\u200bop": sms.Stop, "відписатися": sms.Stop, "Відписатись.": sms.Stop, "stop\n": sms.Stop, "STOP 🙏": sms.Stop,
		"start": sms.Start, "unstop": sms.Start, "старт!": sms.Start,
		"help": sms.Help, "HELP?": sms.Help, "info": sms.Help, "Допомога": sms.Help,
		"": "", "can't stop": "", "don't stop": "", "stop it": "", "Hello, please stop the rain": "", "yes": "", "так": "",
		"STOP 2": "", "bus stop": "", "зупинка": "", "стоп-кран": "", "weekend": "", "S.T.O.P": "", "...": "",
	} {
		require.Equal(t, want, sms.ReadKeyword(body), "%q", body)
	}
}

func FuzzReadKeyword(f *testing.F) {
	f.Add("Stop")
	f.Fuzz(func(t *testing.T, body string) {
		if got := sms.ReadKeyword(body); got != "" {
			require.Equal(t, got, sms.ReadKeyword(" "+body+"!"))
		}
	})
}
