package state

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// format names the form of an export: one JSON object a line, a header first.
const format = "mlsync.journal/1"

// header is the first line of an export.
type header struct {
	Format       string `json:"format"`
	Installation string `json:"installation"`
	At           int64  `json:"at"`
	// Key is the key of the fingerprints, if they are in the export.
	Key []byte `json:"key,omitempty"`
}

// record is any other line: a row of a table. Only the fields of the table
// are set.
type record struct {
	Target   *targetJSON   `json:"target,omitempty"`
	Run      *runJSON      `json:"run,omitempty"`
	Step     *stepJSON     `json:"step,omitempty"`
	Owned    *ownedRow     `json:"owned,omitempty"`
	Approval *approvalJSON `json:"approval,omitempty"`
	Drift    *driftJSON    `json:"drift,omitempty"`
	Taken    *takenJSON    `json:"taken,omitempty"`
	Gate     *gateJSON     `json:"gate,omitempty"`
	Rollout  *rolloutJSON  `json:"rollout,omitempty"`
	Inbox    *inboxJSON    `json:"inbox,omitempty"`
	Event    *eventJSON    `json:"event,omitempty"`
	Token    *Token        `json:"token,omitempty"`
	Audit    *Audit        `json:"audit,omitempty"`
	// End is the last line; it tells a whole export from a torn one.
	End *endJSON `json:"end,omitempty"`
}

// endJSON holds how many lines came before it.
type endJSON struct {
	Lines int `json:"lines"`
}

type targetJSON struct {
	Name       string `json:"name"`
	Workspace  string `json:"workspace"`
	Generation int64  `json:"generation"`
	HeldBy     string `json:"held_by,omitempty"`
	HeldWhy    string `json:"held_why,omitempty"`
	HeldAt     int64  `json:"held_at,omitempty"`
	HeldUntil  int64  `json:"held_until,omitempty"`
	Seen       string `json:"seen,omitempty"`
	SeenAt     int64  `json:"seen_at,omitempty"`
}

type runJSON struct {
	Target     string `json:"target"`
	Generation int64  `json:"generation"`
	Commit     string `json:"commit"`
	Cause      string `json:"cause"`
	Started    int64  `json:"started"`
	Ended      int64  `json:"ended,omitempty"`
	State      string `json:"state,omitempty"`
	Digest     string `json:"digest,omitempty"`
	Summary    string `json:"summary,omitempty"`
	Err        string `json:"err,omitempty"`
	Release    string `json:"release,omitempty"`
	Print      string `json:"fingerprint,omitempty"`
}

type stepJSON struct {
	Target    string `json:"target"`
	Run       string `json:"run"`
	Asset     string `json:"asset"`
	Part      string `json:"part,omitempty"`
	Action    string `json:"action"`
	Digest    string `json:"digest,omitempty"`
	Started   int64  `json:"started"`
	Operation string `json:"operation,omitempty"`
	Want      string `json:"want,omitempty"`
	State     string `json:"state,omitempty"`
	Took      int64  `json:"took,omitempty"`
	Err       string `json:"err,omitempty"`
	Code      string `json:"code,omitempty"`
	Request   string `json:"request,omitempty"`
	ByAsset   string `json:"by_asset,omitempty"`
	ByPart    string `json:"by_part,omitempty"`
}

type ownedRow struct {
	Target string `json:"target"`
	ownedJSON
}

type approvalJSON struct {
	Target  string `json:"target"`
	Digest  string `json:"digest"`
	Allow   string `json:"allow,omitempty"`
	Author  string `json:"author"`
	Names   string `json:"names,omitempty"`
	At      int64  `json:"at"`
	Expires int64  `json:"expires,omitempty"`
	Used    string `json:"used,omitempty"`
}

type driftJSON struct {
	Target    string `json:"target"`
	Run       string `json:"run"`
	At        int64  `json:"at"`
	Asset     string `json:"asset"`
	Paths     string `json:"paths,omitempty"`
	ChangedBy string `json:"changed_by,omitempty"`
	ChangedAt string `json:"changed_at,omitempty"`
	Revert    int    `json:"revert,omitempty"`
	Held      string `json:"held,omitempty"`
}

