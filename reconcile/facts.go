package reconcile

import (
	"context"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/resolve"
)

// facts answers resolve from what was read and from the journal. What was not
// read ahead is read now: slow, and right.
type facts struct {
	ctx   context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	scope kind.Scope
	live  Live
	owned map[asset.ID]plan.Owned
	names map[asset.ID][]*asset.Asset // versions that the journal knows
	full  bool
}

func newFacts(ctx context.Context, scope kind.Scope, live Live, owned map[asset.ID]plan.Owned, full bool) *facts {
	f := &facts{ctx: ctx, scope: scope, live: live, owned: owned, names: map[asset.ID][]*asset.Asset{}, full: full}
	for id, o := range owned {
		if t := kind.Of(id.Kind); t != nil && t.Versioned && o.Body != nil {
			a := remembered(o)
			f.names[id.Container()] = append(f.names[id.Container()], a)
		}
	}
	for _, list := range f.names {
		slices.SortFunc(list, func(a, b *asset.Asset) int { return b.ID.Compare(a.ID) })
	}
	return f
}

// remembered is an asset as the journal knows it.
func remembered(o plan.Owned) *asset.Asset {
	a := &asset.Asset{ID: o.ID, Variant: o.Variant, Body: o.Body, ARM: o.ARM}
	a.Stamps = map[string]string{"content": resolve.ContentDigest(a)}
	return a
}

// Exists implements resolve.Facts.
func (f *facts) Exists(id asset.ID) resolve.Status {
	if _, ok := f.owned[id]; ok && !f.full {
		return resolve.Present
	}
	if s := f.live.Status(id); s != resolve.Unknown {
		return s
	}
	t := kind.Of(id.Kind)
	switch {
	case t.Versioned && id.Version != "":
		f.live.List(f.ctx, id.Kind)
		if n, ok := f.live.Name(id); ok && n.Latest == id.Version {
			return resolve.Present
		}
		f.live.Get(f.ctx, id)
	case t.Parent != "":
		f.live.Contained(f.ctx, id.Kind, id.Parent)
	case t.Single():
		f.live.Get(f.ctx, id)
	default:
		f.live.List(f.ctx, id.Kind)
	}
	return f.live.Status(id)
}

// Latest implements resolve.Facts.
func (f *facts) Latest(container asset.ID) (string, resolve.Status) {
	f.live.List(f.ctx, container.Kind)
	n, ok := f.live.Name(container)
	switch {
	case ok && n.Latest != "":
		return n.Latest, resolve.Present
	case ok:
		return f.newest(container)
	case f.live.Complete(asset.ID{Kind: container.Kind, Name: container.Name}):
		return "", resolve.Absent
	}
	return "", resolve.Unknown
}

// newest is for names whose container does not say what is newest.
func (f *facts) newest(container asset.ID) (string, resolve.Status) {
	versions, s := f.Versions(container)
	if s != resolve.Present || len(versions) == 0 {
		return "", s
	}
	best := versions[0]
	for _, v := range versions {
		if v.ModifiedAt > best.ModifiedAt {
			best = v
		}
	}
	return best.ID.Version, resolve.Present
}

// remembered are the versions of a name that the journal knows.
func (f *facts) remembered(container asset.ID) []*asset.Asset {
	if f.full {
		return nil
	}
	return f.names[container]
}

