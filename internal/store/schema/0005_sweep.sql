-- Of some kinds anybody may leave many: they are swept as soon as they expire,
-- while the others stay for an hour, which these must not be looked for among.
CREATE INDEX ticket_pushed ON ticket (kind, expires) WHERE kind = 'pushed';
CREATE INDEX ticket_seen ON ticket (kind, expires) WHERE kind = 'seen';

-- No statement looks for tickets by their family.
DROP INDEX ticket_family;

-- What was deleted, and what each spending and rotation leaves behind, gives its
-- room back when that is a fiftieth of the table, not a fifth.
{{postgres}} ALTER TABLE ticket SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.1);
