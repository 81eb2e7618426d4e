package state

import (
	"context"
	"database/sql"
	"fmt"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// Owned are the assets that mlsync manages in the target, by id. Bodies are
// read back as JSON: a timestamp is the string that the service would send.
func (t *Target) Owned(ctx context.Context) (map[asset.ID]plan.Owned, error) {
	out := map[asset.ID]plan.Owned{}
	err := t.s.read(ctx, ownedQuery, []any{t.id}, func(r row) error {
		o, err := scanOwned(r)
		out[o.ID] = o
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what is owned in target %q: %w", t.name, err)
	}
	return out, nil
}

const ownedQuery = `SELECT asset, origin, variant, body, digest, arm, file, commit_id, at, secrets, done, missing FROM owned WHERE target_id = ?`

// scanOwned reads the columns of ownedQuery and then more.
func scanOwned(r row, more ...any) (plan.Owned, error) {
	var o plan.Owned
	var id, secrets string
	var body sql.NullString
	var at int64
	var done int
	dest := []any{&id, &o.Origin, &o.Variant, &body, &o.Digest, &o.ARM, &o.File, &o.Commit, &at, &secrets, &done, &o.Missing}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return o, err
	}
	if err := parseID(id, &o.ID); err != nil {
		return o, err
	}
	o.At, o.Done = fromNanos(at), done != 0
	if body.Valid {
		v, err := parseBody(body.String)
		if err != nil {
			return o, fmt.Errorf("the body of %s in the journal: %w", id, err)
		}
		o.Body = v
	}
	return o, fromJSON(secrets, &o.Secrets)
}

// Own records assets as managed without a write: those that were adopted as
// they are, and those that were found again by their stamps.
func (t *Target) Own(ctx context.Context, generation int64, owned ...plan.Owned) error {
	return t.write(ctx, generation, func(x *tx) error {
		for i := range owned {
			if err := t.own(ctx, x, &owned[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

const ownQuery = `INSERT INTO owned (target_id, asset, origin, variant, body, digest, arm, file, commit_id, at, secrets, done, missing)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (target_id, asset) DO UPDATE SET origin = excluded.origin, variant = excluded.variant, body = excluded.body,
		digest = excluded.digest, arm = excluded.arm, file = excluded.file, commit_id = excluded.commit_id, at = excluded.at,
		secrets = excluded.secrets, done = excluded.done, missing = excluded.missing`

func (t *Target) own(ctx context.Context, x *tx, o *plan.Owned) error {
	if err := checkID(o.ID); err != nil {
		return err
	}
	secrets, err := toJSON(o.Secrets)
	if err != nil {
		return err
	}
	var body any
	if o.Body != nil {
		text, err := o.Body.MarshalJSON()
		if err != nil {
			return err
		}
		body = string(text)
	}
	_, err = x.exec(ctx, ownQuery, t.id, o.ID.String(), string(o.Origin), o.Variant, body, o.Digest, o.ARM, o.File, o.Commit,
		nanos(o.At), secrets, flag(o.Done), o.Missing)
	return err
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Forget ends the management of assets without touching them.
func (t *Target) Forget(ctx context.Context, generation int64, ids ...asset.ID) error {
	return t.write(ctx, generation, func(x *tx) error {
		for _, id := range ids {
			if err := t.forget(ctx, x, id); err != nil {
				return err
			}
		}
		return nil
	})
}

const forgetQuery = `DELETE FROM owned WHERE target_id = ? AND asset = ?`

func (t *Target) forget(ctx context.Context, x *tx, id asset.ID) error {
	if _, err := x.exec(ctx, forgetQuery, t.id, id.String()); err != nil {
		return err
	}
	_, err := x.exec(ctx, `DELETE FROM rollouts WHERE target_id = ? AND asset = ?`, t.id, id.String())
	return err
}

// Observe counts one complete look at the tree: Missing grows by one for the
// owned assets that are in missing and starts again at 0 for all others.
func (t *Target) Observe(ctx context.Context, generation int64, missing []asset.ID) error {
	gone := make(map[string]bool, len(missing))
	for _, id := range missing {
		gone[id.String()] = true
	}
	return t.write(ctx, generation, func(x *tx) error {
		var back []string
		err := x.query(ctx, `SELECT asset FROM owned WHERE target_id = ? AND missing > 0`, []any{t.id}, func(r row) error {
			var id string
			err := r.Scan(&id)
			if !gone[id] {
				back = append(back, id)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range back {
			if _, err := x.exec(ctx, `UPDATE owned SET missing = 0 WHERE target_id = ? AND asset = ?`, t.id, id); err != nil {
				return err
			}
		}
		for _, id := range missing {
			if _, err := x.exec(ctx, `UPDATE owned SET missing = missing + 1 WHERE target_id = ? AND asset = ?`, t.id, id.String()); err != nil {
				return err
			}
		}
		return nil
	})
}
