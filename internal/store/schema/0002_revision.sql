-- How often what a node may remember was changed in an environment: raised in
-- the transaction that changes it.
CREATE TABLE revision (
    env TEXT COLLATE {{collation}} NOT NULL PRIMARY KEY,
    n   BIGINT NOT NULL
);
