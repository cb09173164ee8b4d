-- Where a ticket is from that may be dropped when there are too many: its kind,
-- its environment and who has left it there, until somebody comes back for it;
-- then, and for all others, it is empty. placed is when it was put. By the samples
-- it is told how many there are in an environment, without counting them. Each of
-- the indexes serves one question, and no other index does.
ALTER TABLE ticket ADD COLUMN source TEXT COLLATE {{collation}} NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN placed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN sampled BIGINT NOT NULL DEFAULT 0;

CREATE INDEX ticket_source ON ticket (source, placed) WHERE source <> '';
CREATE INDEX ticket_placed ON ticket (env, kind, placed) WHERE source <> '';
CREATE INDEX ticket_sampled ON ticket (env, kind, placed, source) WHERE source <> '' AND sampled = 1;
