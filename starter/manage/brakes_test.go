package manage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/starter/manage"
)

func TestBrakes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, nil)
	o.all([]exchange{
		{name: "publish", method: "POST", path: "/campaigns/nudge/publish", body: `{"source":` + text(t, nudge) + `}`, status: 200},
		{name: "defaults", path: "/brakes", status: 200, want: []string{`"brakes":[]`, `"bounces":"5%"`, `"after":200`}},
		{name: "set", method: "PUT", path: "/brakes", body: `{"campaigns":{"bounces":"1%"},"workspace":{"spend":500,"per":"1d"}}`, status: 200, want: []string{`"bounces":"1%"`, `"spend":500`}},
		{name: "none", method: "PUT", path: "/brakes", body: `{"campaigns":"none"}`, status: 200, want: []string{`"campaigns":"none"`}},
		{name: "set wrongly", method: "PUT", path: "/brakes", body: `{"campaigns":{"bounce":"1%"}}`, status: 422, want: []string{`"bad_brakes"`, `"violations":[{`}},
		{name: "release nothing", path: "/brakes/release", body: `{"channel":"email"}`, status: 404, want: []string{"/brakes lists"}},
		{name: "pause", method: "POST", path: "/campaigns/nudge/pause", status: 200},
		{name: "resume", method: "POST", path: "/campaigns/nudge/resume?anyway=true", status: 200, want: []string{`"status":"live"`}},
		{name: "resume none", method: "POST", path: "/campaigns/none/resume", status: 404},
		{name: "touched", path: "/campaigns/nudge/touched?status=failed,accepted&since=2026-01-01T00:00:00Z", status: 200, want: []string{`{"touches":[]}`}},
		{name: "touched when", path: "/campaigns/nudge/touched?since=soon", status: 422, want: []string{"query.since"}},
		{name: "touched by none", path: "/campaigns/none/touched", status: 404},
		{name: "no page", path: "/campaigns/nudge/touched?after=x", status: 422, want: []string{`"bad_cursor"`}},
		{name: "correct itself", path: "/campaigns/nudge/correct", body: `{"with":"nudge"}`, status: 422, want: []string{"cannot correct itself"}},
		{name: "correct by none", path: "/campaigns/nudge/correct", body: `{"with":"none","dry_run":true}`, status: 404, want: []string{"none"}},
		{name: "uncertain", path: "/touches/uncertain", status: 200, want: []string{`{"touches":[]}`}},
		{name: "resolve nothing", path: "/touches/ID(ann)/resolve", body: `{"as":"resend"}`, status: 404},
		{name: "resolve wrongly", path: "/touches/ID(ann)/resolve", body: `{"as":"perhaps"}`, status: 422},
		{name: "resolve all", path: "/campaigns/nudge/resolve", body: `{"as":"sent"}`, status: 200, want: []string{`"resolved":0`}},
		{name: "resolve all of none", path: "/campaigns/none/resolve", body: `{"as":"sent"}`, status: 404},
	})
	require.NotContains(t, o.logs.String(), "ERROR")
	require.Equal(t, "a***@example.com", manage.Mask("ann@example.com"))
	require.Equal(t, "***567", manage.Mask("+380501234567"))
	require.Equal(t, "**", manage.Mask("12"))
}
