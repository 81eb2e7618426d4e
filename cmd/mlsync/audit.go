package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/state"
)

// auditFlags are the flags of mlsync audit.
type auditFlags struct {
	projectFlags
	state, since, until, actor, action string
	limit                              int
}

// register registers the flags that say whose audit it is.
func (f *auditFlags) register(a *app, c *cobra.Command) {
	f.projectFlags.register(a, c)
	c.Flags().StringVar(&f.state, "state", "", "the journal (default: that of this folder)")
	c.MarkFlagsMutuallyExclusive("state", "projects")
}

func (a *app) auditCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "audit", Short: "Show who did what", GroupID: "work", Args: cobra.NoArgs,
		Long: `Show who did what, the newest first: runs that wrote something, approvals, holds,
aborts, promotions, tokens, deliveries of webhooks. Rows are only ever added; each
holds a hash of the one before it, which mlsync audit verify looks at. Nothing is
ever trimmed.`,
		Example: `  mlsync audit --since 24h
  mlsync audit --target prod --actor anna --json
  mlsync audit --server https://mlsync.example.com --project vision
  mlsync audit --projects projects.yaml --project vision --data /var/lib/mlsync`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.showAudit(cmd.Context(), f) },
	}
	f.register(a, c)
	c.Flags().StringVar(&f.since, "since", "", "from then on: 24h, or 2025-06-01, or a time")
	c.Flags().StringVar(&f.until, "until", "", "before that")
	c.Flags().StringVar(&f.actor, "actor", "", "what one did")
	c.Flags().StringVar(&f.action, "action", "", "one action: run, approve, hold, release, abort, sync, token_create …")
	c.Flags().IntVar(&f.limit, "limit", 100, "at most so many rows")
	c.AddCommand(a.auditVerifyCommand(), a.auditExportCommand())
	return a.onServer(c, func(ctx context.Context, r *remote, _ []string) error {
		filter, err := f.filter(a)
		if err != nil {
			return err
		}
		return a.farAudit(ctx, r, f.project, filter)
	}, "project", "since", "until", "actor", "action", "limit")
}

// openAudit opens the journal whose audit is meant. It must be there.
func (a *app) openAudit(ctx context.Context, f auditFlags) (*state.Store, error) {
	if f.projects == "" {
		return a.openStore(ctx, f.state)
	}
	_, p, err := f.pick(a, f.project)
	if err != nil {
		return nil, err
	}
	where, err := f.place(ctx, p)
	if err != nil {
		return nil, err
	}
	o := journalOptions(where, "")
	o.Existing = true
	return state.Open(ctx, where, o)
}

func (a *app) showAudit(ctx context.Context, f auditFlags) (err error) {
	filter, err := f.filter(a)
	if err != nil {
		return err
	}
	store, err := a.openAudit(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	rows, err := store.Audit(ctx, filter)
	if err != nil {
		return err
	}
	return a.printAudit(rows)
}

// filter is which rows the flags choose.
func (f *auditFlags) filter(a *app) (state.AuditFilter, error) {
	filter := state.AuditFilter{Target: a.flags.target, Actor: f.actor, Action: f.action, Limit: f.limit}
	var err error
	if filter.Since, err = moment(f.since, time.Now()); err == nil {
		filter.Until, err = moment(f.until, time.Now())
	}
	return filter, err
}

func (a *app) printAudit(rows []state.Audit) error {
	if a.flags.json {
		if rows == nil {
			rows = []state.Audit{}
		}
		return a.printJSON(rows)
	}
	for _, r := range rows {
		about := strings.TrimSpace(r.Target + " " + r.Asset)
		by := r.Actor
		if r.Via != "" {
			by += " (" + strings.TrimSpace(r.Via+" "+r.From) + ")"
		}
		a.printf("%s  %-12s %-11s %s  %s  %s\n", r.At.Local().Format("2006-01-02 15:04:05"), printable(r.Action), printable(r.Outcome), printable(about), printable(by), printable(r.Detail))
	}
	if len(rows) == 0 {
		a.printf("nothing\n")
	}
	return nil
}

// moment reads a time: so long ago, a day or a time. "" is the zero time.
func moment(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s is no time: write 24h, 2025-06-01 or 2025-06-01T08:00:00Z", printable(text))
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var f auditFlags
	var head string
	c := &cobra.Command{
		Use: "verify [FILE]", Short: "See whether the audit was tampered with", Args: cobra.MaximumNArgs(1),
		Long: `Follow the rows from the first to the last: a row that was changed, taken away or
put between is found. What was cut off at the end is found by an earlier export
FILE, or by the --head that an earlier call printed: keep one of them elsewhere.`,
		Example: "  mlsync audit verify\n  mlsync audit verify audit.jsonl --state /var/lib/mlsync/mlsync.db\n  mlsync audit verify --head 42:9f86d0…",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.verifyAudit(cmd.Context(), f, head, args) },
	}
	f.register(a, c)
	c.Flags().StringVar(&head, "head", "", "a row that must be there: NUMBER:HASH")
	return c
}

