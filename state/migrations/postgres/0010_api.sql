-- +goose Up
-- The plan that each target made last, as programs and people read it.
CREATE TABLE plans (
	target_id  BIGINT NOT NULL PRIMARY KEY REFERENCES targets (id),
	digest     TEXT NOT NULL,
	consent    TEXT NOT NULL,
	commit_id  TEXT NOT NULL,
	run_id     TEXT NOT NULL,
	at         BIGINT NOT NULL,
	complete   BIGINT NOT NULL,
	unfinished BIGINT NOT NULL,
	needs      TEXT NOT NULL,
	body       BYTEA NOT NULL
);

CREATE INDEX runs_started ON runs (started, id);

-- Lists of many targets count without reading bodies and good steps.
CREATE INDEX owned_target ON owned (target_id, asset);
CREATE INDEX steps_failed ON steps (run_id) WHERE state = 'failed';
