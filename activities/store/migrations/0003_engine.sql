-- Campaigns, who is in them, what was decided and what was sent.

CREATE TABLE templates (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  name         text NOT NULL,
  subject      text NOT NULL DEFAULT '',
  html         text NOT NULL DEFAULT '',
  text         text NOT NULL DEFAULT '',
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, name)
);

CREATE TABLE campaigns (
  workspace_id bigint NOT NULL REFERENCES workspaces,
  id           uuid NOT NULL,
  name         text NOT NULL,
  status       text NOT NULL CHECK (status IN ('live', 'paused', 'archived')),
  version      integer NOT NULL,                -- the one that new journeys enter
  created_at   timestamptz NOT NULL DEFAULT now(),
  updated_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id),
  UNIQUE (workspace_id, name)
);

-- Immutable: definition and templates as they were when published.
CREATE TABLE campaign_versions (
  workspace_id bigint NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  hash         text NOT NULL,                   -- of the canonical definition and the templates
  definition   text NOT NULL,                   -- canonical JSON
  source       text NOT NULL,                   -- as the marketer wrote it
  templates    jsonb NOT NULL DEFAULT '{}',     -- name -> {subject, html, text}
  published_by text NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, campaign_id, version),
  FOREIGN KEY (workspace_id, campaign_id) REFERENCES campaigns
);

-- An audience on its way into a campaign, page by page.
CREATE TABLE audience_entries (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  after        uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- last customer that was judged
  judged       integer NOT NULL DEFAULT 0,
  entered      integer NOT NULL DEFAULT 0,
  created_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX audience_entries_open ON audience_entries (workspace_id) WHERE finished_at IS NULL;

-- One or many journeys carried by one workflow, whose id is made from the cohort's.
CREATE TABLE cohorts (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  size         integer NOT NULL,
  status       text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'done')),
  poked        boolean NOT NULL DEFAULT false,  -- its workflow must look at it again
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX cohorts_waiting ON cohorts (created_at) WHERE status = 'pending' OR poked;

CREATE TABLE journeys (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  cohort_id    uuid NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  customer_id  uuid NOT NULL,
  key          text NOT NULL DEFAULT '',
  status       text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'finished', 'exited', 'converted')),
  position     jsonb NOT NULL,
  due_at       timestamptz,                     -- when to look again; null when only an event can move it
  listens_to   text[] NOT NULL DEFAULT '{}',    -- names of events that concern it now
  entry        jsonb NOT NULL DEFAULT '{}',     -- what started it
  exit_reason  text NOT NULL DEFAULT '',
  entered_at   timestamptz NOT NULL,
  ended_at     timestamptz,
  merged_from  uuid,
  PRIMARY KEY (workspace_id, id)
);
-- By cohort alone: an index that began with the workspace would look as good as any other to a planner that believes the
-- table to be small, and it would take the wrong one.
CREATE INDEX journeys_cohort ON journeys (cohort_id, due_at) WHERE status = 'active';
CREATE INDEX journeys_customer ON journeys (workspace_id, customer_id, campaign_id);
CREATE UNIQUE INDEX journeys_one_active ON journeys (workspace_id, campaign_id, customer_id, key)
  WHERE status = 'active';

-- Events that concern a waiting journey and were not handed to it yet.
CREATE TABLE journey_inbox (
  workspace_id bigint NOT NULL,
  cohort_id    uuid NOT NULL,
  journey_id   uuid NOT NULL,
  event_id     uuid NOT NULL,
  occurred_at  timestamptz NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (workspace_id, journey_id, event_id)
);
CREATE INDEX journey_inbox_cohort ON journey_inbox (cohort_id);
CREATE INDEX journey_inbox_age ON journey_inbox (created_at);

