package store_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"dotyk/activities/store"
	"dotyk/activities/store/storetest"
	"dotyk/channels/tracking"
	"dotyk/rules"
	"dotyk/rules/audience"
)

const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"

// mailed puts an e-mail of campaign "welcome", step "hello", on a customer's record, that a server took at sentAt.
func mailed(t *testing.T, url string, st *store.Store, seed storetest.Seed, sentAt time.Time) (customer, touch string) {
	t.Helper()
	ingest(t, st, seed, message("m1", nil))
	customer, touch = record(t, st, seed, "u1").Customer.ID, uuid.NewString()
	insert(t, url, `INSERT INTO campaigns (workspace_id, id, name, status, version) VALUES ($1, $2, 'welcome', 'live', 1)`, seed.Workspace, touch)
	insert(t, url, `INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, campaign_id, version, step, address, occurred_at)
		VALUES ($1, $2, $3, 'email', 'out', 'accepted', $2, 1, 'hello', 'Ann@Corp.example', $4)`, seed.Workspace, touch, customer, sentAt)
	insert(t, url, `INSERT INTO touch_statuses (workspace_id, touch_id, status, at) VALUES ($1, $2, 'accepted', $3)`, seed.Workspace, touch, sentAt)
	return customer, touch
}

func insert(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
}

func TestJudge(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	seed := storetest.Workspace(t, st)
	now := time.Now().UTC().Truncate(time.Microsecond)
	sentAt := now.Add(-time.Hour)
	customer, touch := mailed(t, url, st, seed, sentAt)
	see := func(kind tracking.Kind, agent, link string, at time.Time) tracking.Observation {
		return tracking.Observation{ID: uuid.NewString(), TouchID: touch, Kind: kind, UserAgent: agent, URL: link, At: at, Network: "203.0.113.0/24"}
	}
	told := func() []string {
		var list []string
		for _, e := range record(t, st, seed, "u1").Timeline {
			if e.Name == audience.EventEmailOpened || e.Name == audience.EventEmailClicked {
				list = append(list, e.Name)
				require.Equal(t, touch, e.Properties["touch_id"])
				require.Equal(t, "welcome", e.Properties["campaign"])
				require.Equal(t, "hello", e.Properties["step"])
			}
		}
		return list
	}
	judge := func(at time.Time, want int) {
		t.Helper()
		n, err := st.Judge(t.Context(), seed.Workspace, at, 100)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	facts := func(at time.Time) audience.Delivery {
		var found map[string]rules.Facts
		require.NoError(t, st.In(t.Context(), seed.Workspace, func(tx *store.Tx) error {
			var err error
			found, err = tx.Facts(t.Context(), []string{customer}, rules.Needs{Touches: []string{"welcome/hello"}}, at)
			return err
		}))
		return found[customer].Touches["welcome/hello"]
	}

	machine := []tracking.Observation{
		see(tracking.Open, "Mozilla/5.0", "", sentAt.Add(time.Minute)),
		see(tracking.Click, browser, "https://a.example/1", sentAt.Add(2*time.Second)),
		{ID: uuid.NewString(), TouchID: touch, Kind: tracking.Click, Head: true, URL: "https://a.example/1", UserAgent: browser, At: sentAt.Add(time.Minute)},
	}
	require.NoError(t, st.Observe(t.Context(), seed.Workspace, machine))
	require.NoError(t, st.Observe(t.Context(), seed.Workspace, machine), "the same again")
	judge(now, 3)
	require.Empty(t, told(), "machines are no customers")
	require.Zero(t, facts(now).OpenedAt)

	clicked := now.Add(-10 * time.Minute)
	unknown := see(tracking.Open, browser, "", clicked)
	unknown.TouchID = uuid.NewString()
	require.NoError(t, st.Observe(t.Context(), seed.Workspace, []tracking.Observation{
		see(tracking.Click, browser, "https://a.example/1", clicked), see(tracking.Click, browser, "https://a.example/1", clicked.Add(time.Minute)),
		see(tracking.Click, browser, "https://a.example/2", clicked.Add(2*time.Minute)), see(tracking.Open, browser, "", clicked.Add(3*time.Minute)), unknown,
	}))
	waiting, err := st.Unjudged(t.Context(), now)
	require.NoError(t, err)
	require.Equal(t, []int64{seed.Workspace}, waiting)
	judge(clicked.Add(2999*time.Millisecond), 0)
	judge(now, 4)
	judge(now, 0)
	require.ElementsMatch(t, []string{audience.EventEmailOpened, audience.EventEmailClicked, audience.EventEmailClicked}, told(), "once a message, once a link")
	require.True(t, facts(now).OpenedAt.Equal(clicked) && facts(now).ClickedAt.Equal(clicked))
	require.Zero(t, facts(clicked.Add(-time.Second)).ClickedAt, "nothing was known then")

	list, err := st.Observations(t.Context(), seed.Workspace, customer, 100)
	require.NoError(t, err)
	require.Len(t, list, 7)
	require.Equal(t, "human", list[0].Verdict)
	require.Equal(t, "scanner", list[6].Verdict)
	require.Contains(t, list[6].Reasons[0], "after the message was handed over")
	responses, err := st.Responses(t.Context(), seed.Workspace, "welcome")
	require.NoError(t, err)
	require.Equal(t, []store.ResponseCount{{Step: "hello", Sent: 1, Opened: 1, Clicked: 1}}, responses)
	_, err = st.Responses(t.Context(), seed.Workspace, "nothing")
	require.ErrorIs(t, err, store.ErrNotFound)
}

func TestJudgeCompany(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	st := storetest.Open(t, url)
	seed := storetest.Workspace(t, st)
	sentAt := time.Now().UTC().Add(-time.Hour)
	_, first := mailed(t, url, st, seed, sentAt)
	insert(t, url, `INSERT INTO touches (workspace_id, id, customer_id, channel, direction, status, address, occurred_at)
		SELECT $1, gen_random_uuid(), customer_id, 'email', 'out', 'accepted', n || '@corp.example', $2
		FROM touches, generate_series(1, 4) n WHERE id = $3`, seed.Workspace, sentAt, first)
	insert(t, url, `INSERT INTO touch_statuses (workspace_id, touch_id, status, at) SELECT $1, id, 'accepted', $2 FROM touches WHERE id <> $3`, seed.Workspace, sentAt, first)
	insert(t, url, `INSERT INTO touch_observations (workspace_id, id, touch_id, kind, method, url, at, user_agent, domain)
		SELECT $1, gen_random_uuid(), id, 'click', 'GET', 'https://a.example', $2, $3, 'corp.example' FROM touches`, seed.Workspace, sentAt.Add(20*time.Second), browser)
	n, err := st.Judge(t.Context(), seed.Workspace, time.Now(), 100)
	require.NoError(t, err)
	require.Equal(t, 5, n)
	responses, err := st.Responses(t.Context(), seed.Workspace, "welcome")
	require.NoError(t, err)
	require.Equal(t, []store.ResponseCount{{Step: "hello", Sent: 1, Machine: 1}}, responses)
}
