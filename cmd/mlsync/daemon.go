package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/internal/trace"
	"mlsync.dev/mlsync/internal/webhook"
	"mlsync.dev/mlsync/state"
)

// daemonFlags are the flags of mlsync daemon.
type daemonFlags struct {
	data, listen, database      string
	webhookListen, apiListen    string
	webhooks                    []string
	repository, branch          string
	endpoint, storage, identity string
	drift                       string
	only                        []string
	projects                    string
	poll                        time.Duration
}

func (a *app) daemonCommand() *cobra.Command {
	var f daemonFlags
	c := &cobra.Command{
		Use: "daemon", Short: "Watch a repository and keep its workspaces as it says", GroupID: "run", Args: cobra.NoArgs,
		Long: `Watch a git repository, or a local folder, and apply every new commit to the
targets of its mlsync.yaml; look for drift and compare everything again on
schedule. It can be killed at any time: the next start takes up where it was.
With --projects it does so for several repositories, each with its own journal
and within what the file lets it do.

GET /healthz says that it lives, /readyz that it has read the repository,
/metrics is for Prometheus. POST /webhook/PROVIDER lets services tell of pushes,
if their secrets are configured. Logs go to stderr, one JSON object a line. With
OTEL_EXPORTER_OTLP_ENDPOINT in the environment, each pass is sent as a trace.`,
		Example: `  mlsync daemon --data /var/lib/mlsync
  mlsync daemon --repository https://github.com/contoso/ml-assets --branch main --data /var/lib/mlsync --listen :8080
  mlsync daemon --data /var/lib/mlsync --webhook github=WEBHOOK_SECRET --webhook-listen :9090
  mlsync daemon --projects /etc/mlsync/projects.yaml --data /var/lib/mlsync
  mlsync daemon -C ./ml-assets --data /tmp/mlsync   # watches the local folder`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runDaemon(cmd.Context(), f) },
	}
	c.Flags().StringVar(&f.data, "data", "mlsync-data", "folder for the journal and the mirror of the repository")
	c.Flags().StringVar(&f.database, "database", "", "journal elsewhere: a file or postgres://…")
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "address of /healthz, /readyz and /metrics; empty for none")
	c.Flags().StringVar(&f.webhookListen, "webhook-listen", "", "address of /webhook alone; that of --listen if empty")
	c.Flags().StringVar(&f.apiListen, "api-listen", "", "address of /api/v1 alone; that of --listen if empty")
	c.Flags().StringArrayVar(&f.webhooks, "webhook", nil, "PROVIDER=VARIABLE: take deliveries, with the secret in the variable; two with a comma between them while it is changed (over the configuration)")
	c.Flags().StringVar(&f.repository, "repository", "", "git repository to watch (over the configuration)")
	c.Flags().StringVar(&f.branch, "branch", "", "branch to watch (over the configuration)")
	c.Flags().DurationVar(&f.poll, "poll", 0, "how often to ask for new commits (over the configuration)")
	c.Flags().StringVar(&f.drift, "drift", "", "cron schedule of the look for drift (over the configuration)")
	c.Flags().StringSliceVar(&f.only, "targets", nil, "only these targets of the configuration")
	c.Flags().StringVar(&f.endpoint, "endpoint", "", "management API of all targets, for an emulator")
	c.Flags().StringVar(&f.storage, "storage-endpoint", "", "blob storage of all targets, for an emulator")
	c.Flags().StringVar(&f.identity, "identity", "", "identity of all targets (over the configuration)")
	c.Flags().StringVar(&f.projects, "projects", "", "file of projects: what each repository may do, and who may do what (mlsync schema projects)")
	for _, own := range ownFlags { // one repository, which the file names
		c.MarkFlagsMutuallyExclusive("projects", own)
	}
	return c
}

// ownFlags are the flags of a daemon of one repository: with projects, their file
// says it.
var ownFlags = []string{"repository", "branch", "identity", "targets", "webhook"}

// daemon is what runs for one project.
type daemon struct {
	*app
	// name is the project's, defaultProject without a file of projects.
	name    string
	project *project // nil without a file of projects
	flags   daemonFlags
	cfg     *config.Config
	store   *state.Store
	queue   *queue.Queue
	source  source
	metrics *metrics
	tracer  *trace.Tracer // nil if nobody collects
	log     *slog.Logger
	workers map[string]*worker
	// refs are those that targets follow, byRef which targets.
	refs  []gitrepo.Ref
	byRef map[string][]*config.Target
	// shared says that other processes may work on the same database.
	shared bool
	// looking is held by who looks at the repository, and known is what the looks
	// of this process found, by ref.
	looking sync.Mutex
	known   map[string]known
	configs configs
	rest    rest
	// due is told that somebody said that a ref had moved.
	due chan struct{}
	// stale is told that this program is too old for the journal.
	stale chan error
	// hooks takes deliveries; nil if there are none.
	hooks *webhook.Server
	// box tells the service with the pull requests, previews plans those; nil
	// if nobody asks for it.
	box      *postbox
	previews *pullWatch
	// up says that all of the above is there: others may look at it from then on.
	up atomic.Bool
}

