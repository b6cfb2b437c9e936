-- Mail that comes back to us, and what providers say of our mail.

-- Every mail as it came, before anybody tries to understand it.
CREATE TABLE inbound_mails (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  digest       bytea NOT NULL,                  -- SHA-256 of the mail and to whom it came: the same mail again is the same
  via          text NOT NULL,                   -- smtp, lmtp, imap, or dev
  sender       text NOT NULL,                   -- MAIL FROM; '' for a report
  recipient    text NOT NULL,                   -- RCPT TO
  raw          bytea NOT NULL,
  state        text NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'done', 'dead')),
  kind         text NOT NULL DEFAULT '',        -- what it turned out to be
  reason       text NOT NULL DEFAULT '',        -- why it is dead, or was not done yet
  tries        integer NOT NULL DEFAULT 0,
  received_at  timestamptz NOT NULL,
  finished_at  timestamptz,
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, digest)
);
CREATE INDEX inbound_mails_open ON inbound_mails (received_at) WHERE state = 'new';
CREATE INDEX inbound_mails_dead ON inbound_mails (workspace_id, received_at) WHERE state = 'dead';

-- What was said about our messages, each word once. Append-only.
CREATE TABLE mail_reports (
  workspace_id bigint NOT NULL,
  key          text NOT NULL,                   -- of the word: a mail's digest, a provider's id of the event; and the recipient
  kind         text NOT NULL,                   -- as inbound.Kind
  verdict      text NOT NULL,                   -- as inbound.Verdict
  reason       text NOT NULL DEFAULT '',
  status       text NOT NULL DEFAULT '',        -- RFC 3463
  detail       text NOT NULL DEFAULT '',
  touch_id     uuid,                            -- null where it belongs to no message that we know
  customer_id  uuid,
  provider     text NOT NULL DEFAULT '',        -- domain that received, or refused
  at           timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, key)
);
CREATE INDEX mail_reports_touch ON mail_reports (workspace_id, touch_id);
CREATE INDEX mail_reports_provider ON mail_reports (workspace_id, provider, at) WHERE verdict = 'policy';
CREATE INDEX mail_reports_feed ON mail_reports (workspace_id, at);

-- Days on which an address did not work. Only a keyed hash of the address is kept.
CREATE TABLE soft_bounces (
  workspace_id bigint NOT NULL,
  address_hash bytea NOT NULL,
  day          date NOT NULL,
  PRIMARY KEY (workspace_id, address_hash, day)
);

-- Providers that refuse our mail for a fault of ours: they get none until the time is over.
CREATE TABLE sender_pauses (
  workspace_id bigint NOT NULL,
  provider     text NOT NULL,                   -- domain that refuses; '*' for all
  reason       text NOT NULL,
  since        timestamptz NOT NULL,
  until        timestamptz NOT NULL,
  times        integer NOT NULL DEFAULT 1,      -- in a row: each pause is twice as long as the one before
  PRIMARY KEY (workspace_id, provider)
);

-- How providers prove who they are when they call our webhooks.
CREATE TABLE provider_hooks (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  provider     text NOT NULL CHECK (provider IN ('ses', 'sendgrid', 'mailgun', 'postmark')),
  secret       text NOT NULL,                   -- topic of SNS, public key, hash of name and password, or, encrypted, a signing key
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, provider)
);

DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['inbound_mails', 'mail_reports', 'soft_bounces', 'sender_pauses', 'provider_hooks']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON inbound_mails, soft_bounces, sender_pauses, provider_hooks TO dotyk_app;
GRANT SELECT, INSERT ON mail_reports TO dotyk_app;
GRANT UPDATE (detail) ON mail_reports TO dotyk_app;

-- The engine's role: which mails are to be read.
GRANT SELECT (workspace_id, id, state, received_at) ON inbound_mails TO dotyk_engine;
CREATE POLICY where_work_waits ON inbound_mails FOR SELECT TO dotyk_engine USING (true);
