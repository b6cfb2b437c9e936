-- Consent as a ledger that proves itself, addresses that are suppressed for more reasons, and records that can be erased.

-- The exact words that customers agreed to, each kept once and never changed.
CREATE TABLE consent_texts (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  sha256       bytea NOT NULL,                  -- of controller, locale and text, each on a line of its own
  text         text NOT NULL,
  locale       text NOT NULL DEFAULT '',        -- BCP 47; '' where it is not known
  controller   text NOT NULL DEFAULT '',        -- who asked: the name of the business
  first_shown  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, sha256)
);

-- HMAC-SHA256 (RFC 2104) with nothing but what Postgres brings along.
CREATE FUNCTION dotyk_hmac(secret bytea, message text) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
  key   bytea := CASE WHEN length(secret) > 64 THEN sha256(secret) ELSE secret END;
  inner_pad bytea := decode(repeat('36', 64), 'hex');
  outer_pad bytea := decode(repeat('5c', 64), 'hex');
BEGIN
  FOR i IN 0 .. length(key) - 1 LOOP
    inner_pad := set_byte(inner_pad, i, get_byte(key, i) # 54);
    outer_pad := set_byte(outer_pad, i, get_byte(key, i) # 92);
  END LOOP;
  RETURN sha256(outer_pad || sha256(inner_pad || convert_to(message, 'UTF8')));
END $$;

ALTER TABLE consents DROP CONSTRAINT consents_action_check;
ALTER TABLE consents ADD CONSTRAINT consents_action_check CHECK (action IN ('requested', 'granted', 'confirmed',
  'withdrawn', 'objected', 'expired', 'refreshed', 'imported'));
ALTER TABLE consents
  ADD COLUMN seq          integer NOT NULL DEFAULT 0,   -- place in the customer's chain, from 1; 0 before there were chains
  ADD COLUMN address_hash bytea,                        -- the address that was meant, as in suppressions; null if unknown
  ADD COLUMN text_sha256  bytea,                        -- of consent_texts
  ADD COLUMN actor        text NOT NULL DEFAULT '',     -- self, or who recorded it: a user, a key, the program
  ADD COLUMN jurisdiction text NOT NULL DEFAULT '',     -- ISO 3166 region whose law was looked at
  ADD COLUMN expires_at   timestamptz,
  ADD COLUMN request_id   uuid,                         -- a request, and the confirmation that answers it
  ADD COLUMN prev_hash    bytea,
  ADD COLUMN hash         bytea;
CREATE UNIQUE INDEX consents_chain ON consents (workspace_id, customer_id, seq) WHERE seq > 0;
CREATE INDEX consents_expiring ON consents (workspace_id, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX consents_request ON consents (workspace_id, request_id) WHERE request_id IS NOT NULL;

-- What of an entry is proven: everything but the fields that the chain itself makes. jsonb has one order of keys, and one
-- way to write each value in UTC; so the same entry gives the same hash for ever.
CREATE FUNCTION dotyk_consent_hash(c consents) RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE
  SET timezone = 'UTC' AS $$
  SELECT sha256(coalesce(c.prev_hash, ''::bytea) || convert_to(jsonb_build_object(
    'customer', c.customer_id, 'seq', c.seq, 'channel', c.channel, 'topic', c.topic, 'action', c.action,
    'occurred_at', c.occurred_at, 'recorded_at', c.recorded_at, 'method', c.method, 'source', c.source,
    'text_shown', c.text_shown, 'text', encode(c.text_sha256, 'hex'), 'evidence', c.evidence,
    'address', encode(c.address_hash, 'hex'), 'actor', c.actor, 'jurisdiction', c.jurisdiction,
    'expires_at', c.expires_at, 'request', c.request_id)::text, 'UTF8'))
$$;

-- Every writer's entries are chained here, so that none can forget it. The customer's row is locked, so that there is one
-- order.
CREATE FUNCTION dotyk_chain_consent() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  address text;
  last    record;
BEGIN
  SELECT CASE WHEN NEW.channel = 'email' THEN email ELSE phone END INTO address FROM customers
    WHERE workspace_id = NEW.workspace_id AND id = NEW.customer_id FOR NO KEY UPDATE;
  IF NEW.address_hash IS NULL AND address <> '' THEN
    SELECT dotyk_hmac(secret, NEW.channel || ':' || lower(btrim(address))) INTO NEW.address_hash
      FROM workspaces WHERE id = NEW.workspace_id;
  END IF;
  SELECT seq, hash INTO last FROM consents
    WHERE workspace_id = NEW.workspace_id AND customer_id = NEW.customer_id AND seq > 0 ORDER BY seq DESC LIMIT 1;
  NEW.seq := coalesce(last.seq, 0) + 1;
  NEW.prev_hash := last.hash;
  NEW.hash := dotyk_consent_hash(NEW);
  RETURN NEW;
END $$;
CREATE TRIGGER chain BEFORE INSERT ON consents FOR EACH ROW EXECUTE FUNCTION dotyk_chain_consent();

ALTER TABLE topics DROP CONSTRAINT topics_policy_check;
ALTER TABLE topics ADD CONSTRAINT topics_policy_check CHECK (policy IN ('opt_in', 'opt_out', 'double_opt_in'));
ALTER TABLE topics
  ADD COLUMN title       jsonb NOT NULL DEFAULT '{}',   -- locale -> what customers read instead of the name
  ADD COLUMN hidden      boolean NOT NULL DEFAULT false, -- it is not shown on the preference page
  ADD COLUMN created_at  timestamptz NOT NULL DEFAULT now();

-- reason: bad_address, hard_bounce, complaint, opted_out, unsubscribed, manual, erased, import
ALTER TABLE suppressions
  ADD COLUMN scope text NOT NULL DEFAULT 'all' CHECK (scope IN ('all', 'marketing')), -- all: service messages too
  ADD COLUMN actor text NOT NULL DEFAULT '';
CREATE INDEX suppressions_newest ON suppressions (workspace_id, created_at DESC, address_hash);

-- A record that was erased stays as a sign without anything personal, so that what was counted stays counted. It is merged
-- into itself: so it is left out wherever records are that another took over.
ALTER TABLE customers ADD COLUMN erased_at timestamptz;

CREATE TABLE erasures (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  id           bigint GENERATED BY DEFAULT AS IDENTITY,
  customer_id  uuid NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  reason       text NOT NULL,
  actor        text NOT NULL,
  counts       jsonb NOT NULL DEFAULT '{}',     -- table -> rows that were cleared
  PRIMARY KEY (workspace_id, id)
);

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['consent_texts', 'erasures']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON consent_texts, erasures TO dotyk_app;
-- What an erasure takes out of what is otherwise only added to.
GRANT UPDATE (properties, context, extra) ON events TO dotyk_app;
GRANT UPDATE (facts, reason) ON decisions TO dotyk_app;
GRANT UPDATE (detail) ON touch_statuses TO dotyk_app;
GRANT UPDATE (payload) ON dead_letters TO dotyk_app;
GRANT USAGE ON SEQUENCE erasures_id_seq TO dotyk_app;
