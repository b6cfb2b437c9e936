-- What became of the links and pictures of messages. Rows are kept as they came, with a verdict beside them: a wrong
-- verdict can be found out later.
CREATE TABLE touch_observations (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  touch_id     uuid NOT NULL,
  kind         text NOT NULL CHECK (kind IN ('open', 'click', 'honeypot')),
  method       text NOT NULL CHECK (method IN ('GET', 'HEAD')),
  url          text NOT NULL DEFAULT '',        -- of a click: where it led
  at           timestamptz NOT NULL,
  network      text NOT NULL DEFAULT '',        -- of the address: /24 of IPv4, /48 of IPv6
  user_agent   text NOT NULL DEFAULT '',
  domain       text NOT NULL DEFAULT '',        -- of the recipient's address
  verdict      text NOT NULL DEFAULT 'pending' CHECK (verdict IN ('pending', 'human', 'machine', 'scanner')),
  score        smallint NOT NULL DEFAULT 0,
  reasons      text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX touch_observations_touch ON touch_observations (workspace_id, touch_id, at);
-- Mail gateways look at what came for a whole company at once.
CREATE INDEX touch_observations_domain ON touch_observations (workspace_id, domain, at) WHERE domain <> '';
CREATE INDEX touch_observations_pending ON touch_observations (at, workspace_id) WHERE verdict = 'pending';

-- By people only. Who follows a link has opened the message.
ALTER TABLE touches
  ADD COLUMN opened_at  timestamptz,
  ADD COLUMN clicked_at timestamptz;

ALTER TABLE touch_observations ENABLE ROW LEVEL SECURITY;
ALTER TABLE touch_observations FORCE ROW LEVEL SECURITY;
ALTER TABLE touch_observations SET (autovacuum_analyze_threshold = 500, autovacuum_analyze_scale_factor = 0.1);
CREATE POLICY one_workspace ON touch_observations TO dotyk_app
  USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace());
GRANT SELECT, INSERT ON touch_observations TO dotyk_app;
GRANT UPDATE (verdict, score, reasons, network, user_agent) ON touch_observations TO dotyk_app;

-- The engine's role: whose observations are to be judged.
GRANT SELECT (workspace_id, verdict, at) ON touch_observations TO dotyk_engine;
CREATE POLICY where_work_waits ON touch_observations FOR SELECT TO dotyk_engine USING (true);
