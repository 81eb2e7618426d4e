package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

// What is still fine.
const (
	skewDoubt  = 30 * time.Second // locks of replicas live as long
	skewBroken = 5 * time.Minute  // tokens are refused
	freeDoubt  = 1 << 30
	freeBroken = 100 << 20
	slowDoubt  = 2 * time.Second // one read of the workspace
)

// fetch brings the commit of a target, nil for the repository's branch.
func (d *checkup) fetch(ctx context.Context, t *config.Target) (reconcile.Commit, bool) {
	name := ""
	if t != nil {
		name = t.Name
	}
	ref, err := refFor(d.cfg, t)
	if err != nil {
		return reconcile.Commit{}, d.note("git", name, "", err, "look at branch, tag and semver in "+config.File)
	}
	if c, ok := d.commits[ref.String()]; ok {
		return c, true
	}
	c, err := d.mirror.fetch(ctx, ref)
	var said *gitrepo.Error
	cure := "look at repository in " + config.File
	if errors.As(err, &said) && said.Cure != "" {
		cure = said.Cure
	}
	if errors.Is(err, gitrepo.ErrAuth) && d.cfg.Repository.Auth.TokenEnv != "" {
		cure = "put a token that may read the repository into " + d.cfg.Repository.Auth.TokenEnv
	}
	if !d.note("git", name, fmt.Sprintf("%s of %s is %.12s", ref, gitrepo.RedactURL(d.cfg.Repository.URL), c.Hash), err, cure) {
		return c, false
	}
	d.commits[ref.String()] = c
	return c, true
}

// files are those of a target: of its commit, or of the folder.
func (d *checkup) files(ctx context.Context, t *config.Target) (fs.FS, bool) {
	if d.mirror != nil {
		c, ok := d.fetch(ctx, t)
		return c.FS, ok
	}
	w, err := d.openFiles(d.cfg)
	if err != nil {
		return nil, d.note("git", t.Name, "", err, "run it in the folder of the repository, or give --repository")
	}
	head, err := w.Head()
	detail := "the folder is no git repository, and is used as it is"
	if err == nil {
		detail = fmt.Sprintf("the folder is at %.12s", head.Hash)
	}
	return w.FS(), d.note("git", t.Name, detail, nil, "")
}

// place is where the journal is.
func (d *checkup) place() (string, error) {
	if d.flags.state == "" && d.data != "" {
		return filepath.Join(d.data, "mlsync.db"), nil
	}
	return d.statePlace(d.flags.state)
}

func (d *checkup) journal(ctx context.Context) {
	where, err := d.place()
	if err != nil {
		d.note("journal", "", "", err, "give --state or --data")
		return
	}
	o := journalOptions(where, "")
	o.Existing, o.AsIs = true, true
	store, err := state.Open(ctx, where, o)
	if errors.Is(err, fs.ErrNotExist) {
		d.note("journal", "", "there is none yet; the first run makes it", nil, "")
		return
	}
	cure := "see that the database runs and takes the user, or that the user may read and write the file"
	if errors.Is(err, state.ErrDamaged) {
		cure = "mlsync state restore brings a backup back, mlsync state rebuild makes the journal anew"
	}
	if err != nil {
		d.note("journal", "", "", err, cure)
		return
	}
	defer func() { _ = store.Close() }()
	targets, err := store.Targets(ctx)
	size, sizeErr := store.Size(ctx)
	d.note("journal", "", fmt.Sprintf("%s: %s, %s", store, number(len(targets), "target"), bytesText(size)), errors.Join(err, sizeErr), cure)
	for _, t := range targets {
		if t.Hold != (state.Hold{}) {
			d.doubt("hold", t.Name, fmt.Sprintf("on hold by %s since %s: %s", t.Hold.By, t.Hold.At.Format(time.RFC3339), t.Hold.Why), "mlsync unhold, once the reason is gone")
		}
	}
}

