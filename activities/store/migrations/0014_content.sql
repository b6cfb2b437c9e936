-- Templates have kinds, layouts and variants in other languages.
ALTER TABLE templates
  ADD COLUMN kind      text NOT NULL DEFAULT '' CHECK (kind IN ('', 'layout', 'snippet')),
  ADD COLUMN preheader text NOT NULL DEFAULT '',
  ADD COLUMN layout    text NOT NULL DEFAULT '',        -- the name of the one around it
  ADD COLUMN locale    text NOT NULL DEFAULT '',        -- its own language
  ADD COLUMN variants  jsonb NOT NULL DEFAULT '{}';     -- locale -> {subject, preheader, html, text}

GRANT DELETE ON templates TO dotyk_app;
