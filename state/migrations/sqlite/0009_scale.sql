-- +goose Up
-- The oldest schema that a program must know to work with this journal.
ALTER TABLE installation ADD COLUMN needs INTEGER NOT NULL DEFAULT 0;

-- The newest commit of a ref that any process has seen; moved counts them,
-- asked the hints that it may have moved, looked those that a look followed.
CREATE TABLE refs (
	ref       TEXT    NOT NULL PRIMARY KEY,
	commit_id TEXT    NOT NULL,
	moved     INTEGER NOT NULL,
	asked     INTEGER NOT NULL DEFAULT 0,
	looked    INTEGER NOT NULL DEFAULT 0,
	at        INTEGER NOT NULL
);

-- The commit that the targets of a group were told of.
CREATE TABLE told (
	ref       TEXT NOT NULL,
	grp       TEXT NOT NULL,
	commit_id TEXT NOT NULL,
	PRIMARY KEY (ref, grp)
);

-- What a target was made of when everything was compared last, and the newest
-- commit that has the same.
CREATE TABLE inputs (
	target_id   INTEGER NOT NULL PRIMARY KEY REFERENCES targets (id),
	generation  INTEGER NOT NULL,
	digest      TEXT    NOT NULL,
	paths       TEXT    NOT NULL,
	commit_id   TEXT    NOT NULL,
	compared_at INTEGER NOT NULL,
	same_commit TEXT    NOT NULL,
	same_at     INTEGER NOT NULL
);

-- What processes share of the requests that a service grants.
CREATE TABLE budgets (
	name   TEXT    NOT NULL PRIMARY KEY,
	free   INTEGER NOT NULL,
	paused INTEGER NOT NULL DEFAULT 0
);
