-- Row-level security for every table, forced on the tables' owner too. A new table joins by the same statements in
-- its own migration; a test fails for any table that has not.
DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['users', 'sources', 'keys', 'audit', 'customers', 'identities', 'merges', 'events',
    'event_keys', 'intake', 'dead_letters', 'consents', 'topics', 'suppressions', 'tasks', 'templates', 'campaigns',
    'campaign_versions', 'audience_entries', 'cohorts', 'journeys', 'journey_inbox', 'decisions', 'touches',
    'touch_statuses']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', tab);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', tab);
    EXECUTE format('CREATE POLICY one_workspace ON %I TO dotyk_app
                    USING (workspace_id = dotyk_workspace()) WITH CHECK (workspace_id = dotyk_workspace())', tab);
  END LOOP;
END $$;
ALTER TABLE workspaces ENABLE ROW LEVEL SECURITY;
ALTER TABLE workspaces FORCE ROW LEVEL SECURITY;
CREATE POLICY one_workspace ON workspaces TO dotyk_app
  USING (id = dotyk_workspace()) WITH CHECK (id = dotyk_workspace());

-- What may be changed, and what may only be added to.
GRANT SELECT, INSERT, UPDATE ON workspaces, users, sources, keys, customers, campaigns, audience_entries, cohorts,
  journeys, touches, tasks, topics, templates, suppressions TO dotyk_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON identities, intake, journey_inbox, event_keys TO dotyk_app;
GRANT SELECT, INSERT ON audit, merges, events, dead_letters, consents, campaign_versions, decisions, touch_statuses
  TO dotyk_app;
-- A merge moves history to the record that took over, and changes nothing else about it.
GRANT UPDATE (customer_id, merged_from) ON events, decisions TO dotyk_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO dotyk_app;

-- The engine's role: where is work waiting, which workspace does a key open.
GRANT SELECT (id, slug, name, country) ON workspaces TO dotyk_engine;
GRANT SELECT (workspace_id, id, source_id, hash, scopes, revoked_at) ON keys TO dotyk_engine;
GRANT SELECT (workspace_id, id, name) ON sources TO dotyk_engine;
GRANT SELECT (workspace_id, shard) ON intake TO dotyk_engine;
GRANT SELECT (workspace_id, id, status) ON campaigns TO dotyk_engine;
GRANT SELECT (workspace_id, id, campaign_id, status, poked, size, created_at) ON cohorts TO dotyk_engine;
GRANT SELECT (workspace_id, cohort_id, created_at) ON journey_inbox TO dotyk_engine;
GRANT SELECT (workspace_id, id, finished_at) ON audience_entries TO dotyk_engine;
DO $$
DECLARE
  tab text;
BEGIN
  FOREACH tab IN ARRAY ARRAY['workspaces', 'keys', 'sources', 'intake', 'campaigns', 'cohorts', 'journey_inbox', 'audience_entries']
  LOOP
    EXECUTE format('CREATE POLICY where_work_waits ON %I FOR SELECT TO dotyk_engine USING (true)', tab);
  END LOOP;
END $$;
