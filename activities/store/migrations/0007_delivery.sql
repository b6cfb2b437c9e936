-- What sends a message, and what it costs.
ALTER TABLE touches
  ADD COLUMN sender text NOT NULL DEFAULT '',            -- account or number that sent it; '' where there is but one
  ADD COLUMN cost   numeric(14,6) NOT NULL DEFAULT 0;    -- estimated, in the workspace's currency

-- Every change of a message's status writes every index: what caps count is found by customer as well.
DROP INDEX touches_sent;
