package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// Pass is one target and all that a pass over it needs. All fields but Bytes,
// Stamps, Cache, Rule and those below Emit must be set.
type Pass struct {
	Target plan.Target
	// Owner is what is stamped on the target's assets.
	Owner     string
	Workspace Workspace
	Journal   Journal
	// Read reads the tree of the target.
	Read func(fsys fs.FS) (*tree.Tree, problem.List)
	// Document reads a YAML file that an asset names.
	Document func(data []byte, file string) (*asset.Value, problem.List)
	// Bytes reads where content is that comes from other workspaces; see
	// resolve.Input. nil if none does.
	Bytes func(fsys fs.FS) (map[string]resolve.Source, problem.List)
	// Stamps are those that say which release brought an asset, beside the
	// stamps of every asset; nil if there are none.
	Stamps func(fsys fs.FS) map[asset.ID]map[string]string
	Rule   func(id asset.ID, file string) plan.Rule
	// Secret gets a secret from its provider. The error wraps ErrNoSecret if
	// the provider says that there is none; after any other error nobody knows.
	Secret func(ctx context.Context, name string) (asset.Secret, error)
	Guard  plan.Guard
	Cache  content.Cache
	// Parallel is how many writes are in flight.
	Parallel int
	Now      func() time.Time
	Log      *slog.Logger
	// Emit is told how a run goes on, by several goroutines.
	Emit func(Event)
	// Newer is closed when a newer commit is there: no step is begun from then
	// on, and operations are waited for no longer. They stay in the journal.
	// nil is never.
	Newer <-chan struct{}
	// Finish begins steps although a newer commit is there; only operations
	// are waited for no longer. It is for the pass after one that was
	// overtaken: commits that come faster than a pass must not let none of
	// them be applied.
	Finish bool
	// Corrections bound what is changed back; the journal counts what was, if
	// Corrected is set: within the last hour, by asset and dotted path.
	Corrections plan.Corrections
	Corrected   func(ctx context.Context, since time.Time) (map[asset.ID]map[string]int, error)
	// Check asks whether a deployment that a rollout gives traffic to works;
	// nil knows nothing of any, so that no rollout goes on.
	Check Check
	// Withhold says why a step that writes may not begin now, "" if it may; nil
	// withholds none. It is asked when the turn of a step comes, by several
	// goroutines. A run in which nothing else went wrong is waiting.
	Withhold func(s *plan.Step) string
	// Siblings reads which names git has for the other targets of the
	// repository in the same workspace; nil if there are none.
	Siblings func(fsys fs.FS) (map[string]map[asset.ID]bool, problem.List)
	// Review is what the policies of the tree say of a plan; nil if nobody is
	// asked. Errors stop everything before the first write, as problems of the
	// tree do.
	Review func(fsys fs.FS, prep *Prepared) problem.List
}

// Prepared is a plan with what it was made of.
type Prepared struct {
	Plan  *plan.Plan
	Tree  *tree.Tree
	Want  *resolve.Want
	Owned map[asset.ID]plan.Owned
	// TreeComplete says that the whole tree was read without a problem and
	// that all of it could be resolved.
	TreeComplete bool
	// Busy are assets on which an operation of an earlier run goes on, or that
	// are being deleted although git has them; see Pass.Wait.
	Busy map[asset.ID]string
	// Fingerprints are keyed digests of the wanted secrets.
	Fingerprints map[asset.ID]map[string]string
	// release is what the commit pins in the target.
	release plan.Release
	// missing are the secrets that their provider does not give, with the
	// places that need them.
	missing map[string]problem.List
	// siblings says that what other targets want was read completely.
	siblings bool
	// rebuilt are assets that only their stamp says are ours: the journal was
	// lost, or an earlier run died before it could note them.
	rebuilt []plan.Owned
	// leaving are those of Busy that are being deleted.
	leaving []asset.ID
	// moved is the history of files that are elsewhere now.
	moved []plan.Owned
	// stamps say which release brought an asset.
	stamps map[asset.ID]map[string]string
	// rolling are the rollouts of wanted assets.
	rolling []*rolling
	// doubt are assets of open intents of which something is not clear.
	doubt doubts
}

