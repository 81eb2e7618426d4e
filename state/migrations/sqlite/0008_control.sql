-- +goose Up
-- Until when a hold lasts; 0 is until somebody ends it.
ALTER TABLE targets ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;

-- By what else who gave an approval is known.
ALTER TABLE approvals ADD COLUMN names TEXT NOT NULL DEFAULT '';

-- Drift as people deal with it: one row an asset.
CREATE TABLE inbox (
	target_id  INTEGER NOT NULL REFERENCES targets (id),
	asset      TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	fields     TEXT    NOT NULL,
	digest     TEXT    NOT NULL,
	changed_by TEXT    NOT NULL,
	changed_at TEXT    NOT NULL,
	run_id     TEXT    NOT NULL,
	first_seen INTEGER NOT NULL,
	last_seen  INTEGER NOT NULL,
	until      INTEGER NOT NULL,
	author     TEXT    NOT NULL,
	why        TEXT    NOT NULL,
	turned     INTEGER NOT NULL,
	PRIMARY KEY (target_id, asset)
) STRICT, WITHOUT ROWID;

-- What a service with pull requests is still to be told: the newest of a key.
CREATE TABLE posts (
	id      TEXT    NOT NULL PRIMARY KEY,
	lane    TEXT    NOT NULL,
	body    TEXT    NOT NULL,
	digest  TEXT    NOT NULL,
	version INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	sent    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX posts_lane ON posts (lane, sent, at);

-- What was planned of pull requests, and which heads people consented to.
CREATE TABLE pulls (
	repo    TEXT    NOT NULL,
	number  INTEGER NOT NULL,
	head    TEXT    NOT NULL,
	seen    INTEGER NOT NULL,
	planned TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (repo, number)
) STRICT, WITHOUT ROWID;