// disk looks at the room for the journal, or for the data of the daemon.
func (d *checkup) disk() {
	dir := d.data
	if where, err := d.place(); dir == "" && err == nil && !state.IsPostgres(where) {
		dir = filepath.Dir(where)
	}
	for dir != "" && dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir) // it will be made there
	}
	if dir == "" {
		dir = "."
	}
	free, err := freeBytes(dir)
	switch cure := "make room, or put the data elsewhere with --data and --state"; {
	case errors.Is(err, errors.ErrUnsupported):
	case err != nil:
		d.note("disk", "", "", err, cure)
	case free < freeBroken:
		d.note("disk", "", "", fmt.Errorf("%s are left for %s", bytesText(int64(free)), dir), cure) //nolint:gosec // it is small
	case free < freeDoubt:
		d.doubt("disk", "", fmt.Sprintf("%s are left for %s", bytesText(int64(free)), dir), cure)
	default:
		d.note("disk", "", fmt.Sprintf("%d GB are left for %s", free>>30, dir), nil, "")
	}
}

// target checks one target. What builds on a check that failed is left out.
func (d *checkup) target(ctx context.Context, t *config.Target) {
	var tr *tree.Tree
	if fsys, ok := d.files(ctx, t); ok {
		var bad error
		tr, bad = d.tree(fsys, t)
		if bad != nil {
			d.doubt("files", t.Name, bad.Error(), "mlsync check shows where and what to do")
		}
	}
	client, err := d.connect(t, d.flags.endpoint, d.flags.storage)
	if err != nil {
		d.note("azure", t.Name, "", err, "look at endpoint, authority, ca_file and identity of the target")
		return
	}
	d.secrets(ctx, t, client, tr)
	ws := client.Workspace(scopeOf(t))
	start := time.Now()
	skew, err := ws.Skew(ctx)
	if !d.note("azure", t.Name, fmt.Sprintf("%s was read in %s", ws.Scope(), time.Since(start).Round(time.Millisecond)), err, reachCure(err, t)) {
		return
	}
	if took := time.Since(start); took > slowDoubt {
		d.doubt("latency", t.Name, "one read took "+took.Round(time.Millisecond).String(), "look at proxies and the way to "+t.Cloud+" Azure")
	}
	d.clock(t, skew)
	if t.Registry == "" {
		host, err := ws.ReachStorage(ctx)
		d.note("storage", t.Name, host+" answers", err, "let this machine reach "+host+" on port 443, or give it a private endpoint; content is uploaded there")
	}
	if open := d.writerOf(t, d.flags.endpoint, d.flags.storage).open(); open != nil {
		writer, err := open()
		if err != nil {
			d.note("azure", t.Name, "", err, "look at identity of the target")
			return
		}
		ws = ws.As(writer) // who must be able to do more than to read
	}
	d.permissions(ctx, t, ws, tr)
}

// tree reads the files of a target as far as they can be.
func (d *checkup) tree(fsys fs.FS, t *config.Target) (*tree.Tree, error) {
	tr, bad := readTree(fsys, d.cfg, t)
	if n := len(bad.Errors()); n > 0 {
		return tr, errors.New(number(n, "problem"))
	}
	return tr, nil
}

func (d *checkup) clock(t *config.Target, skew time.Duration) {
	by := skew.Abs().Round(time.Second)
	way := "ahead of"
	if skew < 0 {
		way = "behind"
	}
	cure := "let the machine take its time from a time server (timedatectl set-ntp true)"
	switch {
	case by > skewBroken:
		d.note("clock", t.Name, "", fmt.Errorf("the clock is %s %s that of Azure: tokens are refused", by, way), cure)
	case by > skewDoubt:
		d.doubt("clock", t.Name, fmt.Sprintf("the clock is %s %s that of Azure", by, way), cure)
	default:
		d.note("clock", t.Name, fmt.Sprintf("within %s of that of Azure", max(by, time.Second)), nil, "")
	}
}

