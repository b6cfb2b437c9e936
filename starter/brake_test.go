package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/storetest"
)

func TestBrakeCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	storetest.Workspace(t, storetest.Open(t, s.url))
	file := filepath.Join(t.TempDir(), "sale.yaml")
	for _, name := range []string{"sale", "sorry"} {
		require.NoError(t, os.WriteFile(file, []byte("campaign: "+name+"\ntrigger: {api: true}\ntopic: news\nbrakes: {bounces: 3%}\nsteps: [{email: {id: m, subject: Hi, text: Hi}}]\n"), 0o600))
		s.ok("campaign", "publish", file)
	}
	require.Contains(t, s.ok("brake", "show"), `each marketing campaign: {"failures":"10%","bounces":"5%","complaints":"0.3%","unsubscribes":"2%","per":"1h","after":200}`)
	require.Contains(t, s.ok("brake", "show"), "all together: \"none\"\nno limit was passed")
	require.Contains(t, s.ok("brake", "set", "--campaigns", "{bounces: 1%}", "--together", "{spend: 500, per: 1d}"), `all together: {"spend":500,"per":"1d","after":200}`)
	require.Contains(t, s.fails("brake", "set", "--campaigns", "{bounce: 1%}"), `Did you mean "bounces"?`)
	require.Contains(t, s.fails("brake", "set"), "give --campaigns")
	require.Contains(t, s.ok("brake", "set", "--campaigns", "none"), `each marketing campaign: "none"`)
	require.Contains(t, s.ok("brake", "clear"), `"bounces":"5%"`)
	require.Contains(t, s.fails("brake", "lift", "email"), "brake of channel email: not found")
	require.Contains(t, s.ok("brake", "show", "--json"), "[]")

	require.Equal(t, "touch,customer,external_id,name,channel,address,step,status,at\n", s.ok("campaign", "touched", "sale"))
	require.Contains(t, s.fails("campaign", "touched", "none"), `campaign "none": not found`)
	require.Contains(t, s.ok("campaign", "correct", "sale", "--with", "sorry", "--dry-run"), "concerns 0 customers")
	require.Contains(t, s.ok("campaign", "correct", "sale", "--with", "sorry", "--id", "one"), "correction one concerns 0 customers")
	require.Contains(t, s.fails("campaign", "correct", "sale", "--with", "sale"), "cannot correct itself")

	require.Contains(t, s.ok("touch", "uncertain"), "no touch is uncertain")
	require.Contains(t, s.fails("touch", "resolve", "--sent"), "give the id of a touch")
	require.Contains(t, s.fails("touch", "resolve", "x", "--resend"), `touch "x": not found`)
	require.Contains(t, s.ok("touch", "resolve", "--campaign", "sale", "--not-sent"), "0 touches are resolved")
	require.Contains(t, s.ok("workspace", "set", "--uncertain", "resend"), "uncertain messages: resend")
	require.Contains(t, s.fails("workspace", "set", "--uncertain", "ask"), "write leave or resend")
}