type takenJSON struct {
	Target  string `json:"target"`
	Release string `json:"release"`
	Print   string `json:"fingerprint"`
	Commit  string `json:"commit,omitempty"`
	Run     string `json:"run"`
	At      int64  `json:"at"`
}

type gateJSON struct {
	Target   string            `json:"target"`
	Release  string            `json:"release"`
	Print    string            `json:"fingerprint"`
	Commit   string            `json:"commit,omitempty"`
	Gate     string            `json:"gate"`
	Type     string            `json:"type"`
	Rule     string            `json:"rule"`
	State    string            `json:"state"`
	Why      string            `json:"why,omitempty"`
	Evidence map[string]string `json:"evidence,omitempty"`
	Since    int64             `json:"since"`
	At       int64             `json:"at"`
	Next     int64             `json:"next,omitempty"`
	Deadline int64             `json:"deadline"`
}

type eventJSON struct {
	Target string `json:"target,omitempty"`
	At     int64  `json:"at"`
	What   string `json:"what"`
	Author string `json:"author,omitempty"`
	Asset  string `json:"asset,omitempty"`
	Text   string `json:"text,omitempty"`
}

// ExportOptions say what an export holds.
type ExportOptions struct {
	// Fingerprints puts the fingerprints of secrets and their key into the
	// export. Whoever has both can try out guesses of a secret. Without them
	// every secret is written once more after an import.
	Fingerprints bool
}

// Export writes the journal to w as JSON lines, for a backup or a move to
// another database. It is one consistent view; locks are left out.
func (s *Store) Export(ctx context.Context, w io.Writer, opts ExportOptions) error {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	h := header{Format: format, Installation: s.installation, At: nanos(s.clock())}
	if opts.Fingerprints {
		h.Key = s.key
	}
	if err := enc.Encode(h); err != nil {
		return err
	}
	lines := 1
	err := s.snapshot(ctx, func(x *tx) error {
		for _, table := range exported {
			err := x.query(ctx, table.query, nil, func(r row) error {
				rec, err := table.scan(r)
				if err != nil {
					return err
				}
				if !opts.Fingerprints {
					err = rec.strip()
				}
				lines++
				return errors.Join(err, enc.Encode(rec))
			})
			if err != nil {
				return err
			}
		}
		return enc.Encode(record{End: &endJSON{Lines: lines}})
	})
	if err != nil {
		return fmt.Errorf("export the journal %s: %w", s, err)
	}
	return buf.Flush()
}

// strip takes the fingerprints of secrets out.
func (r *record) strip() error {
	if r.Owned != nil {
		r.Owned.Secrets = nil
	}
	if r.Step == nil || r.Step.Want == "" {
		return nil
	}
	var want ownedJSON
	if err := fromJSON(r.Step.Want, &want); err != nil {
		return err
	}
	want.Secrets = nil
	text, err := toJSON(want)
	r.Step.Want = text
	return err
}

