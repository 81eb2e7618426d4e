package main

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/internal/bridge"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
)

// side is one end of a promotion: a target, its tree and its workspace, which
// is only read.
type side struct {
	*session
	ctx   context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	fsys  fs.FS
	live  *bridge.Live
	facts *liveFacts
	prep  *reconcile.Prepared
	bytes map[promote.Place]bytesAt
}

type bytesAt struct {
	promote.Digested
	err error
}

// openSide opens a target by its name.
func (a *app) openSide(ctx context.Context, f targetFlags, name string) (*side, error) {
	of := *a
	of.flags.target = name
	s, err := of.open(ctx, f)
	if err != nil {
		return nil, err
	}
	return s.side(ctx), nil
}

// side is the session as one end of a promotion.
func (s *session) side(ctx context.Context) *side {
	x := &side{session: s, ctx: ctx, fsys: s.files.FS(), bytes: map[promote.Place]bytesAt{}}
	x.live = bridge.NewLive(s.client, s.ws)
	x.facts = &liveFacts{ctx, x.live}
	return x
}

// plan compares the whole tree with the workspace. Problems of the tree are an
// error.
func (x *side) plan() error {
	p := x.pass(func(reconcile.Event) {})
	p.Review = nil // the policies are asked about the tree as it will be
	c := x.commit(x.ctx)
	c.FS = x.fsys
	prep, err := p.Prepare(x.ctx, c, plan.Options{Full: true}, reconcile.Trigger{Name: "promote"})
	if err != nil {
		return err
	}
	x.prep = prep
	// That the target is at a release that was rolled back is what a promotion
	// or a rollback mends.
	return slices.DeleteFunc(slices.Clone(prep.Plan.Problems), func(p problem.Problem) bool { return p.Code == promote.CodePins }).Err()
}

// look answers what is live, for the source.
func (x *side) look() promote.Look {
	return promote.Look{Asset: x.found, Contained: x.contained}
}

func (x *side) found(id asset.ID) promote.Found {
	a, status := x.facts.Asset(id)
	if a == nil && status == resolve.Present { // a list showed it, and no more
		x.live.Get(x.ctx, id)
		a, status = x.live.Asset(id), x.live.Status(id)
	}
	switch {
	case status == resolve.Unknown || a == nil && status == resolve.Present:
		return promote.Found{Unknown: x.why(id)}
	case a == nil:
		return promote.Found{}
	case id.Kind == "code":
		return promote.Found{Asset: a}
	}
	x.parts(a)
	return promote.Found{Asset: export.Written(x.live.Set(), a, x.ws.Scope()), Stamps: a.Stamps}
}

// parts reads the anonymous assets that a live one holds, and those within.
func (x *side) parts(a *asset.Asset) {
	for _, id := range export.References(a) {
		if t := kind.Of(id.Kind); t.Anonymous != "" && id.Name == t.Anonymous && x.live.Asset(id) == nil {
			x.live.Get(x.ctx, id)
			if part := x.live.Asset(id); part != nil {
				x.parts(part)
			}
		}
	}
}

// why says why an asset is not known.
func (x *side) why(id asset.ID) string {
	if err := x.live.Problem(id); err != nil {
		return err.Error()
	}
	for _, text := range x.live.Failures() {
		return text
	}
	return "it could not be read"
}

func (x *side) contained(id asset.ID) (ids []asset.ID, unknown string) {
	for _, t := range kind.All() {
		if t.Parent != id.Kind {
			continue
		}
		x.live.Contained(x.ctx, t.Kind, id.Name)
		any := asset.ID{Kind: t.Kind, Parent: id.Name, Name: "?"}
		if !x.live.Complete(any) && !x.live.Absent(id) {
			return nil, x.why(any)
		}
		for _, a := range x.live.Set().All() {
			if a.ID.Kind == t.Kind && a.ID.Parent == id.Name {
				ids = append(ids, a.ID)
			}
		}
	}
	return ids, ""
}

// digest reads the bytes at a place of the workspace, once.
func (x *side) digest(p promote.Place) (promote.Digested, error) {
	if got, ok := x.bytes[p]; ok {
		return got.Digested, got.err
	}
	at := azureml.Place{Datastore: p.Datastore, Path: p.Path, URL: azureml.Unsigned(p.URL)}
	x.say("reading %s", printable(at.String()))
	c, err := x.client.Storage(x.ws.Scope().WorkspaceID()).Fingerprint(x.ctx, at, nil)
	got := bytesAt{promote.Digested{Object: c.Object, Code: c.Code, Listing: c.Listing, Dir: c.Dir, Files: c.Files, Bytes: c.Bytes}, err}
	x.bytes[p] = got
	return got.Digested, got.err
}

// contents are the hashes of what a live asset in written form names. With
// addressed, the hash in the address of an upload is taken for that of its
// bytes.
func (x *side) contents(a *asset.Asset, addressed bool) (promote.Contents, error) {
	out := promote.Contents{}
	for _, p := range promote.Places(a) {
		if h := promote.AddressedHash(p.At.Path + p.At.URL); addressed && h != "" {
			out[p.Field] = h
			continue
		}
		d, err := x.digest(p.At)
		if err != nil {
			return nil, fmt.Errorf("%s: the content of %s: %w", a.ID, p.Field, err)
		}
		out[p.Field] = d.Object
	}
	for field, id := range promote.Codes(a) {
		code, status := x.facts.Asset(id)
		if code == nil {
			if status == resolve.Absent {
				continue // then it differs
			}
			return nil, fmt.Errorf("%s: %s", id, x.why(id))
		}
		if addressed {
			out[field] = code.Body.Get("hash_sha256").Str()
			continue
		}
		d, err := x.digest(promote.Place{URL: code.Body.Get("path").Str()})
		if err != nil {
			return nil, fmt.Errorf("%s: the content of %s: %w", a.ID, field, err)
		}
		out[field] = d.Code
	}
	return out, nil
}

// assetID reads an asset of the command line. A version that is not given is
// that of the tree, if that was compared, else the one that was made last.
func (x *side) assetID(text string) (asset.ID, error) {
	id, err := asset.ParseID(text)
	if err != nil {
		return id, err
	}
	t := kind.Of(id.Kind)
	if t == nil {
		return id, unknownName("kind", string(id.Kind), kindNames())
	}
	if t.Parent != "" && id.Parent == "" {
		return id, fmt.Errorf("%s: write %s/%s/NAME", text, t.Kind, strings.ToUpper(string(t.Parent)))
	}
	if !t.Versioned || id.Version != "" {
		return id, nil
	}
	var wanted []*asset.Asset
	if x.prep != nil {
		wanted = x.prep.Want.Set.All()
	}
	for _, a := range wanted {
		if a.ID.Container() == id.Container() && !a.Anonymous && (id.Version == "" || asset.CompareVersions(a.ID.Version, id.Version) > 0) {
			id.Version = a.ID.Version
		}
	}
	if id.Version != "" {
		return id, nil
	}
	version, status := x.facts.Latest(id)
	switch {
	case status == resolve.Unknown:
		return id, fmt.Errorf("%s: which version is the last is not known: %s", text, x.why(id))
	case version == "":
		return id, fmt.Errorf("%s is not in target %s", text, x.target.Name)
	}
	id.Version = version
	return id, nil
}
