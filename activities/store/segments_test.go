package store_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
)

// segment makes a segment with a rule that mentions something. It is building.
func segment(t *testing.T, st *store.Store, seed storetest.Seed, name string, mentions ...string) store.Segment {
	t.Helper()
	g, err := st.CreateSegment(t.Context(), seed.Workspace, store.SegmentDraft{
		Name: name, Kind: store.SegmentRule, Rule: "rule of " + name, Mentions: mentions, By: "ann",
	})
	require.NoError(t, err)
	return g
}

// list makes a segment that is imported.
func list(t *testing.T, st *store.Store, seed storetest.Seed, name string) store.Segment {
	t.Helper()
	g, err := st.CreateSegment(t.Context(), seed.Workspace, store.SegmentDraft{Name: name, Kind: store.SegmentStatic})
	require.NoError(t, err)
	return g
}

// build gives a segment its members, and makes it live.
func build(t *testing.T, st *store.Store, seed storetest.Seed, g store.Segment, members ...string) (joined, left int64) {
	t.Helper()
	inTx(t, st, seed, func(tx *store.Tx) error {
		claimed, version, err := tx.ClaimBuild(t.Context(), g.ID)
		require.NoError(t, err)
		cause := store.CauseBuild
		if version > 1 {
			cause = store.CauseEdit
		}
		joined, left, err = tx.SwapMembers(t.Context(), claimed, `SELECT unnest($1::uuid[])`, []any{members}, noon, cause)
		require.NoError(t, err)
		return tx.FinishBuild(t.Context(), g.ID, version, "")
	})
	return joined, left
}

func members(t *testing.T, st *store.Store, seed storetest.Seed, name string, asOf time.Time) []string {
	t.Helper()
	list, err := st.Members(t.Context(), seed.Workspace, name, asOf, "", 100)
	require.NoError(t, err)
	n, err := st.CountMembers(t.Context(), seed.Workspace, name, asOf)
	require.NoError(t, err)
	require.Len(t, list, int(n))
	ids := []string{}
	for _, m := range list {
		ids = append(ids, m.CustomerID)
	}
	return ids
}

// move writes that a customer joins or leaves.
func move(g store.Segment, customer string, joined bool, cause string, at time.Time) store.Move {
	return store.Move{SegmentID: g.ID, Segment: g.Name, CustomerID: customer, Version: g.Version, Joined: joined, Cause: cause, At: at}
}

func write(t *testing.T, st *store.Store, seed storetest.Seed, moves []store.Move, checks ...store.Check) {
	t.Helper()
	inTx(t, st, seed, func(tx *store.Tx) error {
		for shard := range int16(store.Shards) {
			if err := tx.LockSegments(t.Context(), shard); err != nil {
				return err
			}
		}
		return tx.WriteMemberships(t.Context(), moves, checks)
	})
}

func history(t *testing.T, st *store.Store, seed storetest.Seed, name, customer string) []store.SegmentChange {
	t.Helper()
	list, err := st.SegmentHistory(t.Context(), seed.Workspace, name, customer, 100)
	require.NoError(t, err)
	return list
}