// Versions implements resolve.Facts. The journal is not asked: it does not
// know the versions that another machine made, or a run that died.
func (f *facts) Versions(container asset.ID) ([]*asset.Asset, resolve.Status) {
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

// Next implements resolve.Facts.
func (f *facts) Next(container asset.ID) (string, resolve.Status) {
	f.live.List(f.ctx, container.Kind)
	n, ok := f.live.Name(container)
	switch {
	case ok && n.Next != "" && strings.Trim(n.Next, "0123456789") == "":
		return n.Next, resolve.Present
	case ok:
		return f.after(container)
	case f.live.Complete(asset.ID{Kind: container.Kind, Name: container.Name}):
		return "1", resolve.Absent
	}
	return "", resolve.Unknown
}

// after is one more than the highest whole number among the versions.
func (f *facts) after(container asset.ID) (string, resolve.Status) {
	f.live.Versions(f.ctx, container)
	if !f.live.Complete(asset.ID{Kind: container.Kind, Name: container.Name, Version: "?"}) {
		return "", resolve.Unknown
	}
	next := "1"
	for _, a := range f.live.Of(container) {
		if strings.Trim(a.ID.Version, "0123456789") == "" && asset.CompareVersions(a.ID.Version, next) >= 0 {
			next = resolve.Increment(a.ID.Version)
		}
	}
	return next, resolve.Present
}

// Asset implements resolve.Facts. The journal is not asked: it knows what was
// applied, not what the service made of it.
func (f *facts) Asset(id asset.ID) (*asset.Asset, resolve.Status) {
	s := f.Exists(id)
	if a := f.live.Asset(id); a != nil {
		return a, resolve.Present
	}
	switch t := kind.Of(id.Kind); {
	case t.Parent != "":
		f.live.Contained(f.ctx, id.Kind, id.Parent)
	case t.Versioned || t.Once:
		f.live.Get(f.ctx, id)
	default:
		f.live.List(f.ctx, id.Kind)
	}
	if a := f.live.Asset(id); a != nil {
		return a, resolve.Present
	}
	if s == resolve.Present {
		s = f.live.Status(id)
	}
	return nil, s
}

// Datastore implements resolve.Facts.
func (f *facts) Datastore(name string) (resolve.Datastore, resolve.Status) {
	a, s := f.Asset(asset.ID{Kind: "datastore", Name: name})
	if a == nil {
		return resolve.Datastore{}, s
	}
	return resolve.DatastoreOf(a), resolve.Present
}

// Code implements resolve.Facts: the name of code with the hash that user
// refers to already, if there is such code under another name than our own.
func (f *facts) Code(hash string, user asset.ID) string {
	own := resolve.CodeName(hash)
	live := f.user(user)
	if live == nil {
		return own
	}
	other := ""
	kind.Walk(live, func(s kind.Site) {
		l, ok := s.Type.(kind.Local)
		if !ok || l.What != kind.Code {
			return
		}
		if name, ok := codeName(s.Value.Str()); ok && name != own {
			other = name
		}
	})
	if other == "" {
		return own
	}
	name, err := f.live.Code(f.ctx, hash)
	if err != nil || name != other {
		return own
	}
	return name
}

// user is a live asset that may use code, as it was read or as the journal
// knows it. Named jobs are in no list that is read ahead: they are asked for.
func (f *facts) user(id asset.ID) *asset.Asset {
	if a := f.live.Asset(id); a != nil {
		return a
	}
	if o, ok := f.owned[id]; ok && !f.full && o.Body != nil {
		return remembered(o)
	}
	if t := kind.Of(id.Kind); t != nil && t.Once {
		f.Exists(id)
	}
	return f.live.Asset(id)
}

// Part implements resolve.Facts: the version of an inline asset that the live
// user refers to and that carries the digest of a.
func (f *facts) Part(a *asset.Asset, user asset.ID) string {
	live := f.live.Asset(user)
	if live == nil {
		return ""
	}
	digest := resolve.ContentDigest(a)
	version := ""
	for _, id := range plan.Needs(f.scope, live) {
		if id.Kind != a.ID.Kind || id.Name != a.ID.Name {
			continue
		}
		if f.live.Asset(id) == nil {
			f.live.Get(f.ctx, id)
		}
		if got := f.live.Asset(id); got != nil && got.Stamps["content"] == digest {
			version = id.Version
		}
	}
	return version
}

func codeName(ref string) (string, bool) {
	rest, ok := strings.CutPrefix(ref, "azureml:")
	if !ok {
		return "", false
	}
	if uri, ok := strings.CutPrefix(rest, "//registries/"); ok { // R/codes/NAME/versions/V
		if parts := strings.Split(uri, "/"); len(parts) > 2 {
			return parts[2], true
		}
	}
	name, _, _ := strings.Cut(rest, ":")
	return name, true
}
