-- How often what nodes may remember of an environment was changed: raised in the
-- transaction of the change.
CREATE TABLE revision (
    env TEXT COLLATE {{collation}} NOT NULL PRIMARY KEY,
    n   BIGINT NOT NULL
);
