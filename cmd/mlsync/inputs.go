package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"mlsync.dev/mlsync/internal/closure"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

// inputs say what targets are made of at a commit, as digests: those of the files
// that a target's reading looks for, of what else its last pass came to look at,
// and of its part of the configuration.
type inputs struct {
	*parts
	digests *closure.Digests
	read    map[string]string // digests of what readings look for, by target
}

// parts are those of a configuration. They are made once for all commits that
// have the same mlsync.yaml.
type parts struct {
	cfg      *config.Config
	common   string
	own      map[string]string           // by target
	siblings map[string][]*config.Target // by target
	targets  map[string]*config.Target
}

func partsOf(cfg *config.Config) (*parts, error) {
	p := &parts{cfg: cfg, own: map[string]string{}, siblings: map[string][]*config.Target{}, targets: map[string]*config.Target{}}
	var err error
	if p.common, err = commonPart(cfg); err != nil {
		return nil, err
	}
	together := map[string][]*config.Target{} // by workspace
	for i := range cfg.Targets {
		t := &cfg.Targets[i]
		if p.own[t.Name], err = withoutPlaces(t); err != nil {
			return nil, err
		}
		p.targets[t.Name] = t
		at := strings.ToLower(scopeOf(t).WorkspaceID())
		together[at] = append(together[at], t)
	}
	for _, list := range together {
		for _, t := range list {
			for _, o := range list {
				if o != t && followsSame(o, t) {
					p.siblings[t.Name] = append(p.siblings[t.Name], o)
				}
			}
		}
	}
	return p, nil
}

// inputsAt is nil if the files are not those of a commit.
func (d *daemon) inputsAt(c reconcile.Commit) (*inputs, error) {
	objects, ok := under(c.FS).(closure.Tree)
	if !ok || c.Hash == "" || c.Dirty {
		return nil, nil
	}
	p, err := d.configs.at(c.Hash, c.FS, func() (*config.Config, error) { return d.readConfigAt(c) })
	if err != nil {
		return nil, err
	}
	if p.own == nil {
		return nil, nil
	}
	return &inputs{p, closure.New(objects), map[string]string{}}, nil
}

// under is the file system without a trace.
func under(fsys fs.FS) fs.FS {
	if t, ok := fsys.(*closure.Trace); ok {
		return t.Below()
	}
	return fsys
}

// commonPart is what the configuration says of all targets, as text. The version
// of the program is part of it: a new one may see more.
func commonPart(cfg *config.Config) (string, error) {
	c := *cfg
	c.Targets, c.Notify, c.Webhooks = nil, config.Notify{}, nil
	c.Repository = config.Repository{URL: cfg.Repository.URL, Path: cfg.Repository.Path}
	text, err := withoutPlaces(c)
	return version + "\n" + text, err
}

// withoutPlaces is a value as text, without where it stands in its file: a line
// that was added above changes nothing.
func withoutPlaces(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	var generic any
	if err := json.Unmarshal(data, &generic); err != nil {
		return "", err
	}
	dropPlaces(generic)
	data, err = json.Marshal(generic)
	return string(data), err
}

func dropPlaces(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Pos")
		for _, item := range v {
			dropPlaces(item)
		}
	case []any:
		for _, item := range v {
			dropPlaces(item)
		}
	}
}

func filterOf(cfg *config.Config, t *config.Target) *tree.Filter {
	return treeOptions(cfg, t).Filter()
}

// files is the digest of what the reading of a target looks for.
func (in *inputs) files(t *config.Target) (string, error) {
	sum, ok := in.read[t.Name]
	if ok {
		return sum, nil
	}
	sum, err := in.digests.Filter(filterOf(in.cfg, t))
	in.read[t.Name] = sum
	return sum, err
}

// of is the digest of a target whose last pass came to look at the paths. The
// other targets in its workspace are part of it, whose names it must know.
func (in *inputs) of(t *config.Target, paths []string) (string, error) {
	var files []string
	more := []string{in.common}
	for _, o := range append([]*config.Target{t}, in.siblings[t.Name]...) {
		sum, err := in.files(o)
		if err != nil {
			return "", err
		}
		files, more = append(files, sum), append(more, in.own[o.Name])
	}
	return in.digests.Of(files, paths, more...)
}

