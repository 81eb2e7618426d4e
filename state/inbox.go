package state

import (
	"context"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
)

// FoundState is what became of drift.
type FoundState string

// The states of drift. Open waits for somebody. Accepted is to stay: its
// values go into git. Corrected was changed back. Gone was not there any more
// when the asset was compared again.
const (
	FoundOpen      FoundState = "open"
	FoundAccepted  FoundState = "accepted"
	FoundCorrected FoundState = "corrected"
	FoundGone      FoundState = "gone"
)

// Found is drift of one asset, as people deal with it. What is known of the
// asset is what the last run saw.
type Found struct {
	ID     asset.ID     `json:"asset"`
	State  FoundState   `json:"state"`
	Fields []FoundField `json:"fields,omitempty"`
	// Digest is over the fields: it says whether drift is the same as before.
	Digest string `json:"digest"`
	// ChangedBy and ChangedAt are what the service says of the last change.
	ChangedBy string `json:"changed_by,omitempty"`
	ChangedAt string `json:"changed_at,omitempty"`
	Run       string `json:"run"`
	// First and Last are when it was seen. Turned is when the state became what
	// it is, by Author, for Why; a run has no author.
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
	Turned time.Time `json:"turned"`
	Author string    `json:"author,omitempty"`
	Why    string    `json:"why,omitempty"`
	// Until is when open drift is to be looked at again; zero is now.
	Until time.Time `json:"until,omitzero"`
}

// FoundField is a field that differs: digests of what git says and of what is
// live, keyed for this journal, so that nobody guesses values. Both are "" for
// secrets, and one is where there is no value.
type FoundField struct {
	Path string `json:"path"`
	Git  string `json:"git,omitempty"`
	Live string `json:"live,omitempty"`
}

type inboxJSON struct {
	Target string `json:"target"`
	Found
}

const inboxColumns = `i.asset, i.state, i.fields, i.digest, i.changed_by, i.changed_at, i.run_id, i.first_seen, i.last_seen, i.until, i.author, i.why, i.turned`

func scanFound(r row, more ...any) (Found, error) {
	var f Found
	var id, fields string
	var first, last, until, turned int64
	dest := []any{&id, &f.State, &fields, &f.Digest, &f.ChangedBy, &f.ChangedAt, &f.Run, &first, &last, &until, &f.Author, &f.Why, &turned}
	if err := r.Scan(append(dest, more...)...); err != nil {
		return f, err
	}
	f.First, f.Last, f.Until, f.Turned = fromNanos(first), fromNanos(last), fromNanos(until), fromNanos(turned)
	if err := parseID(id, &f.ID); err != nil {
		return f, err
	}
	return f, fromJSON(fields, &f.Fields)
}

