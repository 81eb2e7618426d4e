-- +goose Up
PRAGMA application_id = 1835823993;

CREATE TABLE installation (
	one             INTEGER PRIMARY KEY CHECK (one = 1),
	id              TEXT    NOT NULL,
	created         INTEGER NOT NULL,
	fingerprint_key BLOB    NOT NULL
) STRICT;

CREATE TABLE targets (
	id         INTEGER PRIMARY KEY,
	name       TEXT    NOT NULL UNIQUE,
	workspace  TEXT    NOT NULL,
	generation INTEGER NOT NULL DEFAULT 0,
	holder     TEXT    NOT NULL DEFAULT '',
	session    TEXT    NOT NULL DEFAULT '',
	locked     INTEGER NOT NULL DEFAULT 0,
	expires    INTEGER NOT NULL DEFAULT 0,
	held_by    TEXT    NOT NULL DEFAULT '',
	held_why   TEXT    NOT NULL DEFAULT '',
	held_at    INTEGER NOT NULL DEFAULT 0,
	seen       TEXT    NOT NULL DEFAULT '',
	seen_at    INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE runs (
	id         TEXT    PRIMARY KEY,
	target_id  INTEGER NOT NULL REFERENCES targets (id),
	generation INTEGER NOT NULL,
	commit_id  TEXT    NOT NULL,
	cause      TEXT    NOT NULL,
	started    INTEGER NOT NULL,
	ended      INTEGER NOT NULL DEFAULT 0,
	state      TEXT    NOT NULL DEFAULT '',
	digest     TEXT    NOT NULL DEFAULT '',
	summary    TEXT    NOT NULL DEFAULT '',
	err        TEXT    NOT NULL DEFAULT '',
	UNIQUE (target_id, generation)
) STRICT, WITHOUT ROWID;

CREATE TABLE steps (
	id        INTEGER PRIMARY KEY,
	target_id INTEGER NOT NULL REFERENCES targets (id),
	run_id    TEXT    NOT NULL REFERENCES runs (id),
	asset     TEXT    NOT NULL,
	part      TEXT    NOT NULL,
	action    TEXT    NOT NULL,
	digest    TEXT    NOT NULL,
	started   INTEGER NOT NULL,
	operation TEXT    NOT NULL DEFAULT '',
	want      TEXT    NOT NULL DEFAULT '',
	state     TEXT    NOT NULL DEFAULT '',
	took      INTEGER NOT NULL DEFAULT 0,
	err       TEXT    NOT NULL DEFAULT '',
	code      TEXT    NOT NULL DEFAULT '',
	request   TEXT    NOT NULL DEFAULT '',
	by_asset  TEXT    NOT NULL DEFAULT '',
	by_part   TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX steps_run ON steps (run_id);
CREATE INDEX steps_asset ON steps (target_id, asset);
CREATE INDEX steps_open ON steps (target_id) WHERE state = '';

CREATE TABLE owned (
	target_id INTEGER NOT NULL REFERENCES targets (id),
	asset     TEXT    NOT NULL,
	origin    TEXT    NOT NULL,
	variant   TEXT    NOT NULL,
	body      TEXT,
	digest    TEXT    NOT NULL,
	arm       TEXT    NOT NULL,
	file      TEXT    NOT NULL,
	commit_id TEXT    NOT NULL,
	at        INTEGER NOT NULL,
	secrets   TEXT    NOT NULL,
	done      INTEGER NOT NULL,
	missing   INTEGER NOT NULL,
	PRIMARY KEY (target_id, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
	id        INTEGER PRIMARY KEY,
	target_id INTEGER NOT NULL REFERENCES targets (id),
	digest    TEXT    NOT NULL,
	allow     TEXT    NOT NULL,
	author    TEXT    NOT NULL,
	at        INTEGER NOT NULL,
	expires   INTEGER NOT NULL
) STRICT;
CREATE INDEX approvals_digest ON approvals (target_id, digest);

CREATE TABLE drift (
	id        INTEGER PRIMARY KEY,
	target_id INTEGER NOT NULL REFERENCES targets (id),
	run_id    TEXT    NOT NULL REFERENCES runs (id),
	at        INTEGER NOT NULL,
	asset     TEXT    NOT NULL,
	paths     TEXT    NOT NULL,
	changed_by TEXT   NOT NULL,
	changed_at TEXT   NOT NULL,
	revert    INTEGER NOT NULL
) STRICT;
CREATE INDEX drift_at ON drift (target_id, at);
CREATE INDEX drift_run ON drift (run_id);

CREATE TABLE events (
	id     INTEGER PRIMARY KEY AUTOINCREMENT,
	target TEXT    NOT NULL,
	at     INTEGER NOT NULL,
	what   TEXT    NOT NULL,
	author TEXT    NOT NULL,
	asset  TEXT    NOT NULL,
	text   TEXT    NOT NULL
) STRICT;
CREATE INDEX events_target ON events (target, id);

-- +goose StatementBegin
CREATE TRIGGER events_keep_update BEFORE UPDATE ON events
BEGIN
	SELECT RAISE(ABORT, 'events are append-only');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER events_keep_delete BEFORE DELETE ON events
BEGIN
	SELECT RAISE(ABORT, 'events are append-only');
END;
-- +goose StatementEnd
