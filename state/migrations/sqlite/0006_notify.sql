-- +goose Up
-- What is wrong with targets, by name: one may fail before its workspace is known.
CREATE TABLE conditions (
	target    TEXT    NOT NULL,
	what      TEXT    NOT NULL,
	asset     TEXT    NOT NULL,
	code      TEXT    NOT NULL,
	severity  TEXT    NOT NULL,
	text      TEXT    NOT NULL,
	commit_id TEXT    NOT NULL,
	run_id    TEXT    NOT NULL,
	since     INTEGER NOT NULL,
	PRIMARY KEY (target, what, asset, code)
) STRICT, WITHOUT ROWID;

-- What is still to be said to a channel, once for each; letter is the message
-- that it went into.
CREATE TABLE outbox (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	channel   TEXT    NOT NULL,
	letter    TEXT    NOT NULL,
	target    TEXT    NOT NULL,
	what      TEXT    NOT NULL,
	asset     TEXT    NOT NULL,
	code      TEXT    NOT NULL,
	ended     INTEGER NOT NULL,
	at        INTEGER NOT NULL,
	severity  TEXT    NOT NULL,
	text      TEXT    NOT NULL,
	commit_id TEXT    NOT NULL,
	run_id    TEXT    NOT NULL,
	since     INTEGER NOT NULL
) STRICT;
CREATE INDEX outbox_channel ON outbox (channel, letter, id);

CREATE TABLE letters (
	id      TEXT    NOT NULL PRIMARY KEY,
	channel TEXT    NOT NULL,
	dropped INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	sent    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX letters_channel ON letters (channel, at);

CREATE TABLE channels (
	name    TEXT    NOT NULL PRIMARY KEY,
	dropped INTEGER NOT NULL,
	until   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
