-- What campaigns do besides mailing: drafts and moves between versions, schedules, cohorts of thousands, tasks and coupons,
-- splits; and what holds their messages back.

ALTER TABLE campaigns DROP CONSTRAINT campaigns_status_check;
ALTER TABLE campaigns
  ADD CONSTRAINT campaigns_status_check CHECK (status IN ('live', 'paused', 'stopped', 'archived')),
  ADD COLUMN priority integer NOT NULL DEFAULT 0,          -- of the live version
  ADD COLUMN transactional boolean NOT NULL DEFAULT false, -- so is the live version
  -- What a change of must be told to journeys or to the trigger: of every version that was published.
  ADD COLUMN mentions text[] NOT NULL DEFAULT '{}',
  -- Who stopped it, or published what, why: shown beside the status.
  ADD COLUMN note text NOT NULL DEFAULT '';

-- What is being written, beside what is published. One a name; the campaign need not exist.
CREATE TABLE campaign_drafts (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  name         text NOT NULL CHECK (name <> ''),
  source       text NOT NULL,                   -- as the marketer wrote it; it may be faulty
  templates    jsonb NOT NULL DEFAULT '{}',     -- that go with it: name -> {subject, html, text}
  revision     integer NOT NULL DEFAULT 1,      -- counts the savings, so that nobody overwrites what they have not seen
  updated_by   text NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name)
);

ALTER TABLE campaign_versions
  ADD COLUMN note     text NOT NULL DEFAULT '',
  ADD COLUMN of       integer,                  -- the version that a rollback brought back
  ADD COLUMN moved    jsonb NOT NULL DEFAULT '{}'; -- what its publication did to journeys under way: step -> {policy, journeys}

-- Moments at which somebody may enter: of schedules, dates, and audiences that begin later. A row a zone of customers, or
-- one with the zone '' where the trigger has one of its own.
CREATE TABLE campaign_schedules (
  workspace_id bigint NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  zone         text NOT NULL,
  next_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, campaign_id, zone)
);
CREATE INDEX campaign_schedules_due ON campaign_schedules (next_at);

-- An audience enters in cohorts of some thousands: a page of it joins the cohort that the page before began.
ALTER TABLE audience_entries
  ADD COLUMN kind      text NOT NULL DEFAULT 'audience' CHECK (kind IN ('audience', 'segment', 'schedule', 'date')),
  ADD COLUMN zone      text NOT NULL DEFAULT '',  -- only customers of this zone; '' for all
  ADD COLUMN at        timestamptz,               -- the moment that it is for; null: when it was published
  ADD COLUMN cohort_id uuid,
  ADD COLUMN in_cohort integer NOT NULL DEFAULT 0;

ALTER TABLE cohorts
  ADD COLUMN transactional boolean NOT NULL DEFAULT false;

ALTER TABLE journeys DROP CONSTRAINT journeys_status_check;
ALTER TABLE journeys
  ADD CONSTRAINT journeys_status_check CHECK (status IN ('active', 'finished', 'exited', 'converted', 'held_out')),
  ADD COLUMN parent jsonb;                        -- of a sub-journey whose end is waited for: {journey, step, iteration}
CREATE INDEX journeys_campaign ON journeys (workspace_id, campaign_id, version) WHERE status = 'active';

ALTER TABLE touches
  ADD COLUMN not_before timestamptz,              -- quiet hours end, a rival decides: not to be sent earlier
  ADD COLUMN transactional boolean NOT NULL DEFAULT false,
  ADD COLUMN priority integer NOT NULL DEFAULT 0, -- of its campaign when it was planned
  ADD COLUMN quiet text NOT NULL DEFAULT 'wait' CHECK (quiet IN ('wait', 'skip', 'ignore')),
  ADD COLUMN fallback jsonb,                      -- what is sent instead, should it be refused; it may have a fallback of its own
  ADD COLUMN yielded_at timestamptz;              -- since when it lets messages of higher priority go first
-- A claim takes the first that is planned: it must not look at all of a cohort to find it.
DROP INDEX touches_open;
CREATE INDEX touches_open ON touches (cohort_id, channel, id) WHERE status IN ('planned', 'claimed');
-- What caps count.
CREATE INDEX touches_sent ON touches (workspace_id, customer_id, updated_at)
  WHERE direction = 'out' AND NOT transactional AND channel IN ('email', 'sms');