-- The recorded outcome of rules for a customer.
CREATE TABLE decisions (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  customer_id  uuid NOT NULL,
  campaign_id  uuid NOT NULL,
  version      integer NOT NULL,
  journey_id   uuid,                            -- null when the customer did not enter
  event_id     uuid,
  step         text NOT NULL DEFAULT '',
  kind         text NOT NULL,                   -- trigger, branch, wait_for, exit, goal
  outcome      text NOT NULL,
  rule         text NOT NULL DEFAULT '',
  reason       text NOT NULL DEFAULT '',
  facts        jsonb NOT NULL DEFAULT '{}',     -- value of each part of the rule
  at           timestamptz NOT NULL,
  merged_from  uuid,
  PRIMARY KEY (workspace_id, id)
);
CREATE INDEX decisions_customer ON decisions (workspace_id, customer_id);

-- Contacts with customers; for messages this is the ledger. The unique key makes a second send of one step of one
-- journey impossible.
CREATE TABLE touches (
  workspace_id bigint NOT NULL,
  id           uuid NOT NULL,
  customer_id  uuid NOT NULL,
  channel      text NOT NULL,
  direction    text NOT NULL CHECK (direction IN ('out', 'in')),
  status       text NOT NULL CHECK (status IN ('planned', 'claimed', 'accepted', 'delivered', 'failed', 'suppressed',
                                              'uncertain', 'recorded')),
  campaign_id  uuid,
  version      integer,
  cohort_id    uuid,
  journey_id   uuid,
  step         text NOT NULL DEFAULT '',
  iteration    integer NOT NULL DEFAULT 0,
  topic        text NOT NULL DEFAULT '',        -- '' for a transactional message
  address      text NOT NULL DEFAULT '',        -- where it went to, or came from
  summary      text NOT NULL DEFAULT '',        -- subject of an e-mail, text of an SMS
  reason       text NOT NULL DEFAULT '',        -- why it was decided
  outcome      text NOT NULL DEFAULT '',        -- why it is in this status: the provider's words, the refusal
  provider_id  text NOT NULL DEFAULT '',
  segments     integer NOT NULL DEFAULT 0,      -- SMS parts
  attempts     integer NOT NULL DEFAULT 0,
  claim        text NOT NULL DEFAULT '',        -- which process and attempt claimed it
  expires_at   timestamptz,                     -- not worth sending after this
  occurred_at  timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL DEFAULT now(),
  detail       jsonb NOT NULL DEFAULT '{}',     -- more about it: the text of a customer's reply
  merged_from  uuid,
  PRIMARY KEY (workspace_id, id)
);
CREATE UNIQUE INDEX touches_ledger ON touches (workspace_id, journey_id, step, iteration) WHERE journey_id IS NOT NULL;
CREATE INDEX touches_customer ON touches (workspace_id, customer_id);
CREATE INDEX touches_open ON touches (cohort_id, channel) WHERE status IN ('planned', 'claimed');
CREATE INDEX touches_uncertain ON touches (workspace_id, id) WHERE status = 'uncertain';
CREATE UNIQUE INDEX touches_inbound ON touches (workspace_id, provider_id) WHERE direction = 'in' AND provider_id <> '';

-- Every status a touch ever had. Append-only.
CREATE TABLE touch_statuses (
  workspace_id bigint NOT NULL,
  id           bigint GENERATED BY DEFAULT AS IDENTITY,
  touch_id     uuid NOT NULL,
  status       text NOT NULL,
  detail       text NOT NULL DEFAULT '',
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (workspace_id, touch_id, id)
);
CREATE INDEX touch_statuses_feed ON touch_statuses (workspace_id, id);

-- New databases grow fast from nothing: the planner must hear of it soon.
DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['customers', 'identities', 'event_keys', 'journeys', 'journey_inbox', 'cohorts', 'touches',
    'touch_statuses', 'decisions', 'consents']
  LOOP
    EXECUTE format('ALTER TABLE %I SET (autovacuum_analyze_threshold = 500, autovacuum_analyze_scale_factor = 0.1)', tab);
  END LOOP;
END $$;
