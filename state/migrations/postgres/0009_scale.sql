-- +goose Up
-- The oldest schema that a program must know to work with this journal.
ALTER TABLE installation ADD COLUMN needs BIGINT NOT NULL DEFAULT 0;

-- The newest commit of a ref that any process has seen; moved counts them,
-- asked the hints that it may have moved, looked those that a look followed.
CREATE TABLE refs (
	ref       TEXT    NOT NULL PRIMARY KEY,
	commit_id TEXT    NOT NULL,
	moved     BIGINT NOT NULL,
	asked     BIGINT NOT NULL DEFAULT 0,
	looked    BIGINT NOT NULL DEFAULT 0,
	at        BIGINT NOT NULL
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
	target_id   BIGINT NOT NULL PRIMARY KEY REFERENCES targets (id),
	generation  BIGINT NOT NULL,
	digest      TEXT    NOT NULL,
	paths       TEXT    NOT NULL,
	commit_id   TEXT    NOT NULL,
	compared_at BIGINT NOT NULL,
	same_commit TEXT    NOT NULL,
	same_at     BIGINT NOT NULL
);

-- What processes share of the requests that a service grants.
CREATE TABLE budgets (
	name   TEXT    NOT NULL PRIMARY KEY,
	free   BIGINT NOT NULL,
	paused BIGINT NOT NULL DEFAULT 0
);
