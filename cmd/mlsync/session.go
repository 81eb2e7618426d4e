package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/bridge"

	"github.com/spf13/cobra"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/internal/secret"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

// targetFlags name a workspace on the command line, in place of a target of
// the configuration or over it.
type targetFlags struct {
	subscription, group, workspace   string
	registry                         string
	cloud, endpoint, storage, caFile string
	identity, state                  string
	// writes says that the command writes to the workspace.
	writes bool
}

func (f *targetFlags) register(c *cobra.Command) {
	c.Flags().StringVarP(&f.workspace, "workspace", "w", "", "workspace: its name or its whole resource id")
	c.Flags().StringVar(&f.registry, "registry", "", "registry, in place of a workspace: its name or its whole resource id")
	c.Flags().StringVarP(&f.group, "resource-group", "g", "", "resource group of the workspace")
	c.Flags().StringVarP(&f.subscription, "subscription", "s", "", "subscription id of the workspace")
	f.reach(c)
}

// reach registers the flags that say how workspaces are reached, whichever they
// are.
func (f *targetFlags) reach(c *cobra.Command) {
	c.Flags().StringVar(&f.cloud, "cloud", "", "public, usgovernment or china")
	c.Flags().StringVar(&f.endpoint, "endpoint", "", "address of the management API, for an emulator")
	c.Flags().StringVar(&f.storage, "storage-endpoint", "", "address of blob storage, for an emulator")
	c.Flags().StringVar(&f.caFile, "ca-file", "", "certificate authority to trust beside the system's")
	c.Flags().StringVar(&f.identity, "identity", "", "default, cli, environment, managed_identity or workload_identity")
	c.Flags().StringVar(&f.state, "state", "", "the journal: a file or postgres://… (default: a file in the user's state folder)")
}

// session is what the commands that speak to a workspace share.
type session struct {
	*app
	dir     string
	cfg     *config.Config
	target  *config.Target
	files   *gitrepo.WorkTree
	client  *azureml.Client
	ws      *azureml.Workspace
	store   *state.Store
	journal *journal
	secrets *secret.Resolver
	writer  bridge.Writer // nil if who reads writes as well
	source  bridge.Source // of content that comes from other workspaces
	log     *slog.Logger
	given   targetFlags
	line    *deadline   // of the run, once the lock is taken
	windows *timekeeper // of the run; nil if it keeps to none
	proven  bool        // a run has ended well, so that something may be removed
}

