-- Where a ticket is from that may be dropped when there are too many: its kind,
-- its environment and who has left it there, until somebody comes back for it;
-- then, and for all others, it is empty. placed is when it was put. By those that
-- are sampled it is told how many there are in an environment.
ALTER TABLE ticket ADD COLUMN source TEXT COLLATE {{collation}} NOT NULL DEFAULT '';
ALTER TABLE ticket ADD COLUMN placed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE ticket ADD COLUMN sampled BIGINT NOT NULL DEFAULT 0;
