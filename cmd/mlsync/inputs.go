package main

import (
	"context"
	"encoding/json"
	"io/fs"
	"sync"

	"mlsync.dev/mlsync/internal/closure"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

// inputs say what targets are made of at a commit, as digests: those of the files
// that a target's reading looks for, of what else its last pass came to look at,
// and of its part of the configuration.
type inputs struct {
	cfg     *config.Config
	digests *closure.Digests
	common  string // of the configuration
}

// inputsAt is nil if the files are not those of a commit.
func (d *daemon) inputsAt(c reconcile.Commit) (*inputs, error) {
	objects, ok := under(c.FS).(closure.Tree)
	if !ok || c.Hash == "" || c.Dirty {
		return nil, nil
	}
	cfg, err := d.configAt(c)
	if err != nil {
		return nil, err
	}
	common, err := commonPart(cfg)
	return &inputs{cfg, closure.New(objects), common}, err
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

// filters are those of a target and of the others in its workspace, whose names
// it must know.
func (in *inputs) filters(t *config.Target) []closure.Filter {
	out := []closure.Filter{filterOf(in.cfg, t)}
	for _, o := range siblings(in.cfg, t) {
		out = append(out, filterOf(in.cfg, o))
	}
	return out
}

func filterOf(cfg *config.Config, t *config.Target) *tree.Filter {
	return treeOptions(cfg, t).Filter()
}

// of is the digest of a target whose last pass came to look at the paths.
func (in *inputs) of(t *config.Target, paths []string) (string, error) {
	own, err := withoutPlaces(t)
	if err != nil {
		return "", err
	}
	more := []string{in.common, own}
	for _, o := range siblings(in.cfg, t) {
		text, err := withoutPlaces(o)
		if err != nil {
			return "", err
		}
		more = append(more, text)
	}
	return in.digests.Of(in.filters(t), paths, more...)
}

// sort tells the targets for which a commit changes nothing, with their digests,
// from those that need a pass. Whatever cannot be read is for the pass to tell.
func (d *daemon) sort(ctx context.Context, c reconcile.Commit, targets []*config.Target) (same map[string]string, fresh []*config.Target, err error) {
	in, err := d.inputsAt(c)
	if in == nil || err != nil || d.store.Lost() {
		return nil, targets, nil //nolint:nilerr // each pass tells of it
	}
	last, err := d.store.Inputs(ctx)
	if err != nil {
		return nil, nil, err
	}
	same = map[string]string{}
	for _, t := range targets {
		if d.isSame(in, t.Name, last) {
			same[t.Name] = last[t.Name].Digest
		} else {
			fresh = append(fresh, t)
		}
	}
	return same, fresh, nil
}

// isSame reports whether a target is made of what it was when it was compared.
func (d *daemon) isSame(in *inputs, name string, last map[string]state.Inputs) bool {
	was, ok := last[name]
	t := in.target(name)
	if !ok || t == nil {
		return false
	}
	now, err := in.of(t, was.Paths)
	return err == nil && now == was.Digest
}

func (in *inputs) target(name string) *config.Target { return targetOf(in.cfg, name) }

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
	t := in.target(w.name)
	if t == nil {
		return
	}
	note := state.Inputs{Commit: k.Commit.Hash, Paths: trace.Paths(in.filters(t))}
	if note.Digest, err = in.of(t, note.Paths); err == nil {
		err = j.Compared(ctx, run.Generation, note)
	}
	if err != nil { // the next commit gets a pass
		w.daemon.log.Warn("what the target is made of is not noted", "target", w.name, "err", err)
	}
}

// configs are the configurations of the last commits: many targets are of one.
type configs struct {
	mu    sync.Mutex
	known []readConfig // the newest last
}

type readConfig struct {
	commit string
	cfg    *config.Config
	err    error
}

// configsKept is how many are kept.
const configsKept = 4

// at is the configuration of a commit, read once.
func (c *configs) at(commit string, read func() (*config.Config, error)) (*config.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.known {
		if k.commit == commit {
			return k.cfg, k.err
		}
	}
	cfg, err := read()
	c.known = append(c.known, readConfig{commit, cfg, err})
	if n := len(c.known); n > configsKept {
		c.known = c.known[n-configsKept:]
	}
	return cfg, err
}