// readConfig reads mlsync.yaml. A file that is not there is the default.
func (a *app) readConfig() (*config.Config, problem.List, error) {
	data, err := readBounded(func() (fs.File, error) { return os.Open(a.path(a.flags.config)) }, limit.FileBytes)
	if errors.Is(err, fs.ErrNotExist) && a.flags.config == config.File {
		return config.Default(), nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	cfg, bad := parseConfig(data, a.flags.config)
	return cfg, bad, nil
}

// path is a path relative to --dir.
func (a *app) path(p string) string {
	if filepath.IsAbs(p) || a.flags.dir == "" {
		return p
	}
	return filepath.Join(a.flags.dir, p)
}

// open reads the configuration and prepares for one target: nothing is asked
// of the workspace yet but its region.
func (a *app) open(ctx context.Context, f targetFlags) (*session, error) {
	cfg, bad, err := a.readConfig()
	if err != nil {
		return nil, err
	}
	if err := bad.Err(); err != nil {
		return nil, err
	}
	t, err := a.pick(cfg, f)
	if err != nil {
		return nil, err
	}
	files, err := a.openFiles(cfg)
	if err != nil {
		return nil, err
	}
	client, err := a.connect(t, f.endpoint, f.storage)
	if err != nil {
		return nil, err
	}
	s := &session{app: a, cfg: cfg, target: t, files: files, client: client}
	if err := s.begin(ctx, f); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openFiles opens the folder, and says in cfg where it is from if that says
// nothing of it.
func (a *app) openFiles(cfg *config.Config) (*gitrepo.WorkTree, error) {
	dir := cmp.Or(a.flags.dir, ".")
	files, err := gitrepo.OpenWorkTree(dir)
	if err != nil {
		return nil, err
	}
	if cfg.Repository.URL == "" {
		cfg.Repository.URL = origin(files, dir)
	}
	return files, nil
}

// begin finds the workspace and opens the journal; the configuration, target,
// files and client are there.
func (s *session) begin(ctx context.Context, f targetFlags) error {
	s.dir, s.log = cmp.Or(s.flags.dir, "."), s.logger()
	s.ws = s.client.Workspace(scopeOf(s.target))
	s.source, s.given = s.origins(s.cfg, s.target, s.client, f), f
	s.writer = s.writerOf(s.target, f.endpoint, f.storage).open()
	if err := locate(ctx, s.ws, s.target); err != nil {
		return err
	}
	var err error
	if s.secrets, err = s.resolver(s.cfg, s.client); err != nil {
		return err
	}
	if err := s.openJournal(ctx, f.state); err != nil {
		s.closeJournal()
		if f.writes {
			err = s.keepDamaged(err, f.state)
		}
		return err
	}
	return nil
}

// locate finds the workspace or registry. One that does not exist yet is no
// error if the target manages what it is made of.
func locate(ctx context.Context, ws *azureml.Workspace, t *config.Target) error {
	err := ws.Locate(ctx)
	if !errors.Is(err, azureml.ErrNotFound) {
		return err
	}
	for _, k := range t.Manage {
		if own := kind.Of(asset.Kind(k)); own != nil && own.Top && own.InRegistry == (t.Registry != "") {
			ws.Absent()
			return nil
		}
	}
	return err
}

// readFor reads the tree of a target. A workspace that does not exist must be
// in it.
func readFor(fsys fs.FS, cfg *config.Config, t *config.Target, ws *azureml.Workspace) (*tree.Tree, problem.List) {
	tr, bad := readAssets(fsys, cfg, t)
	if ws.Lacks(tr.Assets) {
		bad.Hintf(problem.Pos{File: config.File}, "missing_target", "add a file for it, or make it otherwise", "%s does not exist, and no file of the tree describes it", ws.Scope())
	}
	return tr, bad
}

// close releases what open took.
func (s *session) close() {
	s.closeJournal()
	if s.files != nil {
		_ = s.files.Close()
	}
}

func (s *session) closeJournal() {
	if s.store != nil {
		_ = s.store.Close()
		s.store = nil
	}
}

// origin is where the folder was cloned from or, if that is not known, its name.
func origin(files *gitrepo.WorkTree, dir string) string {
	if u := files.Origin(); u != "" {
		return u
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	return "file://" + abs
}

// pick is the target of the configuration with what the flags say over it.
func (a *app) pick(cfg *config.Config, f targetFlags) (*config.Target, error) {
	return a.pickNamed(cfg, f, a.flags.target)
}

// pickNamed is pick for the target of a name.
func (a *app) pickNamed(cfg *config.Config, f targetFlags, name string) (*config.Target, error) {
	var t config.Target
	named := cmp.Or(f.workspace, f.registry)
	switch picked, bad := cfg.Pick(name); {
	case f.workspace != "" && f.registry != "":
		return nil, errors.New("a target is a workspace or a registry, not both")
	case picked != nil && named == "":
		t = *picked
	case named != "":
		t = config.DefaultTarget()
		t.Name = cmp.Or(name, named[strings.LastIndex(named, "/")+1:])
	default:
		return nil, bad
	}
	if strings.HasPrefix(named, "/") {
		parts := strings.Split(named, "/")
		if len(parts) != 9 {
			return nil, fmt.Errorf("%q is not the resource id of a workspace or registry", named)
		}
		t.Subscription, t.ResourceGroup, named = parts[2], parts[4], parts[8]
	}
	switch {
	case f.registry != "":
		t.Registry = named
	case f.workspace != "":
		t.Workspace = named
	}
	a.lay(&t, f)
	for what, value := range map[string]string{"subscription": t.Subscription, "resource group": t.ResourceGroup, "workspace or registry": t.Workspace + t.Registry} {
		if value == "" {
			return nil, fmt.Errorf("the %s is not known: give it as a flag or in %s", what, config.File)
		}
	}
	return &t, nil
}

// lay puts what the flags say over a target, its name aside.
func (a *app) lay(t *config.Target, f targetFlags) {
	env, _ := a.env("AZURE_SUBSCRIPTION_ID")
	t.Subscription = cmp.Or(f.subscription, t.Subscription, env)
	t.ResourceGroup = cmp.Or(f.group, t.ResourceGroup)
	t.Cloud = cmp.Or(f.cloud, t.Cloud)
	t.Endpoint = cmp.Or(f.endpoint, t.Endpoint)
	t.StorageEndpoint = cmp.Or(f.storage, t.StorageEndpoint)
	t.CAFile = cmp.Or(f.caFile, t.CAFile)
	identified(t, f.identity)
}

func scopeOf(t *config.Target) kind.Scope {
	return kind.Scope{Subscription: t.Subscription, ResourceGroup: t.ResourceGroup, Workspace: t.Workspace, Registry: t.Registry}
}

// connect makes the client of who reads a target; given are addresses that come from the
// command line and not from the repository. An emulator on this machine that
// speaks plain http takes any token, so none is asked of Azure for it.
func (a *app) connect(t *config.Target, given ...string) (*azureml.Client, error) {
	return a.connectAs(t, readerOf(t), given...)
}

// connectAs is connect for one of the identities of a target.
func (a *app) connectAs(t *config.Target, who config.Identity, given ...string) (*azureml.Client, error) {
	o, err := a.clientOptions(t, who, given)
	if err != nil {
		return nil, err
	}
	return azureml.New(o)
}

// connectReader makes a client of a target that sends nothing but requests that
// read, as whoever reads there.
func (a *app) connectReader(t *config.Target, given ...string) (*azureml.Client, error) {
	o, err := a.clientOptions(t, readerOf(t), given)
	if err != nil {
		return nil, err
	}
	o.ReadOnly = true
	return azureml.New(o)
}

func (a *app) clientOptions(t *config.Target, who config.Identity, given []string) (azureml.Options, error) {
	if err := a.trusted(t, given); err != nil {
		return azureml.Options{}, err
	}
	o := azureml.Options{
		Cloud: cloudName(t.Cloud), Endpoint: t.Endpoint, StorageEndpoint: t.StorageEndpoint, AuthorityHost: t.Authority,
		CAFile: t.CAFile, Credential: strings.ReplaceAll(who.Type, "_", "-"), ClientID: who.ClientID, TenantID: who.TenantID,
		UserAgent: "mlsync/" + version, Trusted: a.trustedHosts(), Logger: a.logger(), InFlight: max(readsInFlight, t.Concurrency), Budget: a.budget, Connections: a.connections,
	}
	if local(t.Endpoint) {
		o.Insecure = true
		o.StorageEndpoint = cmp.Or(o.StorageEndpoint, t.Endpoint)
		if o.Credential == "default" {
			o.Credential, o.Token = "static", "emulator"
		}
	}
	return o, nil
}

// readsInFlight bounds the requests of a plan: less than the hundred streams
// that an HTTP/2 connection always has room for. The client slows down before
// the bucket of reads that the service grants is empty; writes are bounded by
// the concurrency of the target.
const readsInFlight = 96

func cloudName(name string) string {
	if name == "usgovernment" {
		return "usgov"
	}
	return name
}

// local reports whether the address is plain http on this machine.
func local(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host := u.Hostname()
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}

// openJournal opens the journal of the target.
func (s *session) openJournal(ctx context.Context, where string) error {
	if where == "" {
		var err error
		if where, err = s.statePath(); err != nil {
			return err
		}
	}
	store, err := state.Open(ctx, where, journalOptions(where, s.cfg.Installation()))
	if err != nil {
		return err
	}
	s.store = store
	t, err := store.Target(ctx, s.target.Name, s.ws.Scope().WorkspaceID())
	if err != nil {
		return err
	}
	s.journal = &journal{Target: t, store: store}
	s.proven, err = s.journal.proven(ctx)
	return err
}

// statePath is the journal of this folder in the user's state folder.
func (a *app) statePath() (string, error) {
	base, ok := a.env("XDG_STATE_HOME")
	if !ok || base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("where to keep the journal is not known (use --state): %w", err)
		}
		base = filepath.Join(home, ".local", "state")
	}
	abs, err := filepath.Abs(cmp.Or(a.flags.dir, "."))
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(abs))
	return filepath.Join(base, "mlsync", filepath.Base(abs)+"-"+hex.EncodeToString(sum[:4])+".db"), nil
}