// run works until ctx ends, and returns when the last pass has ended.
func (d *daemon) run(ctx context.Context) error {
	if !d.rise(ctx) {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.answer(ctx) })
	g.Go(func() error { return d.queue.Run(ctx) })
	g.Go(func() error { return d.watch(ctx) })
	g.Go(func() error {
		select {
		case <-ctx.Done():
			return nil
		case err := <-d.stale: // newer replicas go on
			return err
		}
	})
	return g.Wait()
}

// riseAgain is how long a project waits that could not be set up.
const riseAgain = 30 * time.Second

// rise sets a project up, again and again: one whose repository does not answer,
// or asks for what it may not have, keeps no other. False is that ctx has ended.
func (d *daemon) rise(ctx context.Context) bool {
	for !d.up.Load() {
		err := d.setUp(ctx)
		if err == nil {
			d.log.Info("project started", "targets", len(d.workers))
			break
		}
		err = errors.Join(err, d.close())
		d.queue, d.store, d.source = nil, nil, nil
		if ctx.Err() != nil {
			return false
		}
		d.log.Error("project not started", "err", err)
		timer := time.NewTimer(riseAgain)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
	return ctx.Err() == nil
}

// ownConfiguration is what the daemon is told before it has read a commit.
func (d *daemon) ownConfiguration() (*config.Config, error) {
	if d.project != nil {
		cfg := config.Default()
		cfg.Repository = d.project.Repository
		return cfg, d.project.bind(cfg)
	}
	cfg, bad, err := d.readConfig()
	return cfg, errors.Join(err, bad.Err())
}

// setUp opens everything that the daemon needs. Nothing is asked of Azure yet.
func (d *daemon) setUp(ctx context.Context) error {
	if err := os.MkdirAll(d.flags.data, 0o700); err != nil {
		return err
	}
	cfg, err := d.ownConfiguration()
	if err != nil {
		return err
	}
	d.cfg = cfg
	d.override(cfg)
	if _, err := refFor(cfg, nil); err != nil {
		return err
	}
	if d.source, err = d.openSource(cfg); err != nil {
		return err
	}
	if len(cfg.Targets) == 0 {
		if cfg, err = d.firstConfig(ctx); err != nil {
			return err
		}
		d.cfg = cfg
	}
	where, err := d.journalPlace(ctx)
	if err != nil {
		return err
	}
	journal := journalOptions(where, cfg.Installation())
	// Channels have workers of their own: one that is slow keeps no target.
	opts := queue.Options{Workers: max(2, min(8, len(cfg.Targets))) + len(cfg.Notify.Channels), Logger: d.quiet()}
	if cfg.Previews.On {
		opts.Workers += limit.PreviewsAtOnce
	}
	if err := d.tune(&journal, &opts); err != nil {
		return err
	}
	if d.store, err = state.Open(ctx, where, journal); err != nil {
		return d.keepDamaged(err, where)
	}
	if d.store.Lost() {
		d.log.Warn(lostJournal(d.store))
		if err := d.store.Audited(ctx, state.Audit{Action: "journal_lost", Actor: "mlsync", Via: "daemon", From: d.hostName(), Project: d.name, Detail: lostJournal(d.store)}); err != nil {
			return err
		}
	}
	if d.shared = state.IsPostgres(where); d.shared {
		own := *d.app
		own.budget = azureml.NewBudget(d.store) // all replicas slow down together
		d.app = &own
		d.queue, err = queue.OpenPostgres(ctx, where, opts)
	} else {
		d.queue, err = queue.OpenSQLite(ctx, d.store.DB(), opts)
	}
	if err != nil {
		return err
	}
	if err := d.openForge(ctx); err != nil {
		return err
	}
	if d.hooks, err = d.openWebhooks(ctx); err != nil {
		return err
	}
	if err := d.register(); err != nil {
		return err
	}
	if err := errors.Join(d.registerChannels(ctx), d.registerForge(ctx)); err != nil {
		return err
	}
	d.metrics.register.MustRegister(newUpkeep(d.store, d.queue, d.flags.data, d.log)) // last: it is registered once
	d.up.Store(true)
	return nil
}

// journalPlace is where the journal is. In PostgreSQL each project has a schema
// of its own.
func (d *daemon) journalPlace(ctx context.Context) (string, error) {
	switch {
	case d.flags.database == "":
		return filepath.Join(d.flags.data, "mlsync.db"), nil
	case d.project != nil:
		return state.Schema(ctx, d.flags.database, schemaName(d.name))
	}
	return d.flags.database, nil
}

// schemaName is the name of the PostgreSQL schema of a project.
func schemaName(project string) string { return "mlsync_" + strings.ReplaceAll(project, "-", "_") }

// quiet is the log of the queue: its failures, not its heartbeat.
func (d *daemon) quiet() *slog.Logger { return jsonLog(d.streams.err, slog.LevelWarn) }

// firstConfig reads the configuration out of the repository, for daemons that
// are given only its address.
func (d *daemon) firstConfig(ctx context.Context) (*config.Config, error) {
	commit, err := d.source.fetch(ctx, d.refOf(nil))
	if err != nil {
		return nil, err
	}
	cfg, err := d.configAt(commit)
	if err != nil {
		return nil, err
	}
	if len(cfg.Targets) == 0 {
		return nil, fmt.Errorf("%s of the repository names no targets", config.File)
	}
	return cfg, nil
}

// override lays the flags over the configuration.
func (d *daemon) override(cfg *config.Config) {
	if d.flags.repository != "" {
		cfg.Repository.URL = d.flags.repository
	}
	if d.flags.branch != "" {
		cfg.Repository.Branch = d.flags.branch
	}
	cfg.Webhooks = webhooksOver(cfg.Webhooks, d.flags.webhooks)
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		if d.flags.drift != "" {
			t.Drift.Schedule = d.flags.drift
		}
		if d.flags.endpoint != "" {
			t.Endpoint = d.flags.endpoint
		}
		if d.flags.storage != "" {
			t.StorageEndpoint = d.flags.storage
		}
		identified(t, d.flags.identity)
	}
}

