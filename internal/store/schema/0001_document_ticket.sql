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

CREATE UNIQUE INDEX user_username ON document (env, (body ->> 'usernameKey') COLLATE {{collation}}) WHERE kind = 'user';
CREATE INDEX user_email ON document (env, (body ->> 'emailKey') COLLATE {{collation}}, created, id) WHERE kind = 'user';
CREATE INDEX user_population ON document (env, (body -> 'population' ->> 'id') COLLATE {{collation}}, created, id) WHERE kind = 'user';
CREATE UNIQUE INDEX population_name ON document (env, (body ->> 'nameKey') COLLATE {{collation}}) WHERE kind = 'population';
CREATE UNIQUE INDEX environment_name ON document (env, (body ->> 'nameKey') COLLATE {{collation}}) WHERE kind = 'environment';
CREATE UNIQUE INDEX sign_on_policy_name ON document (env, (body ->> 'nameKey') COLLATE {{collation}}) WHERE kind = 'signOnPolicy';
CREATE UNIQUE INDEX password_policy_name ON document (env, (body ->> 'nameKey') COLLATE {{collation}}) WHERE kind = 'passwordPolicy';
CREATE UNIQUE INDEX grant_resource ON document (env, (body ->> 'parent') COLLATE {{collation}}, (body -> 'resource' ->> 'id') COLLATE {{collation}}) WHERE kind = 'grant';
CREATE INDEX role_assignment_actor ON document (env, (body ->> 'actor') COLLATE {{collation}}, created, id) WHERE kind = 'roleAssignment';

-- What expires. The key is a hash of the secret; spent is 0 until it is spent.
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
    body    JSONB NOT NULL,
    PRIMARY KEY (kind, key)
);

CREATE INDEX ticket_id ON ticket (env, id);
CREATE INDEX ticket_owner ON ticket (env, owner, kind);
CREATE INDEX ticket_client ON ticket (env, client, kind);
CREATE INDEX ticket_family ON ticket (family);
CREATE INDEX ticket_expires ON ticket (expires);