// exported are the tables in the order in which an import needs them.
var exported = []struct {
	query string
	scan  func(row) (record, error)
}{
	{`SELECT name, workspace, generation, held_by, held_why, held_at, held_until, seen, seen_at FROM targets ORDER BY id`, func(r row) (record, error) {
		var t targetJSON
		err := r.Scan(&t.Name, &t.Workspace, &t.Generation, &t.HeldBy, &t.HeldWhy, &t.HeldAt, &t.HeldUntil, &t.Seen, &t.SeenAt)
		return record{Target: &t}, err
	}},
	{`SELECT t.name, r.generation, r.commit_id, r.cause, r.started, r.ended, r.state, r.digest, r.summary, r.err, r.release_name, r.fingerprint
		FROM runs r JOIN targets t ON t.id = r.target_id ORDER BY r.target_id, r.generation`, func(r row) (record, error) {
		var n runJSON
		err := r.Scan(&n.Target, &n.Generation, &n.Commit, &n.Cause, &n.Started, &n.Ended, &n.State, &n.Digest, &n.Summary, &n.Err, &n.Release, &n.Print)
		return record{Run: &n}, err
	}},
	{`SELECT t.name, s.run_id, s.asset, s.part, s.action, s.digest, s.started, s.operation, s.want, s.state, s.took, s.err, s.code, s.request, s.by_asset, s.by_part
		FROM steps s JOIN targets t ON t.id = s.target_id ORDER BY s.id`, func(r row) (record, error) {
		var n stepJSON
		err := r.Scan(&n.Target, &n.Run, &n.Asset, &n.Part, &n.Action, &n.Digest, &n.Started, &n.Operation, &n.Want, &n.State, &n.Took,
			&n.Err, &n.Code, &n.Request, &n.ByAsset, &n.ByPart)
		return record{Step: &n}, err
	}},
	{`SELECT o.asset, o.origin, o.variant, o.body, o.digest, o.arm, o.file, o.commit_id, o.at, o.secrets, o.done, o.missing, t.name
		FROM owned o JOIN targets t ON t.id = o.target_id ORDER BY o.target_id, o.asset`, func(r row) (record, error) {
		var n ownedRow
		o, err := scanOwned(r, &n.Target)
		n.ownedJSON = toOwnedJSON(o)
		return record{Owned: &n}, err
	}},
	{`SELECT t.name, a.digest, a.allow, a.author, a.names, a.at, a.expires, a.used FROM approvals a JOIN targets t ON t.id = a.target_id ORDER BY a.id`, func(r row) (record, error) {
		var n approvalJSON
		err := r.Scan(&n.Target, &n.Digest, &n.Allow, &n.Author, &n.Names, &n.At, &n.Expires, &n.Used)
		return record{Approval: &n}, err
	}},
	{`SELECT t.name, d.run_id, d.at, d.asset, d.paths, d.changed_by, d.changed_at, d.revert, d.held
		FROM drift d JOIN targets t ON t.id = d.target_id ORDER BY d.id`, func(r row) (record, error) {
		var n driftJSON
		err := r.Scan(&n.Target, &n.Run, &n.At, &n.Asset, &n.Paths, &n.ChangedBy, &n.ChangedAt, &n.Revert, &n.Held)
		return record{Drift: &n}, err
	}},
	{`SELECT t.name, k.release_name, k.fingerprint, k.commit_id, k.run_id, k.at
		FROM taken k JOIN targets t ON t.id = k.target_id ORDER BY k.target_id, k.at, k.fingerprint`, func(r row) (record, error) {
		var n takenJSON
		err := r.Scan(&n.Target, &n.Release, &n.Print, &n.Commit, &n.Run, &n.At)
		return record{Taken: &n}, err
	}},
	{`SELECT ` + verdictColumns + `, t.name FROM gates g JOIN targets t ON t.id = g.target_id ORDER BY g.target_id, g.fingerprint, g.gate`, func(r row) (record, error) {
		n := gateJSON{}
		v, err := scanVerdict(r, &n.Target)
		n.Release, n.Print, n.Commit, n.Gate, n.Type, n.Rule, n.State, n.Why = v.Release.Name, v.Release.Fingerprint, v.Commit, v.Gate, v.Type, v.Rule, v.State, v.Why
		n.Evidence, n.Since, n.At, n.Next, n.Deadline = v.Evidence, nanos(v.Since), nanos(v.At), nanos(v.Next), nanos(v.Deadline)
		return record{Gate: &n}, err
	}},
	{`SELECT ` + rolloutColumns + `, t.name FROM rollouts r JOIN targets t ON t.id = r.target_id ORDER BY r.target_id, r.asset`, exportRollout},
	{`SELECT ` + inboxColumns + `, t.name FROM inbox i JOIN targets t ON t.id = i.target_id ORDER BY i.target_id, i.asset`, func(r row) (record, error) {
		n := inboxJSON{}
		f, err := scanFound(r, &n.Target)
		n.Found = f
		return record{Inbox: &n}, err
	}},
	{`SELECT target, at, what, author, asset, text FROM events ORDER BY id`, func(r row) (record, error) {
		var n eventJSON
		err := r.Scan(&n.Target, &n.At, &n.What, &n.Author, &n.Asset, &n.Text)
		return record{Event: &n}, err
	}},
	{tokenColumns + `ORDER BY created, id`, func(r row) (record, error) {
		t, err := scanToken(r)
		return record{Token: &t}, err
	}},
	{auditColumns + `ORDER BY seq`, func(r row) (record, error) {
		a, err := scanAudit(r)
		return record{Audit: &a}, err
	}},
}