// commit is the state of the folder.
func (s *session) commit(ctx context.Context) reconcile.Commit {
	return released(commitOf(ctx, s.cfg, s.files), s.target)
}

func commitOf(ctx context.Context, cfg *config.Config, files *gitrepo.WorkTree) reconcile.Commit {
	c := reconcile.Commit{FS: files.FS(), Repo: gitrepo.RedactURL(cfg.Repository.URL)}
	if head, err := files.Head(); err == nil {
		c.Hash, c.By = string(head.Hash), signers(head)
		dirty, _, err := files.State(ctx, dirtyLimit)
		c.Dirty = err != nil || dirty != gitrepo.Clean
	}
	return c
}

// dirtyLimit bounds the look for changes that are in no commit.
const dirtyLimit = 20_000

// pass is the pass over the session's target.
func (s *session) pass(emit func(reconcile.Event)) *reconcile.Pass {
	return newPass(s.cfg, s.target, bridge.New(s.client, s.ws).From(s.source).WrittenBy(s.writer), s.ws, s.journal, s.secrets.Get, s.log, emit)
}

func newPass(cfg *config.Config, t *config.Target, live *bridge.Workspace, ws *azureml.Workspace, j *journal,
	secrets func(context.Context, string) (asset.Secret, error), log *slog.Logger, emit func(reconcile.Event),
) *reconcile.Pass {
	scope := ws.Scope()
	return &reconcile.Pass{
		Target:    plan.Target{Name: t.Name, Cloud: t.Cloud, Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup, Workspace: scope.Workspace, Registry: scope.Registry},
		Owner:     cfg.OwnerOf(t.Name),
		Workspace: live,
		Journal:   j,
		Read:      func(fsys fs.FS) (*tree.Tree, problem.List) { return readFor(under(fsys), cfg, t, ws) },
		Document:  parseDocument,
		Bytes:     releasedBytes,
		Stamps:    releasedStamps(t),
		Rule:      func(id asset.ID, file string) plan.Rule { return ruleOf(cfg, t, id, file) },
		Secret:    toldSecret(secrets),
		Guard:     plan.Guard{Max: t.Prune.Max, Percent: t.Prune.Percent},
		Parallel:  t.Concurrency,
		Now:       time.Now,
		Log:       log,
		Emit:      emit,
		Siblings:  siblingsOf(cfg, t),
		Review:    reviewOf(cfg, t),
		Check:     checkOf(cfg, ws),
	}
}

