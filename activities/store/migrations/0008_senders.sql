-- Mail servers that a workspace sends over. Passwords and keys are sealed with the program's secret key: AES-256-GCM, bound
-- to their row and column.
CREATE TABLE accounts (
  workspace_id  bigint NOT NULL REFERENCES workspaces,
  id            uuid NOT NULL,
  name          text NOT NULL CHECK (name <> ''),
  url           bytea NOT NULL,                  -- sealed
  server        text NOT NULL,                   -- the address without the password, for people
  from_address  text NOT NULL DEFAULT '',
  from_name     text NOT NULL DEFAULT '',
  weight        integer NOT NULL DEFAULT 1 CHECK (weight >= 0),
  per_second    integer NOT NULL DEFAULT 0,      -- 0: no limit
  per_hour      integer NOT NULL DEFAULT 0,
  per_day       integer NOT NULL DEFAULT 0,
  warm_up_start date,                            -- null: no warm-up
  warm_up       integer[] NOT NULL DEFAULT '{}', -- messages of each day; empty: the usual ones
  dkim_domain   text NOT NULL DEFAULT '',
  dkim_selector text NOT NULL DEFAULT '',
  dkim_key      bytea,                           -- sealed
  paused        boolean NOT NULL DEFAULT false,
  note          text NOT NULL DEFAULT '',        -- why it is paused
  trouble       text NOT NULL DEFAULT '',        -- why it was left alone last
  trouble_at    timestamptz,
  revision      integer NOT NULL DEFAULT 1,      -- counts what workers must hear of
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);

-- How much of an account's limits is given out: the present second, hour and day, a row each.
CREATE TABLE account_usage (
  workspace_id bigint NOT NULL,
  account_id   uuid NOT NULL,
  period       text NOT NULL CHECK (period IN ('second', 'hour', 'day')),
  starts       timestamptz NOT NULL,
  taken        integer NOT NULL,
  granted      integer NOT NULL,                 -- the last time
  PRIMARY KEY (workspace_id, account_id, period),
  FOREIGN KEY (workspace_id, account_id) REFERENCES accounts ON DELETE CASCADE
) WITH (fillfactor = 50);

-- What codes of providers mean, beside what the program knows of them. Those of workspace 0 hold for all.
CREATE TABLE error_classes (
  workspace_id bigint NOT NULL,
  channel      text NOT NULL,
  code         text NOT NULL CHECK (code <> ''), -- or the beginning of codes, with * at the end
  pattern      text NOT NULL DEFAULT '',         -- of the provider's words; '' for any
  kind         text NOT NULL,
  note         text NOT NULL DEFAULT '',
  updated_by   text NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, channel, code, pattern)
);

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['accounts', 'account_usage', 'error_classes']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;
-- Every workspace reads what holds for all, and changes its own only.
CREATE POLICY for_all ON error_classes FOR SELECT TO dotyk_app USING (workspace_id = 0 AND dotyk_workspace() IS NOT NULL);

GRANT SELECT, INSERT, UPDATE, DELETE ON accounts, account_usage, error_classes TO dotyk_app;
