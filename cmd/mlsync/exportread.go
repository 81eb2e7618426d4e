package main

import (
	"context"
	"os"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/bridge"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// readOut reads the tree that is exported into; nil if there is none.
// Problems of it are an error: what cannot be read might be written twice. Kinds
// that are asked for are read whether the target manages them or not.
func (x *exporting) readOut(kinds []asset.Kind) (*export.Have, error) {
	if !isDir(x.dir) {
		return nil, nil
	}
	t := x.folderTarget()
	fsys := os.DirFS(x.dir)
	opts := treeOptions(x.cfg, t)
	opts.Manage = append(opts.Manage, kinds...)
	got, bad := tree.Read(fsys, opts)
	if err := bad.Errors().Err(); err != nil {
		return nil, err
	}
	return &export.Have{Tree: got, FS: fsys, Vars: t.Vars}, nil
}

// resolveOut says what the tree means in the workspace.
func (x *exporting) resolveOut(ctx context.Context, have *export.Have) (*export.Have, error) {
	if have == nil {
		return nil, nil
	}
	want, bad := resolve.Resolve(ctx, resolve.Input{
		FS: have.FS, Assets: have.Tree.Assets, Scope: x.ws.Scope(),
		Facts: &liveFacts{ctx, x.live}, Document: parseDocument,
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// A reference to an asset that is gone does not hinder: the file that has
	// it is what is brought up to date.
	x.printProblems(slices.DeleteFunc(bad, func(p problem.Problem) bool { return p.Code == "missing_reference" }))
	have.Want = want.Set
	return have, nil
}

// readLive reads the kinds, or all that are exported by default, and what
// they refer to that no list holds. Kinds that cannot be read are left out as
// a whole.
func (x *exporting) readLive(ctx context.Context, kinds []asset.Kind) {
	x.live = bridge.NewLive(x.client, x.ws)
	wanted := func(t *kind.Table) bool {
		return t.Kind != "code" && (len(kinds) == 0 && !t.Single() || slices.Contains(kinds, t.Kind))
	}
	var lists []asset.Kind
	contained := map[asset.Kind][]asset.Kind{}
	for _, t := range kind.All() {
		switch {
		case !wanted(t):
		case t.Top:
			id := asset.ID{Kind: t.Kind, Name: x.ws.Scope().Name()}
			if (x.ws.Scope().Registry == "" || t.InRegistry) && !x.ws.Another(id) {
				x.live.Get(ctx, id)
			}
		case t.Parent != "":
			contained[t.Parent] = append(contained[t.Parent], t.Kind)
			lists = append(lists, t.Parent)
		default:
			lists = append(lists, t.Kind)
		}
	}
	slices.Sort(lists)
	x.say("reading %s", x.ws.Scope())
	x.live.List(ctx, slices.Compact(lists)...)
	for parent, parts := range contained {
		var names []string
		for _, a := range x.live.Set().All() {
			if a.ID.Kind == parent {
				names = append(names, a.ID.Name)
			}
		}
		for _, k := range parts {
			x.live.Contained(ctx, k, names...)
		}
	}
	var names []asset.ID
	for _, id := range x.live.Names() {
		if !kind.Of(id.Kind).IsSystem(id) {
			names = append(names, id)
		}
	}
	x.say("reading the versions of %d names", len(names))
	x.live.Versions(ctx, names...)
	x.live.Get(ctx, x.hidden()...)
	x.failed = x.live.Failures()
	for _, t := range kind.All() {
		if why := x.failed[t.Parent]; t.Parent != "" && why != "" && wanted(t) && x.failed[t.Kind] == "" {
			x.failed[t.Kind] = why
		}
	}
	for k := range x.failed {
		if !wanted(kind.Of(k)) && !slices.ContainsFunc(kind.All(), func(t *kind.Table) bool { return t.Parent == k && wanted(t) }) {
			delete(x.failed, k)
		}
	}
}

// hidden are anonymous environments and code that what was read refers to.
func (x *exporting) hidden() []asset.ID {
	var out []asset.ID
	for _, a := range x.live.Set().All() {
		for _, id := range export.References(a) {
			if id.Kind == "code" || kind.Of(id.Kind).Anonymous == id.Name && id.Name != "" {
				out = append(out, id)
			}
		}
	}
	slices.SortFunc(out, asset.ID.Compare)
	return slices.Compact(out)
}

// assets are what was read of kinds that were read completely.
func (x *exporting) assets() []*asset.Asset {
	return slices.DeleteFunc(x.live.Set().All(), func(a *asset.Asset) bool { return x.failed[a.ID.Kind] != "" })
}

// liveFacts answers resolve from the workspace alone. What was not read ahead
// is read now.
type liveFacts struct {
	ctx  context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	live *bridge.Live
}

// Exists implements resolve.Facts.
func (f *liveFacts) Exists(id asset.ID) resolve.Status {
	if s := f.live.Status(id); s != resolve.Unknown {
		return s
	}
	switch t := kind.Of(id.Kind); {
	case t.Parent != "":
		f.live.Contained(f.ctx, id.Kind, id.Parent)
	case t.Single() || t.Versioned && id.Version != "":
		f.live.Get(f.ctx, id)
	default:
		f.live.List(f.ctx, id.Kind)
	}
	return f.live.Status(id)
}

// Asset implements resolve.Facts.
func (f *liveFacts) Asset(id asset.ID) (*asset.Asset, resolve.Status) {
	s := f.Exists(id)
	return f.live.Asset(id), s
}

// Latest implements resolve.Facts.
func (f *liveFacts) Latest(container asset.ID) (string, resolve.Status) {
	f.live.List(f.ctx, container.Kind)
	if n, ok := f.live.Name(container); ok && n.Latest != "" {
		return n.Latest, resolve.Present
	}
	versions, s := f.Versions(container)
	if s != resolve.Present || len(versions) == 0 {
		return "", s
	}
	last := slices.MaxFunc(versions, func(a, b *asset.Asset) int { return strings.Compare(a.ModifiedAt, b.ModifiedAt) })
	return last.ID.Version, resolve.Present
}

// Versions implements resolve.Facts.
func (f *liveFacts) Versions(container asset.ID) ([]*asset.Asset, resolve.Status) {
	f.live.List(f.ctx, container.Kind)
	if _, ok := f.live.Name(container); !ok {
		if f.live.Complete(container) {
			return nil, resolve.Absent
		}
		return nil, resolve.Unknown
	}
	f.live.Versions(f.ctx, container)
	if !f.live.Complete(asset.ID{Kind: container.Kind, Name: container.Name, Version: "?"}) {
		return nil, resolve.Unknown
	}
	out := f.live.Of(container)
	slices.SortFunc(out, func(a, b *asset.Asset) int { return b.ID.Compare(a.ID) })
	return out, resolve.Present
}

// Next implements resolve.Facts. The version only has to be a free one:
// assets that have none yet are not written.
func (f *liveFacts) Next(container asset.ID) (string, resolve.Status) {
	next := "1"
	versions, s := f.Versions(container)
	for _, a := range versions {
		if asset.CompareVersions(a.ID.Version, next) >= 0 {
			next = resolve.Increment(a.ID.Version)
		}
	}
	return next, s
}

// Datastore implements resolve.Facts.
func (f *liveFacts) Datastore(name string) (resolve.Datastore, resolve.Status) {
	id := asset.ID{Kind: "datastore", Name: name}
	f.live.List(f.ctx, id.Kind)
	a := f.live.Asset(id)
	if a == nil {
		return resolve.Datastore{}, f.live.Status(id)
	}
	return resolve.DatastoreOf(a), resolve.Present
}

// Code implements resolve.Facts: the name of the code that user has, if it is
// of this hash.
func (f *liveFacts) Code(hash string, user asset.ID) string {
	a := f.live.Asset(user)
	if a == nil {
		return ""
	}
	for _, id := range export.References(a) {
		if id.Kind != "code" {
			continue
		}
		f.live.Get(f.ctx, id)
		if code := f.live.Asset(id); code != nil && code.Body.Get("hash_sha256").Str() == hash {
			return id.Name
		}
	}
	return ""
}

// Part implements resolve.Facts: the version of an inline asset that the live
// user refers to and that carries the digest of a.
func (f *liveFacts) Part(a *asset.Asset, user asset.ID) string {
	live := f.live.Asset(user)
	if live == nil {
		return ""
	}
	for _, id := range export.References(live) {
		if id.Kind != a.ID.Kind || id.Name != a.ID.Name {
			continue
		}
		f.live.Get(f.ctx, id)
		if got := f.live.Asset(id); got != nil && got.Stamps["content"] == resolve.ContentDigest(a) {
			return id.Version
		}
	}
	return ""
}
