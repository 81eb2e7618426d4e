-- +goose Up
-- Who did what. Rows are only ever added, and each holds the hash of the one
-- before it.
CREATE TABLE audit (
	seq     BIGINT PRIMARY KEY,
	at      BIGINT NOT NULL,
	actor   TEXT   NOT NULL,
	via     TEXT   NOT NULL,
	origin  TEXT   NOT NULL,
	action  TEXT   NOT NULL,
	project TEXT   NOT NULL,
	target  TEXT   NOT NULL,
	asset   TEXT   NOT NULL,
	outcome TEXT   NOT NULL,
	detail  TEXT   NOT NULL,
	prev    TEXT   NOT NULL,
	hash    TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (at);

-- +goose StatementBegin
CREATE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'the audit is only added to';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_rows BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays();
CREATE TRIGGER audit_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays();

-- Tokens of mlsync: of the secret only the hash.
CREATE TABLE tokens (
	id        TEXT   NOT NULL PRIMARY KEY,
	project   TEXT   NOT NULL,
	name      TEXT   NOT NULL,
	role      TEXT   NOT NULL,
	hash      BYTEA  NOT NULL,
	owner     TEXT   NOT NULL,
	has       TEXT   NOT NULL,
	made_by   TEXT   NOT NULL,
	created   BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	last_used BIGINT NOT NULL DEFAULT 0,
	revoked   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tokens_owner ON tokens (owner);
