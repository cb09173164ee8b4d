-- Each of these serves one question about the limits, and no other index does.
-- They stand apart from the columns, whose lock nobody can read beside.
CREATE INDEX ticket_source ON ticket (source, placed) WHERE source <> '';
CREATE INDEX ticket_placed ON ticket (env, kind, placed) WHERE source <> '';
CREATE INDEX ticket_sampled ON ticket (env, kind, placed, source) WHERE source <> '' AND sampled = 1;
