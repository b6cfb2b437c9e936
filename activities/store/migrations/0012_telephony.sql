-- What each sender of text messages has sent: how far ahead of its rate it is, and how much it sent today. It is written
-- for every message, so it stays small and has no other index.
CREATE TABLE sms_senders (
  workspace_id bigint NOT NULL,
  sender       text NOT NULL,                   -- number, short code, name or messaging service
  busy_until   timestamptz NOT NULL,            -- when what it was given so far is sent, at its rate
  day          date NOT NULL,                   -- of UTC
  today        integer NOT NULL,                -- segments on that day
  PRIMARY KEY (workspace_id, sender)
) WITH (fillfactor = 50);

-- Which sender wrote to a number last: customers see one number. Only a keyed hash of theirs is kept.
CREATE TABLE sms_threads (
  workspace_id bigint NOT NULL,
  address_hash bytea NOT NULL,                  -- as in suppressions
  sender       text NOT NULL,
  used_at      timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, address_hash)
);

-- Calls between us and customers. Whose they are is said by their touch, which moves with the record when it is merged.
CREATE TABLE calls (
  workspace_id bigint NOT NULL,
  sid          text NOT NULL,                   -- the provider's id of the customer's end
  touch_id     uuid NOT NULL,
  state        text NOT NULL CHECK (state IN ('ringing', 'waiting', 'talking', 'voicemail', 'ended')),
  outcome      text NOT NULL DEFAULT '' CHECK (outcome IN ('', 'answered', 'missed', 'abandoned', 'voicemail')),
  user_id      uuid,                            -- who is rung, or talks
  started_at   timestamptz NOT NULL,
  waiting_since timestamptz,                    -- in the queue
  answered_at  timestamptz,
  ended_at     timestamptz,
  duration     integer NOT NULL DEFAULT 0,      -- in seconds, as the provider counts
  recording    text NOT NULL DEFAULT '',        -- URL at the provider, of the call or of a voicemail
  PRIMARY KEY (workspace_id, sid)
);
CREATE INDEX calls_open ON calls (workspace_id, started_at) WHERE state <> 'ended';

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['sms_senders', 'sms_threads', 'calls']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON sms_senders, sms_threads, calls TO dotyk_app;
