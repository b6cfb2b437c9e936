-- Limits past which sending stops by itself, and what they count; what is done about messages of unknown fate; and whom a
-- correction went to.

ALTER TABLE touches
  ADD COLUMN resent_at timestamptz;             -- it was uncertain and was planned once more: by policy that happens once

-- A limit that was passed. Of a campaign, which is paused as long as released_at is null; or of the workspace, whose claims
-- are held.
CREATE TABLE brakes (
  workspace_id  bigint NOT NULL REFERENCES workspaces,
  id            uuid NOT NULL,
  campaign_id   uuid,                            -- null: of all campaigns together
  channel       text NOT NULL DEFAULT '',        -- '' for all
  transactional boolean NOT NULL DEFAULT false,  -- holds service messages as well
  passed        text NOT NULL,                   -- the name of the limit
  reason        text NOT NULL,                   -- in words, with the numbers
  counts        jsonb NOT NULL,                  -- the numbers
  limits        jsonb NOT NULL,                  -- as they were
  applied_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  released_at   timestamptz,                     -- counts begin anew then
  released_by   text NOT NULL DEFAULT '',
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX brakes_applied ON brakes (workspace_id, coalesce(campaign_id, '00000000-0000-0000-0000-000000000000'), channel)
  WHERE released_at IS NULL;
CREATE INDEX brakes_released ON brakes (workspace_id, campaign_id, released_at);

-- What brakes judge, by minute. A minute in which a brake was released has two rows: from its beginning, and from then.
CREATE TABLE brake_counts (
  workspace_id  bigint NOT NULL,
  campaign_id   uuid NOT NULL,
  channel       text NOT NULL,
  transactional boolean NOT NULL,
  since         timestamptz NOT NULL,
  messages      integer NOT NULL DEFAULT 0,
  failures      integer NOT NULL DEFAULT 0,
  bounces       integer NOT NULL DEFAULT 0,
  complaints    integer NOT NULL DEFAULT 0,
  unsubscribes  integer NOT NULL DEFAULT 0,
  cost          numeric(20,6) NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, campaign_id, since, channel, transactional)
);
CREATE INDEX brake_counts_since ON brake_counts (workspace_id, since);

-- How far the statuses of touches have been counted. Ids are given before their transactions commit, so the highest that
-- was seen is no mark: a lower one may still come. Whatever the transactions of "seen" see is counted, and all up to
-- "after" is; "next" becomes "after" once all transactions before "next_by" have ended.
CREATE TABLE brake_marks (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  after        bigint NOT NULL DEFAULT 0,
  seen         pg_snapshot,
  next         bigint,
  next_by      xid8,
  PRIMARY KEY (workspace_id)
);
-- What was sent before brakes were there is not judged.
INSERT INTO brake_marks (workspace_id, after)
  SELECT w.id, s.last_value FROM workspaces w CROSS JOIN touch_statuses_id_seq s WHERE s.is_called;

-- Complaints and unsubscriptions by the message that they came of, each once.
CREATE TABLE brake_signals (
  workspace_id bigint NOT NULL,
  touch_id     uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('complaint', 'unsubscribe')),
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  counted      boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace_id, touch_id, kind)
);
CREATE INDEX brake_signals_new ON brake_signals (workspace_id) WHERE NOT counted;

-- A further campaign for those whom another one reached. Asking for the same thing again goes on with what is there.
CREATE TABLE corrections (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  id           text NOT NULL,
  campaign_id  uuid NOT NULL,                    -- whose customers
  into_id      uuid NOT NULL,                    -- the campaign they enter
  filter       jsonb NOT NULL,
  created_by   text NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id)
);
CREATE TABLE correction_customers (
  workspace_id  bigint NOT NULL,
  correction_id text NOT NULL,
  customer_id   uuid NOT NULL,
  asked         boolean NOT NULL DEFAULT false,  -- the request to let her in is written
  PRIMARY KEY (workspace_id, correction_id, customer_id)
);
CREATE INDEX correction_customers_new ON correction_customers (workspace_id, correction_id, customer_id) WHERE NOT asked;

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['brakes', 'brake_counts', 'brake_marks', 'brake_signals', 'corrections', 'correction_customers']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON brakes, brake_marks, brake_signals, correction_customers TO dotyk_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON brake_counts TO dotyk_app;
GRANT SELECT, INSERT ON corrections TO dotyk_app;

-- The engine's role: in which workspaces is something to be counted.
GRANT SELECT (workspace_id, after) ON brake_marks TO dotyk_engine;
GRANT SELECT (workspace_id, id) ON touch_statuses TO dotyk_engine;
GRANT SELECT (workspace_id, counted) ON brake_signals TO dotyk_engine;
CREATE POLICY where_work_waits ON brake_marks FOR SELECT TO dotyk_engine USING (true);
CREATE POLICY where_work_waits ON touch_statuses FOR SELECT TO dotyk_engine USING (true);
CREATE POLICY where_work_waits ON brake_signals FOR SELECT TO dotyk_engine USING (true);