func (t *Target) put(ctx context.Context, x *tx, f *Found) error {
	if err := checkID(f.ID); err != nil {
		return err
	}
	fields, err := toJSON(f.Fields)
	if err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO inbox (target_id, asset, state, fields, digest, changed_by, changed_at, run_id, first_seen, last_seen, until, author, why, turned)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (target_id, asset) DO UPDATE SET state = excluded.state, fields = excluded.fields, digest = excluded.digest,
			changed_by = excluded.changed_by, changed_at = excluded.changed_at, run_id = excluded.run_id, first_seen = excluded.first_seen,
			last_seen = excluded.last_seen, until = excluded.until, author = excluded.author, why = excluded.why, turned = excluded.turned`,
		t.id, f.ID.String(), string(f.State), fields, f.Digest, f.ChangedBy, f.ChangedAt, f.Run, nanos(f.First), nanos(f.Last), nanos(f.Until), f.Author, f.Why, nanos(f.Turned))
	return err
}

// found is the row of an asset, for the transaction to write; false if there
// is none.
func (t *Target) found(ctx context.Context, x *tx, id asset.ID) (f Found, there bool, err error) {
	err = x.query(ctx, `SELECT `+inboxColumns+` FROM inbox i WHERE i.target_id = ? AND i.asset = ?`+t.s.dialect.update, []any{t.id, id.String()}, func(r row) error {
		there = true
		f, err = scanFound(r)
		return err
	})
	return f, there, err
}

// find brings the row of one asset up to date with what a run saw.
func (t *Target) find(ctx context.Context, x *tx, generation int64, d *plan.Drift) error {
	was, there, err := t.found(ctx, x, d.ID)
	if err != nil {
		return err
	}
	now := t.s.clock()
	f := Found{ID: d.ID, State: FoundOpen, Fields: t.fields(d), ChangedBy: d.By, ChangedAt: d.At, Run: runID(t.name, generation), First: now, Last: now, Turned: now}
	f.Digest = t.digestOf(f.Fields)
	if there && was.Digest == f.Digest && (was.State == FoundOpen || was.State == FoundAccepted) {
		f.State, f.First, f.Until, f.Author, f.Why, f.Turned = was.State, was.First, was.Until, was.Author, was.Why, was.Turned
	}
	if d.Revert {
		done, err := x.get(ctx, `SELECT 1 FROM steps WHERE run_id = ? AND asset = ? AND state = ? LIMIT 1`, []any{f.Run, d.ID.String(), string(plan.Done)}, new(int))
		if err != nil {
			return err
		}
		if done {
			f.State, f.Until, f.Author, f.Why, f.Turned = FoundCorrected, time.Time{}, "", "", now
		}
	}
	return t.put(ctx, x, &f)
}

func (t *Target) fields(d *plan.Drift) []FoundField {
	var out []FoundField
	for _, ch := range d.Changes {
		if path := ch.Dotted(); slices.Contains(d.Paths, path) {
			f := FoundField{Path: path}
			if !ch.Secret {
				f.Git, f.Live = t.mark(ch.Want), t.mark(ch.Live)
			}
			out = append(out, f)
		}
	}
	return out
}

// mark is the keyed digest of a value; "" if there is none.
func (t *Target) mark(v *asset.Value) string {
	if v == nil {
		return ""
	}
	return t.s.Fingerprint(asset.NewSecret("drift\x00" + string(v.Canonical())))
}

func (t *Target) digestOf(fields []FoundField) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Path + "\x00" + f.Git + "\x00" + f.Live + "\n")
	}
	return t.mark(asset.NewString(b.String()))
}

// NoDrift notes that a run compared assets and saw no drift of them: what
// was found of them is gone.
func (t *Target) NoDrift(ctx context.Context, generation int64, ids ...asset.ID) error {
	open, err := t.Inbox(ctx, FoundOpen, FoundAccepted)
	if err != nil || len(open) == 0 {
		return err
	}
	return t.write(ctx, generation, func(x *tx) error {
		for _, o := range open {
			if !slices.Contains(ids, o.ID) {
				continue
			}
			_, err := x.exec(ctx, `UPDATE inbox SET state = ?, turned = ?, until = 0 WHERE target_id = ? AND asset = ? AND state IN (?, ?)`,
				string(FoundGone), nanos(t.s.clock()), t.id, o.ID.String(), string(FoundOpen), string(FoundAccepted))
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Inbox is the drift of the target in the given states, or in any if none is
// given, in the order of assets.
func (t *Target) Inbox(ctx context.Context, states ...FoundState) ([]Found, error) {
	var out []Found
	err := t.s.read(ctx, `SELECT `+inboxColumns+` FROM inbox i WHERE i.target_id = ? ORDER BY i.asset`, []any{t.id}, func(r row) error {
		f, err := scanFound(r)
		if err == nil && (len(states) == 0 || slices.Contains(states, f.State)) {
			out = append(out, f)
		}
		return err
	})
	return out, err
}

// LeftAlone are the assets whose drift somebody accepted, or wants to look at
// later: it is not changed back.
func (t *Target) LeftAlone(ctx context.Context) (map[asset.ID]bool, error) {
	all, err := t.Inbox(ctx, FoundOpen, FoundAccepted)
	out := map[asset.ID]bool{}
	for _, f := range all {
		if f.State == FoundAccepted || f.Until.After(t.s.clock()) {
			out[f.ID] = true
		}
	}
	return out, err
}

// Accept notes that the drift of an asset is to stay, and that its values go
// into git; false if it has none. Until git has them the drift is not changed
// back, unless it becomes another.
func (t *Target) Accept(ctx context.Context, id asset.ID, by, why string) (bool, error) {
	return t.settle(ctx, id, Event{What: "drift_accept", Author: by, Asset: id, Text: why}, func(f *Found) { f.State, f.Until = FoundAccepted, time.Time{} })
}

// Ignore puts the drift of an asset off until then; false if it has none. Until
// then it is not changed back, unless it becomes another. Zero ends that.
func (t *Target) Ignore(ctx context.Context, id asset.ID, until time.Time, by, why string) (bool, error) {
	text := why
	if !until.IsZero() {
		text = strings.TrimSpace(why + " (until " + until.UTC().Format(time.RFC3339) + ")")
	}
	return t.settle(ctx, id, Event{What: "drift_ignore", Author: by, Asset: id, Text: text}, func(f *Found) { f.State, f.Until = FoundOpen, until })
}

func (t *Target) settle(ctx context.Context, id asset.ID, e Event, turn func(*Found)) (bool, error) {
	ok := false
	err := t.s.write(ctx, func(x *tx) error {
		f, there, err := t.found(ctx, x, id)
		if ok = there && (f.State == FoundOpen || f.State == FoundAccepted); err != nil || !ok {
			return err
		}
		turn(&f)
		f.Author, f.Why, f.Turned = e.Author, e.Text, t.s.clock()
		if err := t.put(ctx, x, &f); err != nil {
			return err
		}
		return t.s.note(ctx, x, t.name, e)
	})
	return ok, err
}
