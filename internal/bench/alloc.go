package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// allocations counts what the stations of a plan allocate, in this process.
// It comes last: it leaves a large heap behind, see call.
func (b *bench) allocations() error {
	if !b.Allocations {
		return nil
	}
	for _, size := range []struct {
		dir string
		n   int
	}{{"small", b.Small}, {"large", b.Large}} {
		b.say("allocations of %d assets", size.n)
		if err := b.stations(filepath.Join(b.dir, size.dir), size.n); err != nil {
			return err
		}
	}
	return nil
}

// stations runs tree.Read, resolve.Resolve and plan.Make on a tree.
func (b *bench) stations(dir string, n int) error {
	fsys := os.DirFS(dir)
	options := tree.Options{Parse: tree.ParseOptions{Limits: tree.Limits{Files: 4 * n}}}
	var read *tree.Tree
	var want *resolve.Want
	var bad problem.List
	b.allocated("tree.Read", n, func() { read, bad = tree.Read(fsys, options) })
	if err := bad.Err(); err != nil {
		return err
	}
	b.allocated("resolve.Resolve", n, func() {
		want, bad = resolve.Resolve(b.ctx, resolve.Input{
			FS: fsys, Assets: read.Assets, Facts: nothing{},
			Document: func(data []byte, file string) (*asset.Value, problem.List) {
				docs, bad := tree.Parse(data, file, tree.ParseOptions{})
				if len(docs) == 0 {
					return nil, bad
				}
				return docs[0], bad
			},
		})
	})
	if err := bad.Err(); err != nil {
		return err
	}
	in := planInput(want)
	var made *plan.Plan
	b.allocated("plan.Make without change", n, func() { made = plan.Make(in) })
	if made.Pending() {
		return fmt.Errorf("a plan of what is there already has changes: %v", made.Summary())
	}
	in.Live.Assets, in.Owned = &asset.Set{}, nil
	b.allocated("plan.Make that creates all", n, func() { made = plan.Make(in) })
	if !made.Pending() {
		return fmt.Errorf("a plan for an empty workspace has no changes")
	}
	return nil
}

// planInput is a workspace that is as it is wanted.
func planInput(want *resolve.Want) plan.Input {
	in := plan.Input{
		Owner: "bench", Want: want.Set, Complete: true, Content: resolve.ContentDigest, Options: plan.Options{Prune: true},
		Live:  plan.Live{Assets: asset.NewSet(want.Set.All()...), Listed: map[asset.Kind]bool{}},
		Owned: map[asset.ID]plan.Owned{},
	}
	for _, t := range kind.All() {
		in.Live.Listed[t.Kind] = true
	}
	for _, a := range want.Set.All() {
		in.Owned[a.ID] = plan.Owned{
			ID: a.ID, Origin: plan.Created, Body: a.Body, Digest: resolve.Digest(a), Variant: a.Variant,
			File: a.Pos.File, Done: kind.Of(a.ID.Kind).Once,
		}
	}
	return in
}

// allocated notes what f allocates for each of n assets.
func (b *bench) allocated(name string, n int, f func()) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	name = fmt.Sprintf("%s %d", name, n)
	b.note(name, "allocations/asset", float64(after.Mallocs-before.Mallocs)/float64(n), "")
	b.note(name, "allocated/asset", float64(after.TotalAlloc-before.TotalAlloc)/float64(n)/1e3, "kB")
}

// nothing is a workspace in which nothing is.
type nothing struct{}

func (nothing) Exists(asset.ID) resolve.Status                     { return resolve.Absent }
func (nothing) Asset(asset.ID) (*asset.Asset, resolve.Status)      { return nil, resolve.Absent }
func (nothing) Latest(asset.ID) (string, resolve.Status)           { return "", resolve.Absent }
func (nothing) Next(asset.ID) (string, resolve.Status)             { return "1", resolve.Absent }
func (nothing) Code(string, asset.ID) string                       { return "" }
func (nothing) Part(*asset.Asset, asset.ID) string                 { return "" }
func (nothing) Versions(asset.ID) ([]*asset.Asset, resolve.Status) { return nil, resolve.Absent }
func (nothing) Datastore(string) (resolve.Datastore, resolve.Status) {
	return resolve.Datastore{}, resolve.Absent
}

var _ resolve.Facts = nothing{}