// ruleOf is what the configuration says of one asset.
func ruleOf(cfg *config.Config, t *config.Target, id asset.ID, file string) plan.Rule {
	r := cfg.Match(string(id.Kind), id.Name, file)
	out := plan.Rule{OnRemove: kind.Removal(r.OnRemove), Drift: plan.DriftMode(t.Drift.Mode), Ignore: r.Ignore, Jobs: plan.JobMode(r.Jobs)}
	if r.DriftSet {
		out.Drift = plan.DriftMode(r.Drift)
	}
	out.AllowReplace = r.Replace != nil && *r.Replace
	out.Protect = r.Protect != nil && *r.Protect
	out.Rollout = rolloutRule(r.Rollout)
	return out
}

// parseOptions say how much of one file is read.
func parseOptions(cfg *config.Config) tree.ParseOptions {
	return tree.ParseOptions{Limits: tree.Limits{Files: cfg.Limits.Files, Bytes: cfg.Limits.FileBytes}}
}

// treeOptions say how the tree of a target is read.
func treeOptions(cfg *config.Config, t *config.Target) tree.Options {
	o := tree.Options{
		Include: t.Include, Exclude: t.Exclude, Overlays: t.Overlays, Vars: t.Vars,
		Scope: scopeOf(t),
		Parse: parseOptions(cfg),
	}
	o.Apart = append(o.Apart, policy.Folder)
	for _, k := range t.Manage {
		o.Manage = append(o.Manage, asset.Kind(k))
	}
	for _, other := range cfg.Targets {
		if other.Name != t.Name {
			o.Apart = append(o.Apart, other.Overlays...)
		}
	}
	for _, r := range cfg.Rules {
		if r.Set != nil {
			o.Sets = append(o.Sets, tree.SetRule{Kind: r.Kind, Name: r.Name, Path: r.Path, Set: r.Set})
		}
		if r.KindIs != "" || r.Asset != nil && !*r.Asset {
			o.KindRules = append(o.KindRules, tree.KindRule{Path: r.Path, Kind: r.KindIs, Ignore: r.Asset != nil && !*r.Asset})
		}
	}
	return o
}
