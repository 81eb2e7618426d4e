package state

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
)

// maxGeneration is more runs than there can have been.
const maxGeneration = 1 << 60

// ImportOptions say what an import may do and how much it takes.
type ImportOptions struct {
	// TakeOver lets the journal become that of the export's installation, if
	// that is another.
	TakeOver bool
	// MaxLine and MaxLines bound the input; 0 are 16 MiB and 10 million.
	MaxLine, MaxLines int
}

// Import fills an empty journal from an export, all or nothing. It fails with
// ErrNotEmpty if the journal has targets, tokens or an audit, and with ErrOtherInstallation if
// the export is of another installation and TakeOver is not set. Generations
// move on, so that processes that still use the old journal are fenced off
// when they come to this one.
func (s *Store) Import(ctx context.Context, r io.Reader, opts ImportOptions) error {
	if opts.MaxLine == 0 {
		opts.MaxLine = limit.ImportLine
	}
	if opts.MaxLines == 0 {
		opts.MaxLines = limit.ImportLines
	}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, opts.MaxLine)
	im := &importer{s: s, targets: map[string]int64{}}
	n := 0
	err := s.write(ctx, func(x *tx) error {
		for lines.Scan() {
			if n++; n > opts.MaxLines {
				return fmt.Errorf("more than %d lines", opts.MaxLines)
			}
			var err error
			if n == 1 {
				err = im.begin(ctx, x, lines.Bytes(), opts.TakeOver)
			} else {
				err = im.line(ctx, x, lines.Bytes())
			}
			if err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			if errors.Is(err, bufio.ErrTooLong) {
				err = fmt.Errorf("a line of more than %d bytes", opts.MaxLine)
			}
			return err
		}
		if im.end == 0 || im.end != n-1 { // the end counts the header, so it is never 0
			return errors.New("it is empty or torn: the last line is not its end")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("import into the journal %s: line %d: %w", s, n, err)
	}
	s.installation, s.key = im.installation, im.key
	return s.writeMark(ctx)
}

// importer writes the records of one import.
type importer struct {
	s            *Store
	targets      map[string]int64 // ids by name
	installation string
	key          []byte
	audit        AuditChain
	end          int // what the end says: the number of lines before it
}

func strict(line []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	return dec.Decode(into)
}

func (im *importer) begin(ctx context.Context, x *tx, line []byte, takeOver bool) error {
	var h header
	if err := strict(line, &h); err != nil || h.Format != format {
		return fmt.Errorf("this is not an export of a journal: want a header with the format %q", format)
	}
	if h.Installation != im.s.installation && !takeOver {
		return fmt.Errorf("%w: the export is of %s and this is %s", ErrOtherInstallation, h.Installation, im.s.installation)
	}
	var n int
	if _, err := x.get(ctx, `SELECT (SELECT count(*) FROM targets) + (SELECT count(*) FROM audit) + (SELECT count(*) FROM tokens)`, nil, &n); err != nil {
		return err
	}
	if n > 0 {
		return ErrNotEmpty
	}
	im.installation, im.key = h.Installation, im.s.key
	if len(h.Key) > 0 {
		im.key = h.Key
	}
	_, err := x.exec(ctx, `UPDATE installation SET id = ?, fingerprint_key = ?`, im.installation, im.key)
	return err
}

// line writes one record.
func (im *importer) line(ctx context.Context, x *tx, line []byte) error {
	var r record
	if err := strict(line, &r); err != nil {
		return err
	}
	switch {
	case r.Target != nil:
		return im.target(ctx, x, r.Target)
	case r.Run != nil:
		return im.run(ctx, x, r.Run)
	case r.Step != nil:
		return im.step(ctx, x, r.Step)
	case r.Owned != nil:
		id, err := im.of(r.Owned.Target)
		if err != nil {
			return err
		}
		o := r.Owned.owned()
		return (&Target{s: im.s, id: id}).own(ctx, x, &o)
	case r.Approval != nil:
		return im.approval(ctx, x, r.Approval)
	case r.Drift != nil:
		return im.drift(ctx, x, r.Drift)
	case r.Taken != nil:
		return im.taken(ctx, x, r.Taken)
	case r.Gate != nil:
		return im.gate(ctx, x, r.Gate)
	case r.Rollout != nil:
		return im.rollout(ctx, x, r.Rollout)
	case r.Token != nil:
		return putToken(ctx, x, *r.Token)
	case r.Audit != nil:
		if err := im.audit.Next(*r.Audit); err != nil {
			return err
		}
		return putAudit(ctx, x, *r.Audit)
	case r.Inbox != nil:
		id, err := im.of(r.Inbox.Target)
		if err != nil {
			return err
		}
		return (&Target{s: im.s, id: id}).put(ctx, x, &r.Inbox.Found)
	case r.End != nil:
		im.end = r.End.Lines
		return nil
	case r.Event != nil:
		e := r.Event
		_, err := x.exec(ctx, `INSERT INTO events (target, at, what, author, asset, text) VALUES (?, ?, ?, ?, ?, ?)`,
			e.Target, e.At, e.What, e.Author, e.Asset, e.Text)
		return err
	}
	return errors.New("the record is of no kind that is known")
}

// of is the id of the target called name.
func (im *importer) of(name string) (int64, error) {
	id, ok := im.targets[name]
	if !ok {
		return 0, fmt.Errorf("target %q comes after what belongs to it, or not at all", name)
	}
	return id, nil
}

func (im *importer) target(ctx context.Context, x *tx, t *targetJSON) error {
	// Each run takes the next one, and a run that cannot is locked out for good.
	if t.Generation < 0 || t.Generation >= maxGeneration {
		return fmt.Errorf("target %q: generation %d is not from 0 to %d", t.Name, t.Generation, maxGeneration)
	}
	var id int64
	_, err := x.get(ctx, `INSERT INTO targets (name, workspace, generation, held_by, held_why, held_at, held_until, seen, seen_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		[]any{t.Name, t.Workspace, max(t.Generation, im.s.marked[t.Name]) + 1, t.HeldBy, t.HeldWhy, t.HeldAt, t.HeldUntil, t.Seen, t.SeenAt}, &id)
	im.targets[t.Name] = id
	return err
}

func (im *importer) run(ctx context.Context, x *tx, r *runJSON) error {
	id, err := im.of(r.Target)
	if err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO runs (id, target_id, generation, commit_id, cause, started, ended, state, digest, summary, err, release_name, fingerprint)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		runID(r.Target, r.Generation), id, r.Generation, r.Commit, r.Cause, r.Started, r.Ended, r.State, r.Digest, r.Summary, r.Err, r.Release, r.Print)
	return err
}

func (im *importer) step(ctx context.Context, x *tx, n *stepJSON) error {
	id, err := im.of(n.Target)
	if err != nil {
		return err
	}
	if err := storedID(n.Asset); err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO steps (target_id, run_id, asset, part, action, digest, started, operation, want, state, took, err, code, request, by_asset, by_part)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, n.Run, n.Asset, n.Part, n.Action, n.Digest, n.Started, n.Operation, n.Want, n.State, n.Took, n.Err, n.Code, n.Request, n.ByAsset, n.ByPart)
	return err
}

func (im *importer) approval(ctx context.Context, x *tx, a *approvalJSON) error {
	id, err := im.of(a.Target)
	if err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO approvals (target_id, digest, allow, author, names, at, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		id, a.Digest, a.Allow, a.Author, a.Names, a.At, a.Expires, a.Used)
	return err
}

func (im *importer) drift(ctx context.Context, x *tx, d *driftJSON) error {
	id, err := im.of(d.Target)
	if err != nil {
		return err
	}
	if err := storedID(d.Asset); err != nil {
		return err
	}
	_, err = x.exec(ctx, `INSERT INTO drift (target_id, run_id, at, asset, paths, changed_by, changed_at, revert, held) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, d.Run, d.At, d.Asset, d.Paths, d.ChangedBy, d.ChangedAt, d.Revert, d.Held)
	return err
}

func (im *importer) taken(ctx context.Context, x *tx, n *takenJSON) error {
	id, err := im.of(n.Target)
	if err != nil {
		return err
	}
	return putTaken(ctx, x, id, Taken{Release: plan.Release{Name: n.Release, Fingerprint: n.Print}, Commit: n.Commit, Run: n.Run, At: fromNanos(n.At)})
}

func (im *importer) gate(ctx context.Context, x *tx, n *gateJSON) error {
	id, err := im.of(n.Target)
	if err != nil {
		return err
	}
	return putVerdict(ctx, x, id, Verdict{
		Release: plan.Release{Name: n.Release, Fingerprint: n.Print}, Commit: n.Commit, Gate: n.Gate, Type: n.Type, Rule: n.Rule, State: n.State, Why: n.Why,
		Evidence: n.Evidence, Since: fromNanos(n.Since), At: fromNanos(n.At), Next: fromNanos(n.Next), Deadline: fromNanos(n.Deadline),
	})
}

// storedID refuses a text that cannot be read back as an id.
func storedID(text string) error {
	_, err := asset.ParseID(text)
	return err
}
