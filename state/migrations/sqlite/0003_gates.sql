-- +goose Up
ALTER TABLE runs ADD COLUMN release_name TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';

-- What a target has taken: the last time for each release.
CREATE TABLE taken (
	target_id    INTEGER NOT NULL REFERENCES targets (id),
	fingerprint  TEXT NOT NULL,
	release_name TEXT NOT NULL,
	commit_id    TEXT NOT NULL,
	run_id       TEXT NOT NULL,
	at           INTEGER NOT NULL,
	PRIMARY KEY (target_id, fingerprint)
) STRICT, WITHOUT ROWID;

CREATE TABLE gates (
	target_id    INTEGER NOT NULL REFERENCES targets (id),
	fingerprint  TEXT NOT NULL,
	gate         TEXT NOT NULL,
	release_name TEXT NOT NULL,
	commit_id    TEXT NOT NULL,
	type         TEXT NOT NULL,
	rule         TEXT NOT NULL,
	state        TEXT NOT NULL,
	why          TEXT NOT NULL,
	evidence     TEXT NOT NULL,
	since        INTEGER NOT NULL,
	at           INTEGER NOT NULL,
	next         INTEGER NOT NULL,
	deadline     INTEGER NOT NULL,
	PRIMARY KEY (target_id, fingerprint, gate)
) STRICT, WITHOUT ROWID;