func (a *app) verifyAudit(ctx context.Context, f auditFlags, head string, args []string) (err error) {
	must := map[int64]string{}
	if head != "" {
		number, hash, ok := strings.Cut(head, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || hash == "" {
			return fmt.Errorf("--head: write NUMBER:HASH, as mlsync audit verify prints it")
		}
		must[n] = hash
	}
	if len(args) > 0 {
		last, err := a.readAudit(args[0])
		if err != nil {
			return err
		}
		must[last.Seq] = last.Hash
	}
	store, err := a.openAudit(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var chain state.AuditChain
	err = store.EachAudit(ctx, func(row state.Audit) error {
		if want, ok := must[row.Seq]; ok && want != row.Hash {
			return fmt.Errorf("%w: row %d is not the one that was seen before", state.ErrTampered, row.Seq)
		}
		delete(must, row.Seq)
		return chain.Next(row)
	})
	if err != nil {
		return err
	}
	for n := range must {
		if n > 0 {
			return fmt.Errorf("%w: row %d is gone: the last one is %d", state.ErrTampered, n, chain.Last.Seq)
		}
	}
	if a.flags.json {
		return a.printJSON(map[string]any{"rows": chain.Last.Seq, "head": fmt.Sprintf("%d:%s", chain.Last.Seq, chain.Last.Hash)})
	}
	a.printf("%s, each follows from the one before\n", number(int(chain.Last.Seq), "row"))
	if chain.Last.Seq > 0 {
		a.printf("head %d:%s\n", chain.Last.Seq, chain.Last.Hash)
	}
	return nil
}

// readAudit follows the rows of an export to its last.
func (a *app) readAudit(file string) (state.Audit, error) {
	f, err := os.Open(a.path(file))
	if err != nil {
		return state.Audit{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, limit.ImportLine)
	var chain state.AuditChain
	for n := 1; lines.Scan(); n++ {
		var row state.Audit
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return state.Audit{}, fmt.Errorf("%s:%d: it is no row of an audit", file, n)
		}
		if err := chain.Next(row); err != nil {
			return state.Audit{}, fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return chain.Last, lines.Err()
}

func (a *app) auditExportCommand() *cobra.Command {
	var f auditFlags
	c := &cobra.Command{
		Use: "export [FILE]", Short: "Write all rows as JSON lines, to keep them elsewhere", Args: cobra.MaximumNArgs(1),
		Long: `Write all rows of the audit as JSON lines to a file, or to stdout. The rows stay in
the journal as well: nothing is ever taken out of it.`,
		Example: "  mlsync audit export audit.jsonl\n  mlsync audit export --projects projects.yaml --project vision > audit.jsonl",
		RunE:    func(cmd *cobra.Command, args []string) error { return a.exportAudit(cmd.Context(), f, args) },
	}
	f.register(a, c)
	return c
}

func (a *app) exportAudit(ctx context.Context, f auditFlags, args []string) (err error) {
	store, err := a.openAudit(ctx, f)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var out io.Writer = a.streams.out
	if len(args) > 0 && args[0] != "-" {
		file, err := os.OpenFile(a.path(args[0]), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		return errors.Join(writeAudit(ctx, store, file), file.Sync(), file.Close())
	}
	return writeAudit(ctx, store, out)
}

func writeAudit(ctx context.Context, store *state.Store, w io.Writer) error {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := store.EachAudit(ctx, func(row state.Audit) error { return enc.Encode(row) }); err != nil {
		return err
	}
	return buf.Flush()
}