// targets are the targets of the configuration that this daemon works for.
func (d *daemon) targets() []*config.Target {
	var out []*config.Target
	for i := range d.cfg.Targets {
		if t := &d.cfg.Targets[i]; len(d.flags.only) == 0 || slices.Contains(d.flags.only, t.Name) {
			out = append(out, t)
		}
	}
	return out
}

// The names of the tasks in the queue.
const (
	taskSync   = "sync"
	taskDrift  = "drift"
	taskResync = "resync"
	taskGate   = "gate"
	// taskWake looks at a ref of the repository.
	taskWake = "wake"
	// taskApprovals looks into the journal for approvals of gates.
	taskApprovals = "approvals"
	// taskRollout comes at the time at which a rollout goes on.
	taskRollout = "rollout"
)

// register says how tasks are done and when they come by themselves.
func (d *daemon) register() error {
	d.follow()
	for _, t := range d.targets() {
		d.workers[t.Name] = &worker{daemon: d, name: t.Name}
		d.metrics.expect(t.Name)
	}
	for _, task := range []string{taskSync, taskDrift, taskResync, taskRollout} {
		err := d.queue.Register(task, func(ctx context.Context, args []byte) error { return d.work(ctx, task, string(args)) }, queue.TaskOptions{Timeout: d.deadline()})
		if err != nil {
			return err
		}
	}
	opts := queue.TaskOptions{Timeout: d.deadline()}
	err := d.queue.Register(taskGate, func(ctx context.Context, args []byte) error { return d.work(ctx, taskGate, string(args)) }, opts)
	err = errors.Join(err, d.queue.Register(taskApprovals, func(ctx context.Context, _ []byte) error { return d.approvals(ctx) }, opts))
	err = errors.Join(err, d.queue.Register(taskWake, func(ctx context.Context, args []byte) error { return d.wake(ctx, string(args)) }, opts))
	if err = errors.Join(err, d.queue.Periodic(taskApprovals, "all", approvalsPoll, nil)); err != nil {
		return err
	}
	for _, t := range d.targets() {
		if s := t.Drift.Schedule; s != "" && t.Drift.Mode != config.Off {
			if err := d.queue.Periodic(taskDrift, t.Name, s, []byte(t.Name)); err != nil {
				return err
			}
		}
		if t.Resync != "" {
			if err := d.queue.Periodic(taskResync, t.Name, t.Resync, []byte(t.Name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// deadline bounds one task: that of the slowest target and a little more.
func (d *daemon) deadline() time.Duration {
	longest := time.Minute
	for _, t := range d.cfg.Targets {
		longest = max(longest, t.Deadline, t.EndpointDeadline)
	}
	return longest + time.Minute
}

// work does one task of the queue.
func (d *daemon) work(ctx context.Context, task, target string) error {
	w := d.workers[target]
	if w == nil {
		d.log.Warn("task of a target that is not configured any more", "task", task, "target", target)
		return nil
	}
	if task == taskGate {
		return w.gate(ctx)
	}
	return w.run(ctx, task)
}

func (d *daemon) close() error {
	var err error
	if d.queue != nil {
		err = errors.Join(err, d.queue.Close())
	}
	if d.store != nil {
		err = errors.Join(err, d.store.Close())
	}
	if d.source != nil {
		err = errors.Join(err, d.source.close())
	}
	err = errors.Join(err, d.closeForge())
	return err
}
