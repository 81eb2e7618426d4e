-- +goose Up
CREATE TABLE rollouts (
	target_id BIGINT NOT NULL REFERENCES targets (id),
	asset     TEXT COLLATE "C" NOT NULL,
	wanted    TEXT    NOT NULL,
	state     TEXT    NOT NULL,
	before    TEXT    NOT NULL,
	shares    TEXT    NOT NULL,
	mirror    TEXT    NOT NULL,
	since     BIGINT NOT NULL,
	pause     BIGINT NOT NULL,
	why       TEXT    NOT NULL,
	PRIMARY KEY (target_id, asset)
);
