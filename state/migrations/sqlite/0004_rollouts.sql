-- +goose Up
CREATE TABLE rollouts (
	target_id INTEGER NOT NULL REFERENCES targets (id),
	asset     TEXT    NOT NULL,
	wanted    TEXT    NOT NULL,
	state     TEXT    NOT NULL,
	before    TEXT    NOT NULL,
	shares    TEXT    NOT NULL,
	mirror    TEXT    NOT NULL,
	since     INTEGER NOT NULL,
	pause     INTEGER NOT NULL,
	why       TEXT    NOT NULL,
	PRIMARY KEY (target_id, asset)
) STRICT, WITHOUT ROWID;