// Prepare reads the tree and the workspace and makes the plan. Problems of
// the tree are in the plan; the error is for what could not be done at all.
func (p *Pass) Prepare(ctx context.Context, c Commit, opt plan.Options, trigger Trigger) (*Prepared, error) {
	busy, err := p.busy(ctx) // before anything is read: what has ended by now is seen
	if err != nil {
		return nil, err
	}
	live := p.Workspace.Read()
	var early errgroup.Group // what is asked for whatever the tree says
	if opt.Prune || trigger.Unmanaged {
		early.Go(func() error {
			live.List(ctx, listed()...)
			return nil
		})
	}
	t, bad := p.Read(c.FS)
	owned, err := p.Journal.Owned(ctx)
	for _, f := range t.Files {
		f.Docs = nil // only the normal form is needed from here on
	}
	if err != nil {
		_ = early.Wait()
		return nil, err
	}
	n := needs(p.Workspace.Scope(), t.Assets, owned, opt.Full)
	n.ahead(ctx, live, owned)
	_ = early.Wait() // failures are kept by live
	n.within(live, p.Owner)
	n.read(ctx, live, ids(t.Assets), owned)
	doubt, err := p.doubts(ctx, live, owned)
	if err != nil {
		return nil, err
	}
	if trigger.Unmanaged {
		all(ctx, live, opt.Full, func(id asset.ID) bool { return kind.Of(id.Kind).IsSystem(id) })
	}
	f := newFacts(ctx, p.Workspace.Scope(), live, owned, opt.Full)
	in := resolve.Input{
		FS: c.FS, Assets: t.Assets, Scope: p.Workspace.Scope(),
		Facts: f, Remembered: f.remembered, Cache: p.Cache, Document: p.Document,
	}
	if p.Bytes != nil {
		var more problem.List
		in.Bytes, more = p.Bytes(c.FS)
		bad.Append(more)
	}
	want, more := resolve.Resolve(ctx, in)
	bad.Append(more)
	rebuilt := p.rebuild(want, owned, live)
	for id, made := range doubt.made {
		a, w := live.Asset(id), want.Set.Get(id)
		if a == nil || w == nil || !made && a.Stamps["owner"] != p.Owner {
			continue
		}
		o := plan.Owned{ID: id, Origin: plan.Created, Variant: a.Variant, ARM: a.ARM, File: w.Pos.File, At: p.Now()}
		if doubt.ours = append(doubt.ours, o); made {
			owned[id] = o
		}
	}
	live.Get(ctx, append(changed(want, owned, live, opt.Full), removed(want, owned, live)...)...)
	if !opt.Full {
		live.Get(ctx, leanedOn(p.Workspace.Scope(), want, owned, live)...)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	prep := &Prepared{
		release: c.Release, Tree: t, Want: want, Owned: owned, Busy: busy, leaving: p.leaving(live, want, busy), rebuilt: rebuilt, doubt: doubt, moved: movedHistory(want, owned),
	}
	if p.Stamps != nil {
		prep.stamps = p.Stamps(c.FS)
	}
	if err := p.plan(ctx, c, prep, live, opt, bad); err != nil {
		return nil, err
	}
	return prep, nil
}

// plan makes the plan of what was prepared.
func (p *Pass) plan(ctx context.Context, c Commit, prep *Prepared, live Live, opt plan.Options, bad problem.List) error {
	in, err := p.input(ctx, prep, live, opt)
	if err != nil {
		return err
	}
	in.Source = plan.Source{Repo: c.Repo, Commit: c.Hash, Dirty: c.Dirty, Tree: digestOf(prep.Want)}
	if p.Siblings != nil {
		siblings, more := p.Siblings(c.FS)
		in.Siblings = siblings
		prep.siblings = len(more.Errors()) == 0
	}
	in.Problems = bad
	prep.TreeComplete = len(bad.Errors()) == 0 && len(prep.Want.Unresolved) == 0
	in.Complete = prep.TreeComplete && (p.Siblings == nil || prep.siblings)
	if err := p.roll(ctx, prep, live, &in); err != nil {
		return err
	}
	if lack := prep.lacking(); len(lack) > 0 {
		in.Problems.Append(lack)
		in.Problems = in.Problems.Sorted()
		in.Complete = in.Complete && len(lack.Errors()) == 0
		prep.Plan = plan.Make(in)
	}
	if p.Review != nil {
		prep.Plan.Problems = append(prep.Plan.Problems, p.Review(c.FS, prep)...)
	}
	return nil
}

// input is what the plan is made of, save what git says by itself.
func (p *Pass) input(ctx context.Context, prep *Prepared, live Live, opt plan.Options) (plan.Input, error) {
	want := prep.Want
	saw := seen(live, want, prep.Owned, opt.Full)
	saw.Busy = prep.Busy
	open := unresolvedOf(prep.Tree.Assets, want)
	for id, o := range prep.Owned {
		if why := open.why(o); why != "" && want.Set.Get(id) == nil {
			saw.Unknown[id] = why
		}
	}
	for id, why := range p.fingerprints(ctx, prep) {
		saw.Unknown[id] = why
	}
	limits := p.Corrections
	if p.Corrected != nil {
		done, err := p.Corrected(ctx, p.Now().Add(-time.Hour))
		if err != nil {
			return plan.Input{}, err
		}
		limits.Done = done
	}
	return plan.Input{
		Target: p.Target, Options: opt, Owner: p.Owner, Want: want.Set,
		Observed: plan.Observed{At: p.Now(), Assets: saw.Assets.Len(), Known: len(saw.Known), Requests: live.Requests(), Partial: live.Failures()},
		Live:     saw, Owned: prep.Owned, Rule: p.Rule, Guard: p.Guard, Corrections: limits,
		Uploads: uploads(want), Copies: copies(want), Secrets: prep.Fingerprints, Content: resolve.ContentDigest,
		Fingerprint: func(text string) string { return p.Journal.Fingerprint(asset.NewSecret(text)) },
	}, ctx.Err()
}

// lacking are the problems of missing secrets: errors if a step is to send
// them, warnings if nothing is.
func (prep *Prepared) lacking() problem.List {
	needed := map[string]bool{}
	for _, name := range prep.secretNames() {
		needed[name] = true
	}
	var out problem.List
	for name, list := range prep.missing {
		for _, b := range list {
			if !needed[name] {
				b.Severity = problem.Warning
			}
			out = append(out, b)
		}
	}
	return out
}

// rebuild adds to owned the live assets that bear our stamp, that git does not
// have and that the journal does not know, and returns them. Names of which
// git has a version are left out: their other versions are history.
func (p *Pass) rebuild(want *resolve.Want, owned map[asset.ID]plan.Owned, live Live) []plan.Owned {
	names := map[asset.ID]bool{}
	for _, id := range want.Order {
		names[id.Container()] = true
	}
	for id := range want.Unresolved {
		names[id.Container()] = true
	}
	var out []plan.Owned
	for _, a := range live.Set().All() {
		if _, known := owned[a.ID]; known || a.Stamps["owner"] != p.Owner || want.Set.Get(a.ID) != nil {
			continue
		}
		if t := kind.Of(a.ID.Kind); t.Single() || t.Versioned && names[a.ID.Container()] {
			continue
		}
		// What was applied is not known: what is live may be somebody else's.
		o := plan.Owned{ID: a.ID, Origin: plan.Created, Variant: a.Variant, ARM: a.ARM, Commit: a.Stamps["commit"], At: p.Now()}
		owned[a.ID] = o
		out = append(out, o)
	}
	return out
}

// Trigger is what a pass is for, beside the options of the plan.
type Trigger struct {
	// Name is push, drift, resync or manual.
	Name string
	// Unmanaged looks for assets that are neither in git nor owned.
	Unmanaged bool
}

func ids(assets []*asset.Asset) map[asset.ID]bool {
	out := map[asset.ID]bool{}
	for _, a := range assets {
		out[a.ID] = true
	}
	return out
}

// seen is the live side as the plan takes it.
func seen(live Live, want *resolve.Want, owned map[asset.ID]plan.Owned, full bool) plan.Live {
	out := plan.Live{Assets: live.Set(), Listed: map[asset.Kind]bool{}, Unknown: map[asset.ID]string{}, Absent: map[asset.ID]bool{}, Known: map[asset.ID]bool{}, Versions: map[asset.ID][]string{}, Archived: map[asset.ID]bool{}, Broken: map[asset.ID]bool{}}
	for _, a := range out.Assets.All() {
		// A list that was read before somebody took away what all of it was in
		// shows what is not there any more.
		if t := kind.Of(a.ID.Kind); t.Parent != "" && live.Status(asset.ID{Kind: t.Parent, Name: a.ID.Parent}) == resolve.Absent {
			out.Assets.Remove(a.ID)
			out.Absent[a.ID] = true
		}
	}
	failed := live.Failures()
	for _, t := range kind.All() {
		out.Listed[t.Kind] = failed[t.Kind] == ""
	}
	for id, why := range want.Unresolved {
		out.Unknown[id] = why
	}
	look := func(id asset.ID) {
		if live.Archived(id) {
			out.Archived[id] = true
		}
		if live.Broken(id) {
			out.Broken[id] = true
		}
		t := kind.Of(id.Kind)
		_, ok := owned[id]
		switch {
		case live.Asset(id) != nil:
		case t.Renames && id.Name == t.Anonymous:
			// It has another version there, so it cannot be asked for.
			if ok {
				out.Known[id] = true
			}
		case live.Status(id) == resolve.Absent:
			out.Absent[id] = true
		case ok && !full && (t.Versioned || t.Once) && failed[id.Kind] == "" && named(live, t, id):
			out.Known[id] = true
		case failed[id.Kind] != "":
			out.Unknown[id] = failed[id.Kind]
		case live.Problem(id) != nil:
			out.Unknown[id] = live.Problem(id).Error()
		default:
			out.Unknown[id] = "it was not read"
		}
	}
	for id := range owned {
		if kind.Of(id.Kind) != nil { // a newer mlsync made the others
			look(id)
		}
	}
	for _, id := range want.Order {
		look(id)
	}
	for _, id := range live.Names() {
		if n, ok := live.Name(id); ok && n.Latest != "" {
			out.Versions[id] = append(out.Versions[id], n.Latest)
		}
	}
	return out
}

// named reports whether the name of a version is there, as far as its list says.
func named(live Live, t *kind.Table, id asset.ID) bool {
	if !t.Versioned || t.Collection == "codes" {
		return true
	}
	_, ok := live.Name(id)
	return ok || t.Anonymous != "" && id.Name == t.Anonymous
}

func uploads(want *resolve.Want) map[asset.ID]plan.Upload {
	out := map[asset.ID]plan.Upload{}
	for id, list := range want.Uploads {
		var u plan.Upload
		for _, up := range list {
			u.Files += len(up.Content.Files)
			u.Bytes += up.Content.Bytes()
		}
		out[id] = u
	}
	return out
}

func copies(want *resolve.Want) map[asset.ID]plan.Copy {
	out := map[asset.ID]plan.Copy{}
	for id, list := range want.Copies {
		var c plan.Copy
		var from []string
		for _, m := range list {
			c.Files += m.Source.Files
			c.Bytes += m.Source.Bytes
			from = append(from, m.Source.Name())
		}
		slices.Sort(from)
		c.From = strings.Join(slices.Compact(from), ", ")
		out[id] = c
	}
	return out
}

// digestOf is the digest of all wanted assets.
func digestOf(want *resolve.Want) string {
	h := sha256.New()
	for _, a := range want.Set.All() {
		h.Write([]byte(a.ID.String() + " " + resolve.Digest(a) + "\n"))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
