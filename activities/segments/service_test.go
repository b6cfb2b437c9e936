package segments

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/rules/audience"
)

func TestService(t *testing.T) {
	t.Parallel()
	s := open(t)
	ctx, ws := t.Context(), s.seed.Workspace
	create := func(d Draft) error {
		_, _, err := s.Create(ctx, ws, d)
		return err
	}
	edit := func(name string, d Draft) error {
		_, _, err := s.Edit(ctx, ws, name, d)
		return err
	}
	s.create("pros", `customer.plan == "pro"`)
	s.create("buyers", `segment("pros") and count(events("order_completed")) > 0`)
	require.NoError(t, create(Draft{Name: "list", Static: true}))

	t.Run("Refuses a rule that is wrong, and says where", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, fault(t, create(Draft{Name: "x", Rule: "customer.plan =="})), "")
		require.Contains(t, fault(t, create(Draft{Name: "x", Rule: `event.plan == "pro"`})), "no event here")
		require.Contains(t, fault(t, create(Draft{Name: "x"})), "")
	})
	t.Run("Refuses a rule that asks for the events of segments", func(t *testing.T) {
		t.Parallel()
		err := create(Draft{Name: "x", Rule: `count(events("segment_left")) > 0`})
		require.Contains(t, fault(t, err), `ask for segment("…") instead`)
	})
	t.Run("Refuses segments that depend on one another in a circle", func(t *testing.T) {
		t.Parallel()
		require.Contains(t, fault(t, edit("pros", Draft{Rule: `segment("buyers")`})), "circle: pros → buyers → pros")
		require.Contains(t, fault(t, edit("pros", Draft{Rule: `not segment("pros")`})), "circle: pros → pros")
		require.Contains(t, fault(t, create(Draft{Name: "me", Rule: `not segment("me")`})), `no segment "me"`)
	})
	t.Run("Refuses names that are wrong or taken", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"", "  ", "a\nb", `say "hi"`, "a/b", strings.Repeat("x", 101), "\xff"} {
			require.ErrorIs(t, create(Draft{Name: name, Rule: "true"}), ErrName, "%q", name)
		}
		require.ErrorIs(t, create(Draft{Name: "pros", Rule: "customer.x == 1"}), store.ErrExists)
	})
	t.Run("Keeps what others mention", func(t *testing.T) {
		t.Parallel()
		var used *store.SegmentInUseError
		require.ErrorAs(t, edit("pros", Draft{Name: "professionals", Rule: `customer.plan == "pro"`}), &used)
		require.Equal(t, []string{"buyers"}, used.By)
		used = nil
		require.ErrorAs(t, s.Delete(ctx, ws, "pros", "test"), &used)
		require.Equal(t, []string{"buyers"}, used.By)
	})
	t.Run("Keeps the kind of a segment", func(t *testing.T) {
		t.Parallel()
		require.ErrorIs(t, edit("pros", Draft{Static: true}), ErrKind)
		require.ErrorIs(t, edit("list", Draft{Rule: "true"}), ErrKind)
		require.ErrorIs(t, create(Draft{Name: "both", Static: true, Rule: "true"}), ErrKind)
	})
	t.Run("Says that there is no such segment", func(t *testing.T) {
		t.Parallel()
		_, err := s.Get(ctx, ws, "nothing")
		require.ErrorIs(t, err, store.ErrNotFound)
		require.ErrorIs(t, edit("nothing", Draft{Rule: "true"}), store.ErrNotFound)
		require.ErrorIs(t, s.Delete(ctx, ws, "nothing", "test"), store.ErrNotFound)
		_, err = s.Explain(ctx, ws, "nothing", "u1", time.Time{})
		require.ErrorIs(t, err, store.ErrNotFound)
		_, err = s.Import(ctx, ws, "nothing", strings.NewReader("u1"), false)
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestEdit(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.people(4)
	s.create("chosen", "customer.even == true")
	require.Equal(t, []string{"chosen"}, s.build())
	seg, _, err := s.Edit(t.Context(), s.seed.Workspace, "chosen", Draft{Name: "few", Description: "The first", Rule: "customer.n < 1", By: "test"})
	require.NoError(t, err)
	require.Equal(t, 2, seg.Version)
	require.Equal(t, []string{"u0", "u2"}, s.members("few"), "the old members stay until the new ones are known")
	s.build()
	require.Equal(t, []string{"u0"}, s.members("few"))
	seg, _, err = s.Edit(t.Context(), s.seed.Workspace, "few", Draft{Description: "Other words", Rule: "customer.n < 1"})
	require.NoError(t, err)
	require.Equal(t, 2, seg.Version)
	require.Equal(t, "few", seg.Name)
	require.Empty(t, s.build(), "the rule is the same")
}

func TestPreview(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.people(30)
	ctx, ws := t.Context(), s.seed.Workspace

	t.Run("Counts and shows some", func(t *testing.T) {
		t.Parallel()
		p, err := s.Preview(ctx, ws, "customer.n >= 5", time.Time{})
		require.NoError(t, err)
		require.EqualValues(t, 25, p.Count)
		require.Len(t, p.Sample, sampleSize)
		require.Equal(t, "u5", p.Sample[0].ExternalID)
		require.True(t, p.Plan.Exact)
		require.Positive(t, p.Plan.Cost)
		require.NotEmpty(t, p.Plan.SQL)
	})
	t.Run("Counts nobody", func(t *testing.T) {
		t.Parallel()
		p, err := s.Preview(ctx, ws, "customer.n > 100", time.Time{})
		require.NoError(t, err)
		require.Zero(t, p.Count)
		require.Empty(t, p.Sample)
	})
	t.Run("Judges whom the database cannot, and says for whom that fails", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		for user, n := range map[string]int{"ann": 1, "bob": 2, "eve": 0, "old": 500} {
			s.happen(user, "registered", map[string]any{"list": make([]int, n), "at": 0})
		}
		p, err := s.Preview(t.Context(), s.seed.Workspace, costly, time.Time{})
		require.NoError(t, err)
		require.EqualValues(t, 2, p.Count)
		require.Len(t, p.Sample, 2)
		require.False(t, p.Plan.Exact)
		require.NotEmpty(t, p.Plan.Parts)
		require.Contains(t, p.Warnings[len(p.Warnings)-1].Message, "rule needs too much")
	})
	t.Run("Counts as of a past moment, and says what is of now", func(t *testing.T) {
		t.Parallel()
		s := open(t)
		s.happen("ann", "registered", nil, func(m *store.Message) { m.OccurredAt = m.OccurredAt.Add(-40 * 24 * time.Hour) })
		const rule = `count(events("registered", "30d")) == 1`
		p, err := s.Preview(t.Context(), s.seed.Workspace, rule, time.Now().Add(-20*24*time.Hour))
		require.NoError(t, err)
		require.EqualValues(t, 1, p.Count)
		require.Contains(t, p.Note, "attributes of customers are taken as they are now")
		p, err = s.Preview(t.Context(), s.seed.Workspace, rule, time.Time{})
		require.NoError(t, err)
		require.Zero(t, p.Count)
		require.Empty(t, p.Note)
	})
	t.Run("Refuses a moment that is to come", func(t *testing.T) {
		t.Parallel()
		_, err := s.Preview(ctx, ws, "customer.n > 1", time.Now().Add(time.Hour))
		require.ErrorIs(t, err, ErrFuture)
	})
	t.Run("Says what is wrong with the rule", func(t *testing.T) {
		t.Parallel()
		_, err := s.Preview(ctx, ws, "customer.n >", time.Time{})
		require.NotEmpty(t, fault(t, err))
	})
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.people(2)
	s.create("recent", `customer.n == 1 and count(events("registered", "30d")) > 0`)
	before := time.Now()
	s.build()
	ctx, ws := t.Context(), s.seed.Workspace

	e, err := s.Explain(ctx, ws, "recent", "u1@example.com", time.Time{})
	require.NoError(t, err)
	require.True(t, e.Member)
	require.True(t, e.Holds)
	require.NotNil(t, e.Explanation)
	require.Len(t, e.History, 1)
	require.WithinDuration(t, time.Now().Add(30*24*time.Hour), e.NextCheck, time.Minute)

	e, err = s.Explain(ctx, ws, "recent", s.id("u1"), before)
	require.NoError(t, err)
	require.False(t, e.Member, "nobody was before the segment was built")
	require.True(t, e.Holds)

	e, err = s.Explain(ctx, ws, "recent", "u0", time.Time{})
	require.NoError(t, err)
	require.False(t, e.Member)
	require.False(t, e.Holds)

	_, err = s.Explain(ctx, ws, "recent", "nobody", time.Time{})
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestImport(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.people(4)
	ctx, ws := t.Context(), s.seed.Workspace
	_, _, err := s.Create(ctx, ws, Draft{Name: "list", Static: true})
	require.NoError(t, err)
	s.create("ruled", "true")
	load := func(text string, replace bool) (ImportReport, error) {
		return s.Import(ctx, ws, "list", strings.NewReader(text), replace)
	}

	report, err := load("u0\nnobody\nU1@example.com\n"+s.id("u2")+"\nu0@example.com\n", false)
	require.NoError(t, err)
	require.Equal(t, ImportReport{
		Lines: 5, Known: 3, Joined: 3, Unknown: []UnknownLine{{2, "nobody"}}, UnknownCount: 1,
	}, report)
	require.Equal(t, []string{"u0", "u1", "u2"}, s.members("list"))

	report, err = load("email;name\nu3@example.com;Zoe\nu0@example.com;Ann\n", true)
	require.NoError(t, err)
	require.Equal(t, ImportReport{Lines: 2, Known: 2, Joined: 1, Left: 2}, report)
	require.Equal(t, []string{"u0", "u3"}, s.members("list"))

	_, err = load("x\ny\n", true)
	require.ErrorIs(t, err, ErrNoneFound)
	require.EqualError(t, err, `no customer of the list is known: line 1 is "x", line 2 is "y"`)
	require.Len(t, s.members("list"), 2, "a wrong file empties nothing")
	_, err = load(strings.Repeat(strings.Repeat("ж", 100)+"\n", 5), true)
	require.ErrorContains(t, err, strings.Repeat("ж", 60)+`…", and 2 more`)
	_, err = load("", false)
	require.ErrorIs(t, err, ErrNoneFound)
	_, err = s.Import(ctx, ws, "ruled", strings.NewReader("u0"), false)
	require.ErrorIs(t, err, ErrKind)

	e, err := s.Explain(ctx, ws, "list", "u0", time.Time{})
	require.NoError(t, err)
	require.True(t, e.Member)
	require.True(t, e.Holds)
	require.Nil(t, e.Explanation)

	held, err := s.Memberships(ctx, ws, s.id("u0"))
	require.NoError(t, err)
	require.Len(t, held, 1, "of ruled the members are not found yet")
	require.Equal(t, "list", held[0].Segment)
	require.Equal(t, "import", held[0].Since.Because())

	report, err = load("", true)
	require.NoError(t, err)
	require.Equal(t, ImportReport{Left: 2}, report)
	require.Empty(t, s.members("list"))
	held, err = s.Memberships(ctx, ws, s.id("u0"))
	require.NoError(t, err)
	require.Empty(t, held)
}

func TestHistory(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.people(1)
	ctx, ws := t.Context(), s.seed.Workspace
	s.create("other", "customer.n == 0")
	s.create("one", "customer.n == 0")
	s.build()
	s.happen("u0", audience.EventSegmentEntered, map[string]any{"segment": "pros"})
	customer := s.id("u0")
	r, err := s.st.Record(ctx, ws, customer, 10)
	require.NoError(t, err)
	event, one := r.Timeline[len(r.Timeline)-1].ID, s.get("one")
	require.NoError(t, s.st.In(ctx, ws, func(tx *store.Tx) error {
		return tx.WriteMemberships(ctx, []store.Move{{
			SegmentID: one.ID, Segment: "one", CustomerID: customer, Version: 1, Cause: "event", EventID: event, At: time.Now(),
		}}, nil)
	}))
	list, err := s.History(ctx, ws, "one", customer, 10)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, "event segment_entered of segment pros", list[0].Because())
	require.Equal(t, "build", list[1].Because())
	require.Equal(t, "event order_completed", Transition{SegmentChange: store.SegmentChange{Cause: "event", EventName: "order_completed"}}.Because())
	_, err = s.History(ctx, ws, "none", "", 10)
	require.ErrorIs(t, err, store.ErrNotFound)
}