// sort tells the targets for which a commit changes nothing, with what they are
// made of, from those that need a pass. Whatever cannot be read is for the pass to tell.
func (d *daemon) sort(ctx context.Context, c reconcile.Commit, targets []*config.Target) (same map[string]state.Inputs, fresh []*config.Target, err error) {
	in, err := d.inputsAt(c)
	if in == nil || err != nil || d.store.Lost() {
		return nil, targets, nil //nolint:nilerr // each pass tells of it
	}
	last, err := d.store.Inputs(ctx)
	if err != nil {
		return nil, nil, err
	}
	same = map[string]state.Inputs{}
	for _, t := range targets {
		if d.isSame(in, t.Name, last) {
			same[t.Name] = last[t.Name]
		} else {
			fresh = append(fresh, t)
		}
	}
	return same, fresh, nil
}

// isSame reports whether a target is made of what it was when it was compared.
func (d *daemon) isSame(in *inputs, name string, last map[string]state.Inputs) bool {
	was, ok := last[name]
	t := in.targets[name]
	if !ok || t == nil {
		return false
	}
	now, err := in.of(t, was.Paths)
	return err == nil && now == was.Digest
}

// settled reports whether the target is known to be as the commit says, so that
// a pass for it would find nothing.
func (w *worker) settled(ctx context.Context, c reconcile.Commit) bool {
	was, ok, err := w.daemon.store.InputsOf(ctx, w.name)
	if err != nil || !ok || was.Same != c.Hash || c.Hash == "" || c.Dirty || w.daemon.store.Lost() {
		return false
	}
	in, err := w.daemon.inputsAt(c)
	return err == nil && in != nil && w.daemon.isSame(in, w.name, map[string]state.Inputs{w.name: was})
}

// compared notes what a target is made of, after a pass that compared all of it
// and left nothing to do or to wait for.
func (w *worker) compared(ctx context.Context, j *journal, k *reconcile.Work, run plan.Run, p *plan.Plan) {
	trace, ok := k.Commit.FS.(*closure.Trace)
	if !ok || !inSync(run, p) || len(p.Drift) > 0 || !k.Due.IsZero() {
		return
	}
	in, err := w.daemon.inputsAt(k.Commit)
	if err != nil || in == nil {
		return
	}
	t := in.targets[w.name]
	if t == nil {
		return
	}
	note := state.Inputs{Commit: k.Commit.Hash, Paths: trace.Paths([]closure.Filter{filterOf(in.cfg, t)})}
	if note.Digest, err = in.of(t, note.Paths); err == nil {
		err = j.Compared(ctx, run.Generation, note)
	}
	if err != nil { // the next commit gets a pass
		w.daemon.log.Warn("what the target is made of is not noted", "target", w.name, "err", err)
	}
}

// configs are the configurations of the last commits. Many targets are of one
// commit, and many commits have one configuration.
type configs struct {
	mu    sync.Mutex
	known []readConfig // the newest last
}

type readConfig struct {
	commit string
	sum    [sha256.Size]byte // of the file
	parts  *parts
	err    error
}

// configsKept is how many are kept.
const configsKept = 4

// at is the configuration of a commit, read once.
func (c *configs) at(commit string, fsys fs.FS, read func() (*config.Config, error)) (*parts, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.known {
		if k.commit == commit {
			return k.parts, k.err
		}
	}
	data, err := readBounded(func() (fs.File, error) { return fsys.Open(config.File) }, limit.FileBytes)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	now := readConfig{commit: commit, sum: sha256.Sum256(data)}
	same := slices.IndexFunc(c.known, func(k readConfig) bool { return k.sum == now.sum })
	if same >= 0 {
		now.parts, now.err = c.known[same].parts, c.known[same].err
	} else {
		now.parts, now.err = partsFrom(read())
	}
	c.known = append(c.known, now)
	if n := len(c.known); n > configsKept {
		c.known = c.known[n-configsKept:]
	}
	return now.parts, now.err
}

func partsFrom(cfg *config.Config, err error) (*parts, error) {
	if err != nil {
		return nil, err
	}
	p, err := partsOf(cfg)
	if err != nil {
		return &parts{cfg: cfg}, nil //nolint:nilerr // without digests: each commit gets its passes
	}
	return p, nil
}