ALTER TABLE tasks
  ADD COLUMN kind        text NOT NULL DEFAULT 'task' CHECK (kind IN ('task', 'call')),
  ADD COLUMN text        text NOT NULL DEFAULT '', -- what to do; of a call, what to say
  ADD COLUMN note        text NOT NULL DEFAULT '', -- what was said when it was closed
  ADD COLUMN dial        boolean NOT NULL DEFAULT false,
  ADD COLUMN campaign_id uuid,
  ADD COLUMN step        text NOT NULL DEFAULT '',
  ADD COLUMN iteration   integer NOT NULL DEFAULT 0,
  ADD COLUMN closed_by   text NOT NULL DEFAULT '',
  ADD COLUMN wanted      text NOT NULL DEFAULT ''; -- the user that was named, where there is none of that address
ALTER TABLE users
  ADD COLUMN phone text NOT NULL DEFAULT '';       -- E.164; where calls ring first
CREATE UNIQUE INDEX tasks_journey ON tasks (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL;
CREATE INDEX tasks_open ON tasks (workspace_id, due_at, id) WHERE status = 'open';

-- Whose turn it is, by the list of those who take turns.
CREATE TABLE turns (
  workspace_id bigint NOT NULL,
  among        text NOT NULL,                    -- addresses in the order of the campaign, one a line
  taken        bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, among)
);

CREATE TABLE coupons (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  pool         text NOT NULL DEFAULT '',         -- '' for one that was made up
  code         text NOT NULL CHECK (code <> ''),
  customer_id  uuid,                             -- null: still in the pool
  campaign_id  uuid,
  journey_id   uuid,
  step         text NOT NULL DEFAULT '',
  iteration    integer NOT NULL DEFAULT 0,
  event        text NOT NULL DEFAULT '',         -- that redeems it
  property     text NOT NULL DEFAULT '',         -- of the event, which holds the code
  transferable boolean NOT NULL DEFAULT false,
  created_at   timestamptz NOT NULL DEFAULT now(),
  issued_at    timestamptz,
  expires_at   timestamptz,
  redeemed_at  timestamptz,
  redeemed_by  uuid,                             -- the event
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX coupons_code ON coupons (workspace_id, upper(code));
CREATE UNIQUE INDEX coupons_journey ON coupons (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL;
CREATE INDEX coupons_free ON coupons (workspace_id, pool, id) WHERE customer_id IS NULL;
CREATE INDEX coupons_customer ON coupons (workspace_id, customer_id) WHERE customer_id IS NOT NULL;
-- Which events redeem coupons, so that others cost nothing.
CREATE TABLE coupon_events (
  workspace_id bigint NOT NULL,
  event        text NOT NULL,
  property     text NOT NULL,
  PRIMARY KEY (workspace_id, event, property)
);

-- When the first customer came to a split that looks for a winner: its time counts from then.
CREATE TABLE split_starts (
  workspace_id bigint NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  split        text NOT NULL,
  began_at     timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, campaign_id, version, split)
);
-- What an experiment came to. The first word stands.
CREATE TABLE split_winners (
  workspace_id bigint NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  split        text NOT NULL,
  arm          text NOT NULL,
  reason       text NOT NULL,
  counts       jsonb NOT NULL DEFAULT '[]',
  decided_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, campaign_id, version, split)
);

-- Journeys put customers into lists and take them out.
ALTER TABLE segment_changes DROP CONSTRAINT segment_changes_cause_check;
ALTER TABLE segment_changes ADD CONSTRAINT segment_changes_cause_check
  CHECK (cause IN ('event', 'change', 'time', 'edit', 'import', 'build', 'merge', 'delete', 'history', 'campaign'));

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['campaign_drafts', 'campaign_schedules', 'turns', 'coupons', 'coupon_events', 'split_starts', 'split_winners']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON campaign_drafts, campaign_schedules, coupons TO dotyk_app;
GRANT SELECT, INSERT, UPDATE ON turns, coupon_events TO dotyk_app;
GRANT SELECT, INSERT ON split_starts, split_winners TO dotyk_app;

-- The engine's role: when does which workspace's schedule come round, which cohort goes first.
GRANT SELECT (workspace_id, campaign_id, zone, next_at) ON campaign_schedules TO dotyk_engine;
GRANT SELECT (transactional) ON cohorts TO dotyk_engine;
CREATE POLICY where_work_waits ON campaign_schedules FOR SELECT TO dotyk_engine USING (true);
