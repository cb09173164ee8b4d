-- What is kept. The env of the root scope is the empty text. Times are unix
-- milliseconds. An index over the body stands here beside the mark in the
-- kind's table that asks for it; the kind is a literal in every statement, so
-- that a partial index is found whatever the parameters are.
CREATE TABLE document (
    env     TEXT COLLATE {{collation}} NOT NULL,
    kind    TEXT COLLATE {{collation}} NOT NULL,
    id      TEXT COLLATE {{collation}} NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    body    JSONB NOT NULL,
    PRIMARY KEY (env, kind, id)
);

-- A list is read in the order (created, id), a page at a time.
CREATE INDEX document_created ON document (env, kind, created, id);

-- The parts of a document that are documents of their own.
CREATE INDEX document_parent ON document (env, kind, (body ->> 'parent') COLLATE {{collation}}, created, id)
    WHERE (body ->> 'parent') IS NOT NULL;

-- What is unique in its kind, under its parent where it has one.
CREATE UNIQUE INDEX document_unique ON document (env, kind, (body ->> 'uniqueKey') COLLATE {{collation}})
    WHERE (body ->> 'uniqueKey') IS NOT NULL;

CREATE UNIQUE INDEX user_username ON document (env, (body ->> 'usernameKey') COLLATE {{collation}}) WHERE kind = 'user';
CREATE INDEX user_email ON document (env, (body ->> 'emailKey') COLLATE {{collation}}, created, id) WHERE kind = 'user';
CREATE INDEX user_population ON document (env, (body -> 'population' ->> 'id') COLLATE {{collation}}, created, id) WHERE kind = 'user';
CREATE INDEX user_external_id ON document (env, (body ->> 'externalId') COLLATE {{collation}}, created, id) WHERE kind = 'user' AND (body ->> 'externalId') IS NOT NULL;
CREATE INDEX role_assignment_scope ON document (env, (body -> 'scope' ->> 'id') COLLATE {{collation}}, created, id) WHERE kind = 'roleAssignment';
CREATE INDEX group_membership_group ON document (env, (body -> 'group' ->> 'id') COLLATE {{collation}}, created, id) WHERE kind = 'groupMembership';

-- What expires. The key is a hash of the secret; spent is 0 until it is spent.
-- No statement looks into the body, which may hold any text that a client sent.
CREATE TABLE ticket (
    kind    TEXT COLLATE {{collation}} NOT NULL,
    key     {{bytes}} NOT NULL,
    id      TEXT COLLATE {{collation}} NOT NULL,
    env     TEXT COLLATE {{collation}} NOT NULL,
    owner   TEXT COLLATE {{collation}} NOT NULL,
    client  TEXT COLLATE {{collation}} NOT NULL,
    family  TEXT COLLATE {{collation}} NOT NULL,
    expires BIGINT NOT NULL,
    spent   BIGINT NOT NULL,
    version BIGINT NOT NULL,
    body    {{json}} NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX ticket_id ON ticket (env, id);
CREATE INDEX ticket_owner ON ticket (env, owner, kind);
CREATE INDEX ticket_client ON ticket (env, client, kind);
CREATE INDEX ticket_family ON ticket (family);
CREATE INDEX ticket_expires ON ticket (expires);

-- How many documents of a kind have a value, kept as they come and go, so that
-- nobody counts. It is spread over shards, which add up.
CREATE TABLE tally (
    env   TEXT COLLATE {{collation}} NOT NULL,
    name  TEXT COLLATE {{collation}} NOT NULL,
    shard BIGINT NOT NULL,
    n     BIGINT NOT NULL,
    PRIMARY KEY (env, name, shard)
);

-- What happened. Rows are added, and deleted when they are old.
CREATE TABLE event (
    env         TEXT COLLATE {{collation}} NOT NULL,
    recorded    BIGINT NOT NULL,
    id          TEXT COLLATE {{collation}} NOT NULL,
    action      TEXT COLLATE {{collation}} NOT NULL,
    actor       TEXT COLLATE {{collation}} NOT NULL,
    client      TEXT COLLATE {{collation}} NOT NULL,
    target      TEXT COLLATE {{collation}} NOT NULL,
    population  TEXT COLLATE {{collation}} NOT NULL,
    correlation TEXT COLLATE {{collation}} NOT NULL,
    result      TEXT COLLATE {{collation}} NOT NULL,
    body        JSONB NOT NULL,
    PRIMARY KEY (env, recorded, id)
);

CREATE INDEX event_id ON event (env, id, recorded);
CREATE INDEX event_correlation ON event (env, correlation, recorded, id);
CREATE INDEX event_target ON event (env, target, recorded, id);
CREATE INDEX event_recorded ON event (recorded);
