package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"mlsync.dev/mlsync/internal/bridge"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/tree"
)

const (
	target   = "sim"
	ours     = "sim/" + target // what is stamped on our assets
	deadline = 30 * time.Minute
	lockTTL  = 30 * time.Second
)

// A process is one life of one replica: what a daemon is between its start and
// its death.
type process struct {
	w *world
	n int // of the replica

	ctx     context.Context //nolint:containedctx // it is the life of the process
	cancel  context.CancelFunc
	dead    bool
	busy    bool
	stopped time.Time // it does not run before

	store  *state.Store
	target *state.Target
	logged bytes.Buffer
	gen    int64 // of the run under way, 0 for none

	newer     chan struct{} // closed when a commit is heard of that is newer than that of the pass
	told      bool
	overtaken bool // the last pass ended for a newer commit
}

func (w *world) start(n int) *process {
	p := &process{w: w, n: n}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// pass is what the daemon's worker does for one task.
func (p *process) pass(task string) {
	defer p.w.sched.ended()
	defer func() {
		if v := recover(); v != nil {
			p.w.broke(fmt.Sprintf("I0 it panics: %v\n%s", v, debug.Stack()))
		}
	}()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	end := record{kind: passEnded, p: p.n, task: task}
	end.run, end.plan, end.err = p.work(ctx, task)
	_ = p.w.sched.point(context.Background(), p, "ended", func() error {
		p.w.note(&end)
		p.gen, p.busy = 0, false
		return nil
	})
}

func (p *process) work(ctx context.Context, task string) (plan.Run, *plan.Plan, error) {
	j, err := p.journal(ctx)
	if err != nil {
		return plan.Run{}, nil, err
	}
	client, ws, err := p.connect(ctx)
	if err != nil {
		return plan.Run{}, nil, err
	}
	ctx, unlock, err := p.lock(ctx, j)
	if err != nil {
		return plan.Run{}, nil, err
	}
	defer unlock()
	commit, err := p.fetch(ctx)
	if err != nil {
		return plan.Run{}, nil, err
	}
	r := p.reconciler(client, ws, j)
	r.Newer, r.Finish = p.newer, p.overtaken
	k := &reconcile.Work{
		Pass: r, Book: j, Commit: commit, Task: task, Options: plan.Options{Prune: p.w.s.Prune, Full: task != "sync"},
		Ready: func(made *plan.Plan) { p.ready(ctx, made) },
	}
	run, made, err := k.Do(ctx)
	p.overtaken = errors.Is(err, reconcile.ErrOvertaken)
	return run, made, err
}

// ready notes a plan before it is carried out, and what somebody may approve
// of it later.
func (p *process) ready(ctx context.Context, made *plan.Plan) {
	_ = p.w.sched.point(ctx, p, "prepared", func() error {
		p.w.asked = request{digest: made.Consent()}
		for _, s := range made.Refusals() {
			if !slices.Contains(p.w.asked.needs, s.Needs) {
				p.w.asked.needs = append(p.w.asked.needs, s.Needs)
			}
		}
		p.w.note(&record{kind: prepared, p: p.n, plan: made})
		return nil
	})
}

// hears tells the process that a commit was published, as the daemon is told
// by whoever watches the repository.
func (p *process) hears() {
	if p.newer != nil && !p.told {
		p.told = true
		close(p.newer)
	}
}

// fetch asks the repository for the newest commit.
func (p *process) fetch(ctx context.Context) (reconcile.Commit, error) {
	var c *commit
	err := p.w.sched.point(ctx, p, "git fetch", func() (err error) {
		c, err = p.w.repo.fetch()
		p.newer, p.told = make(chan struct{}), false
		p.w.note(&record{kind: fetched, p: p.n, commit: c, err: err})
		return err
	})
	if err != nil {
		return reconcile.Commit{}, err
	}
	return reconcile.Commit{FS: c.fs(), Hash: c.hash, Repo: "https://example.com/repo"}, nil
}

// connect makes a client that speaks to the emulator through the scheduler.
func (p *process) connect(ctx context.Context) (*azureml.Client, *azureml.Workspace, error) {
	client, err := azureml.New(azureml.Options{
		Endpoint: base, StorageEndpoint: base, Credential: "static", Token: "t", Insecure: true, InFlight: 500,
		Random: func() float64 { return 0.5 }, Transport: &wire{p}, Logger: slog.New(slog.NewTextHandler(&p.logged, nil)),
	})
	if err != nil {
		return nil, nil, err
	}
	ws := client.Workspace(scope)
	return client, ws, ws.Locate(ctx)
}

// lock takes the target's lock and renews it until unlock is called.
// The work ends when the lock is lost.
func (p *process) lock(ctx context.Context, j *journal) (locked context.Context, unlock func(), err error) {
	var l *state.Lock
	if err := j.point(ctx, "lock", func() (err error) {
		l, err = p.target.Lock(context.Background(), fmt.Sprintf("replica %d", p.n))
		return err
	}); err != nil {
		return nil, nil, err
	}
	locked, cut := context.WithCancelCause(ctx)
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lockTTL / 3)
		defer tick.Stop()
		for {
			select {
			case <-keep.Done():
				return
			case <-tick.C:
				if err := j.point(keep, "renew", func() error { return l.Renew(context.Background()) }); err != nil {
					cut(err)
					return
				}
			}
		}
	}()
	return locked, func() {
		stop()
		<-done
		cut(nil)
		_ = j.point(context.WithoutCancel(ctx), "unlock", func() error { return l.Release(context.Background()) })
	}, nil
}

func (p *process) reconciler(client *azureml.Client, ws *azureml.Workspace, j *journal) *reconcile.Pass {
	return &reconcile.Pass{
		Target:    plan.Target{Name: target, Subscription: scope.Subscription, ResourceGroup: scope.ResourceGroup, Workspace: scope.Workspace},
		Owner:     ours,
		Workspace: bridge.New(client, ws),
		Journal:   j,
		Read:      func(fsys fs.FS) (*tree.Tree, problem.List) { return tree.Read(fsys, tree.Options{}) },
		Document: func(data []byte, file string) (*asset.Value, problem.List) {
			docs, bad := tree.Parse(data, file, tree.ParseOptions{LastWins: true})
			if len(docs) == 0 {
				return nil, bad
			}
			return docs[0], bad
		},
		Rule:     func(id asset.ID, _ string) plan.Rule { return p.w.ruleOf(id.Kind) },
		Check:    p.check,
		Secret:   p.secret,
		Guard:    plan.Guard{},
		Parallel: p.w.s.Parallel,
		Now:      time.Now,
		Log:      slog.New(slog.NewTextHandler(&p.logged, nil)),
		Emit:     func(e reconcile.Event) { p.w.emitted(p, e) },
	}
}

// ruleOf are the rules that the configuration of the simulation has.
func (w *world) ruleOf(k asset.Kind) plan.Rule {
	switch k {
	case "online-endpoint":
		return plan.Rule{Rollout: w.s.Way.rule()}
	case "data":
		return plan.Rule{Drift: plan.Report}
	case "compute":
		return plan.Rule{AllowReplace: true}
	case "component":
		return plan.Rule{OnRemove: kind.Orphan}
	}
	return plan.Rule{}
}

func (p *process) secret(_ context.Context, name string) (asset.Secret, error) {
	if p.w.lockedVault {
		return asset.Secret{}, errors.New("the vault does not answer")
	}
	return asset.NewSecret(p.w.canary(name)), nil
}
