package rehearse_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/rules/campaign/rehearsal"
)

// described is a journey as marketers described it.
type described struct {
	ID       string
	Scenario struct {
		Inputs [][]string
		Expect [][]string
		None   [][]string
	}
}

// TestJourneysAreAsDescribed compares the scenarios with what they were written from, so that nobody loosens them.
func TestJourneysAreAsDescribed(t *testing.T) {
	t.Parallel()
	src, err := os.ReadFile("../../../shared/data/journeys/journeys.json")
	if os.IsNotExist(err) {
		t.Skip("the journeys as marketers described them are not on this machine")
	}
	require.NoError(t, err)
	var all []described
	require.NoError(t, json.Unmarshal(src, &all))
	require.Len(t, all, 10)
	for _, d := range all {
		t.Run(d.ID, func(t *testing.T) {
			t.Parallel()
			s := scenarioOf(t, d.ID)
			if d.ID == "J10" { // its inputs and counts are numbers in words
				sameCounts(t, d, s)
				return
			}
			require.ElementsMatch(t, d.Scenario.Inputs, inputs(d, s))
			require.ElementsMatch(t, d.Scenario.Expect, expectations(s))
			require.ElementsMatch(t, d.Scenario.None, nevers(s))
			require.True(t, s.NothingElse)
			require.Zero(t, s.Within.Duration, "moments are exact")
			for _, p := range s.Customers {
				require.Equal(t, p.ID+"@example.com", p.Email)
			}
		})
	}
}

// scenarioOf reads the scenario of a journey: of several the one that is called as its campaign is.
func scenarioOf(t *testing.T, id string) *rehearsal.Scenario {
	t.Helper()
	names, err := fs.Glob(os.DirFS("../examples/journeys"), strings.ToLower(id)+"-*.scenario.yaml")
	require.NoError(t, err)
	for _, name := range names {
		campaign := strings.TrimSuffix(name, ".scenario.yaml") + ".yaml"
		if _, err := os.Stat("../examples/journeys/" + campaign); err != nil {
			continue
		}
		src, err := os.ReadFile("../examples/journeys/" + name)
		require.NoError(t, err)
		s, err := rehearsal.Read(src)
		require.NoError(t, err)
		return s
	}
	require.Fail(t, "there is no scenario of "+id)
	return nil
}

// inputs gives what happens as the description does. Where it gives customers instead, these are the inputs.
func inputs(d described, s *rehearsal.Scenario) [][]string {
	var list [][]string
	for _, m := range s.Events {
		at := moment(m.At)
		if d.ID == "J05" && m.ID == "last order" {
			at += " (zone " + person(s, m.Customer).Timezone + ")"
		}
		list = append(list, []string{m.Customer, m.ID, at})
	}
	if d.ID == "J06" {
		for _, p := range s.Customers {
			sms := "no SMS consent (29 Feb runs on 28 Feb in common years)"
			if slices.Contains(p.Consents["sms"], "birthday") {
				sms = "SMS consent"
			}
			list = append(list, []string{p.ID, fmt.Sprintf("birthday %s, %s, %s", p.Attributes["birthday"], p.Timezone, sms)})
		}
	}
	return list
}

func person(s *rehearsal.Scenario, id string) rehearsal.Person {
	return s.Customers[slices.IndexFunc(s.Customers, func(p rehearsal.Person) bool { return p.ID == id })]
}

func moment(m rehearsal.Moment) string { return m.Format("2006-01-02T15:04:05Z") }

// expectations gives each described one once; some are two things for us.
func expectations(s *rehearsal.Scenario) [][]string {
	var list [][]string
	for _, e := range s.Expect {
		one := []string{e.Customer, e.ID, moment(e.At)}
		if !slices.ContainsFunc(list, func(o []string) bool { return slices.Equal(o, one) }) {
			list = append(list, one)
		}
	}
	return list
}

func nevers(s *rehearsal.Scenario) [][]string {
	list := [][]string{}
	for _, e := range s.Never {
		list = append(list, []string{e.Customer, e.ID})
	}
	return list
}

func sameCounts(t *testing.T, d described, s *rehearsal.Scenario) {
	t.Helper()
	total := map[string]int{}
	for _, p := range s.Customers {
		total[strings.TrimSuffix(p.ID, "{{n}}")] = p.Count
	}
	require.Equal(t, [][]string{{"10,000 contacts", "200 of them at the cap, 300 suppressed", moment(s.Start)}}, d.Scenario.Inputs)
	require.Equal(t, map[string]int{"reader": 9500, "capped": 200, "suppressed": 300}, total)
	require.Equal(t, [][]string{{
		"counts", "held out 475 +/- 4 sd (sd 21), A 950 +/- 117, B 950 +/- 117, winner = rest; sum of all groups = 9,500 exactly",
		moment(s.Start),
	}}, d.Scenario.Expect)
	want := map[string][2]int{"held out": {475 - 4*21, 475 + 4*21}, "A": {950 - 117, 950 + 117}, "B": {950 - 117, 950 + 117}, "all groups": {9500, 9500}}
	for _, c := range s.Counts {
		bounds, named := want[c.ID]
		if !named {
			continue
		}
		if c.Is != nil {
			c.Min, c.Max = c.Is, c.Is
		}
		require.Equal(t, [2]int{*c.Min, *c.Max}, bounds, c.ID)
		delete(want, c.ID)
	}
	require.Empty(t, want)
	require.Equal(t, [][]string{{"capped or suppressed contacts", "any"}}, d.Scenario.None)
	require.Equal(t, [][]string{{"capped{{n}}", "any"}, {"suppressed{{n}}", "any"}}, nevers(s))
}