func TestSegments(t *testing.T) {
	t.Parallel()

	t.Run("Keeps what it was given", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed, other := storetest.Workspace(t, st), storetest.Workspace(t, st)
		made, err := st.CreateSegment(t.Context(), seed.Workspace, store.SegmentDraft{
			Name: "vip", Description: "the best", Kind: store.SegmentRule, Rule: "true", Mentions: []string{"customer:plan"}, Clock: true, By: "ann",
		})
		require.NoError(t, err)
		got, err := st.Segment(t.Context(), seed.Workspace, "vip")
		require.NoError(t, err)
		require.Equal(t, made, got)
		require.Equal(t, store.SegmentBuilding, got.Status)
		require.Equal(t, 1, got.Version)
		require.Equal(t, []string{"customer:plan"}, got.Mentions)
		require.True(t, got.Clock)
		require.True(t, got.BuiltAt.IsZero())
		require.False(t, got.CreatedAt.IsZero())
		require.Equal(t, store.SegmentLive, list(t, st, seed, "file").Status)
		all, err := st.Segments(t.Context(), seed.Workspace)
		require.NoError(t, err)
		require.Len(t, all, 2)
		require.Equal(t, "file", all[0].Name)
		all, err = st.Segments(t.Context(), other.Workspace)
		require.NoError(t, err)
		require.Empty(t, all)
		_, err = st.Segment(t.Context(), other.Workspace, "vip")
		require.ErrorIs(t, err, store.ErrNotFound)
	})

	t.Run("Refuses what cannot be", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		segment(t, st, seed, "vip")
		create := func(d store.SegmentDraft) error {
			_, err := st.CreateSegment(t.Context(), seed.Workspace, d)
			return err
		}
		require.ErrorIs(t, create(store.SegmentDraft{Name: "vip", Kind: store.SegmentStatic}), store.ErrExists)
		require.ErrorIs(t, create(store.SegmentDraft{Kind: store.SegmentStatic}), store.ErrInvalid)
		require.ErrorIs(t, create(store.SegmentDraft{Name: "x", Kind: "odd"}), store.ErrInvalid)
		edit := func(name string, d store.SegmentDraft) error {
			_, err := st.EditSegment(t.Context(), seed.Workspace, name, d)
			return err
		}
		list(t, st, seed, "file")
		require.ErrorIs(t, edit("nowhere", store.SegmentDraft{Rule: "x"}), store.ErrNotFound)
		require.ErrorIs(t, edit("vip", store.SegmentDraft{Name: "file", Rule: "x"}), store.ErrExists)
		require.ErrorIs(t, edit("vip", store.SegmentDraft{Kind: store.SegmentStatic}), store.ErrInvalid)
		require.ErrorIs(t, st.RebuildSegment(t.Context(), seed.Workspace, "nowhere"), store.ErrNotFound)
		require.ErrorIs(t, st.RebuildSegment(t.Context(), seed.Workspace, "file"), store.ErrInvalid)
		require.ErrorIs(t, st.DeleteSegment(t.Context(), seed.Workspace, "nowhere", ""), store.ErrNotFound)
		_, err := st.Members(t.Context(), seed.Workspace, "nowhere", time.Time{}, "", 10)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = st.CountMembers(t.Context(), seed.Workspace, "nowhere", noon)
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = st.SegmentHistory(t.Context(), seed.Workspace, "nowhere", "", 10)
		require.ErrorIs(t, err, store.ErrNotFound)
	})

	t.Run("Builds again what an edit concerns", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		base, dependent, other := segment(t, st, seed, "base"), segment(t, st, seed, "dependent", "segment:base"), segment(t, st, seed, "other")
		for _, g := range []store.Segment{base, dependent, other} {
			build(t, st, seed, g)
		}
		status := func() map[string]store.SegmentStatus {
			all, err := st.Segments(t.Context(), seed.Workspace)
			require.NoError(t, err)
			found := map[string]store.SegmentStatus{}
			for _, g := range all {
				found[g.Name] = g.Status
			}
			return found
		}
		g, err := st.EditSegment(t.Context(), seed.Workspace, "base", store.SegmentDraft{Rule: base.Rule, Description: "new words"})
		require.NoError(t, err)
		require.Equal(t, 1, g.Version)
		require.Equal(t, "new words", g.Description)
		require.Equal(t, map[string]store.SegmentStatus{"base": "live", "dependent": "live", "other": "live"}, status())
		g, err = st.EditSegment(t.Context(), seed.Workspace, "base", store.SegmentDraft{Rule: "another", Mentions: []string{"event:x"}})
		require.NoError(t, err)
		require.Equal(t, 2, g.Version)
		require.Equal(t, []string{"event:x"}, g.Mentions)
		require.Equal(t, map[string]store.SegmentStatus{"base": "building", "dependent": "building", "other": "live"}, status())
		refs, err := st.BuildingSegments(t.Context())
		require.NoError(t, err)
		require.Equal(t, []store.SegmentRef{{Workspace: seed.Workspace, ID: base.ID}, {Workspace: seed.Workspace, ID: dependent.ID}}, refs)
		require.NoError(t, st.RebuildSegment(t.Context(), seed.Workspace, "other"))
		require.Equal(t, store.SegmentBuilding, status()["other"])
	})

	t.Run("Renames what nobody mentions, and tells those that did in vain", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		base, dependent, waiting := segment(t, st, seed, "base"), segment(t, st, seed, "dependent", "segment:base"), segment(t, st, seed, "waiting", "segment:best")
		for _, g := range []store.Segment{base, dependent, waiting} {
			build(t, st, seed, g)
		}
		rename := func() error {
			_, err := st.EditSegment(t.Context(), seed.Workspace, "base", store.SegmentDraft{Name: "best", Rule: base.Rule})
			return err
		}
		var used *store.SegmentInUseError
		require.ErrorAs(t, rename(), &used)
		require.Equal(t, []string{"dependent"}, used.By)
		require.ErrorAs(t, st.DeleteSegment(t.Context(), seed.Workspace, "base", "ann"), &used)
		require.Equal(t, `segment "base" is mentioned by dependent`, used.Error())
		require.NoError(t, st.DeleteSegment(t.Context(), seed.Workspace, "dependent", "ann"))
		require.NoError(t, rename())
		g, err := st.Segment(t.Context(), seed.Workspace, "best")
		require.NoError(t, err)
		require.Equal(t, base.ID, g.ID)
		require.Equal(t, store.SegmentLive, g.Status)
		g, err = st.Segment(t.Context(), seed.Workspace, "waiting")
		require.NoError(t, err)
		require.Equal(t, store.SegmentBuilding, g.Status)
	})

	t.Run("Stays while a campaign mentions it that is not archived", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		for _, name := range []string{"vip", "new", `a\b's`, "free", "vi", "v.p"} {
			segment(t, st, seed, name)
		}
		for name, rule := range map[string]string{
			"welcome": `event.segment == "vip"`, "thanks": `segment( 'new' )`, "odd": `event.segment in ["x", "a\\b's"]`,
		} {
			raw, err := json.Marshal(rule)
			require.NoError(t, err)
			publish(t, st, seed, "campaign: "+name+"\ntrigger: {event: segment_entered, when: "+string(raw)+
				"}\ntopic: news\nsteps: [{sms: {text: 'Hello, free'}}]")
		}
		remove := func(name string) error { return st.DeleteSegment(t.Context(), seed.Workspace, name, "ann") }
		for name, campaign := range map[string]string{"vip": "welcome", "new": "thanks", `a\b's`: "odd"} {
			var used *store.SegmentInUseError
			require.ErrorAs(t, remove(name), &used, name)
			require.Equal(t, []string{"campaign " + campaign}, used.By)
		}
		for name, body := range map[string]string{
			"joined": "trigger: {segment: joined}\nsteps: [{wait: 1d}]", "gone": "trigger: {segment: {left: gone}}\nsteps: [{wait: 1d}]",
			"put": "trigger: {event: e}\nsteps: [{update: {add_to: [put]}}]", "off": "trigger: {event: e}\nsteps: [{update: {remove_from: [off]}}]",
		} {
			segment(t, st, seed, name)
			publish(t, st, seed, "campaign: with "+name+"\n"+body)
			require.ErrorContains(t, remove(name), "campaign with "+name)
		}
		for _, name := range []string{"free", "vi", "v.p"} {
			require.NoError(t, remove(name))
		}
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "welcome", store.Paused))
		require.Error(t, remove("vip"))
		require.NoError(t, st.SetCampaignStatus(t.Context(), seed.Workspace, "welcome", store.Archived))
		require.NoError(t, remove("vip"))
		_, err := st.EditSegment(t.Context(), seed.Workspace, "new", store.SegmentDraft{Name: "newer"})
		require.ErrorContains(t, err, "campaign thanks")
	})

	t.Run("Lets members leave a segment that goes, and keeps its history", func(t *testing.T) {
		t.Parallel()
		st := storetest.New(t)
		seed := storetest.Workspace(t, st)
		u1 := person(t, st, seed, "u1")
		g := segment(t, st, seed, "vip")
		build(t, st, seed, g, u1)
		write(t, st, seed, nil, store.Check{SegmentID: g.ID, CustomerID: u1, DueAt: noon})
		require.NoError(t, st.DeleteSegment(t.Context(), seed.Workspace, "vip", "ann"))
		_, err := st.Segment(t.Context(), seed.Workspace, "vip")
		require.ErrorIs(t, err, store.ErrNotFound)
		changes := history(t, st, seed, "", u1)
		require.Len(t, changes, 2)
		require.Equal(t, store.CauseDelete, changes[0].Cause)
		require.False(t, changes[0].Joined)
		require.Equal(t, "vip", changes[0].Segment)
		found, err := st.WorkspacesWithChecks(t.Context(), store.ShardOf(u1), noon)
		require.NoError(t, err)
		require.Empty(t, found)
		require.Empty(t, members(t, st, seed, segment(t, st, seed, "vip").Name, time.Time{}), "the name is free again")
	})
}
