-- A number that grows with every change of what nodes may remember of an
-- environment, in the transaction of the change.
CREATE TABLE revision (
    env TEXT COLLATE {{collation}} NOT NULL PRIMARY KEY,
    n   BIGINT NOT NULL
);
