-- Messages are claimed many at a time and sent one after another by senders of known order, so that of those that a dead
-- process left claimed it is known which one may have been sent.
ALTER TABLE touches
  ADD COLUMN lane   smallint NOT NULL DEFAULT 0,         -- which of the claim's senders has it
  ADD COLUMN turn   integer NOT NULL DEFAULT 0,          -- its place among what that sender was given
  ADD COLUMN sender text NOT NULL DEFAULT '',            -- account or number that sent it
  ADD COLUMN cost   numeric(14,6) NOT NULL DEFAULT 0;    -- in the workspace's currency: what an SMS is estimated to cost