// reachCure says what to do about a workspace that cannot be read.
func reachCure(err error, t *config.Target) string {
	switch {
	case errors.Is(err, azureml.ErrNoScope), errors.Is(err, azureml.ErrNotFound):
		return "look at subscription, resource_group and workspace of the target; an identity without any role there is told the same"
	case errors.Is(err, azureml.ErrDenied):
		return "give the identity a role on the workspace: AzureML Data Scientist, or Reader for plans only"
	}
	login := map[string]string{
		"cli":               "run az login as the user that runs mlsync",
		"environment":       "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH",
		"managed_identity":  "give the machine a managed identity, and its client id to identity.client_id if it has several",
		"workload_identity": "see that the service account is federated with the identity and that AZURE_FEDERATED_TOKEN_FILE is there",
	}[readerOf(t).Type]
	if login == "" {
		login = "log in (az login), or set identity of the target"
	}
	return login + "; and let this machine reach Azure on port 443: HTTPS_PROXY and ca_file if there is a proxy"
}

// secrets looks whether each secret that the files name is found.
func (d *checkup) secrets(ctx context.Context, t *config.Target, client *azureml.Client, tr *tree.Tree) {
	names := map[string]bool{}
	if tr != nil {
		for _, a := range tr.Assets {
			secretNames(a.Body, names)
		}
	}
	if len(names) == 0 {
		return
	}
	found, err := d.resolver(d.cfg, client)
	if err != nil {
		d.note("secrets", t.Name, "", err, "look at secrets.providers in "+config.File)
		return
	}
	missing := 0
	for _, name := range sortedKeys(names) {
		if _, err := found.Get(ctx, name); err != nil {
			missing++
			d.note("secrets", t.Name, "", fmt.Errorf("%s: %w", name, err), "put the secret there, or say in secrets.names where it is")
		}
	}
	if missing == 0 {
		d.note("secrets", t.Name, number(len(names), "secret")+" found", nil, "")
	}
}

func secretNames(v *asset.Value, into map[string]bool) {
	if name, ok := kind.SecretName(v); ok {
		into[name] = true
	}
	for _, item := range v.Items() {
		secretNames(item, into)
	}
	for _, k := range v.Keys() {
		secretNames(v.Get(k), into)
	}
}

func sortedKeys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// permissions compares what the identity may do with what the files need.
func (d *checkup) permissions(ctx context.Context, t *config.Target, ws *azureml.Workspace, tr *tree.Tree) {
	have, err := ws.Permissions(ctx)
	if err != nil {
		d.note("permissions", t.Name, "", err, "give the identity a role on the workspace")
		return
	}
	need := actionsFor(t, tr)
	var may []string
	for _, action := range need {
		if !have.Allow(action) {
			may = append(may, action)
		}
	}
	if len(may) > 0 {
		d.note("permissions", t.Name, "", fmt.Errorf("the identity may not\n%s", strings.Join(may, "\n")),
			"assign a role that has these actions on "+ws.Scope().WorkspaceID()+" (AzureML Data Scientist; AzureML Compute Operator or Contributor for computes)")
		return
	}
	d.note("permissions", t.Name, fmt.Sprintf("all %d actions that the files need", len(need)), nil, "")
}

// actionsFor are the actions that the files of a target need: to read and write
// the kinds that are in them, to delete what may be pruned, and to upload.
func actionsFor(t *config.Target, tr *tree.Tree) []string {
	base := "Microsoft.MachineLearningServices/workspaces"
	if t.Registry != "" {
		base = "Microsoft.MachineLearningServices/registries"
	}
	need := map[string]bool{base + "/read": true}
	if t.Registry == "" {
		need[base+"/datastores/read"], need[base+"/datastores/listSecrets/action"] = true, true
	}
	if tr != nil {
		for _, a := range tr.Assets {
			table := kind.Of(a.ID.Kind)
			if table.Top {
				need[base+"/write"] = true
				continue
			}
			path := base
			if parent := kind.Of(table.Parent); table.Parent != "" && parent != nil {
				path += "/" + parent.Collection
			}
			path += "/" + table.Collection
			if table.Versioned {
				path += "/versions"
			}
			need[path+"/read"], need[path+"/write"] = true, true
			if t.Prune.Mode != config.PruneOff && (table.Remove == kind.Delete || table.Remove == kind.Confirm) {
				need[path+"/delete"] = true
			}
		}
	}
	return sortedKeys(need)
}
