package main

import (
	"fmt"
	"io/fs"
	"path"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/export"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

// have answers what the target has: in its tree, else live.
func (x *side) have(id asset.ID) promote.Had {
	if want := x.prep.Want.Set.Get(id); want != nil {
		return x.wanted(want)
	}
	for unresolved, why := range x.prep.Want.Unresolved {
		if unresolved.Container() == id.Container() {
			return promote.Had{Unknown: why}
		}
	}
	got := x.found(id)
	if got.Asset == nil {
		return promote.Had{Unknown: got.Unknown}
	}
	contents, err := x.contents(got.Asset, true)
	if err != nil {
		return promote.Had{Unknown: err.Error()}
	}
	return promote.Had{Asset: got.Asset, Contents: contents}
}

// wanted is an asset of the target's tree.
func (x *side) wanted(want *asset.Asset) promote.Had {
	h := promote.Had{Tree: assetOf(x.prep.Tree, want), Contents: promote.Contents{}}
	h.Asset = export.Written(x.prep.Want.Set, want, x.ws.Scope())
	if h.Tree != nil {
		h.File = h.Tree.Pos.File
		h.Alone = x.alone(h.File)
	}
	for _, p := range promote.Places(h.Asset) {
		if hash := promote.AddressedHash(p.At.Path + p.At.URL); hash != "" {
			h.Contents[p.Field] = hash
			continue
		}
		d, err := x.digest(p.At)
		if err != nil {
			return promote.Had{Unknown: err.Error()}
		}
		h.Contents[p.Field] = d.Object
	}
	for field, id := range promote.Codes(h.Asset) {
		code := x.prep.Want.Set.Get(id)
		if code == nil {
			code, _ = x.facts.Asset(id)
		}
		switch {
		case code != nil:
			h.Contents[field] = code.Body.Get("hash_sha256").Str()
		default:
			h.Contents[field] = x.codeHash(id)
		}
	}
	return h
}

// codeHash is the hash of code that a release has the name of.
func (x *side) codeHash(id asset.ID) string {
	store := releases{x.fsys}
	names, _ := store.names()
	for _, name := range names {
		r, _ := store.read(name)
		if r == nil {
			continue
		}
		for _, a := range r.Assets {
			for _, c := range a.Content {
				if c.Code && kind.CodeName(c.Hash) == id.Name {
					return c.Hash
				}
			}
		}
	}
	return ""
}

// alone reports whether a file holds one document.
func (x *side) alone(file string) bool {
	data, err := fs.ReadFile(x.fsys, file)
	if err != nil {
		return false
	}
	docs, _ := tree.Parse(data, file, tree.ParseOptions{})
	return len(docs) == 1
}

// newest is the highest version of a name that the target has.
func (x *side) newest(container asset.ID) promote.Had {
	var best *asset.Asset
	for _, a := range x.prep.Want.Set.All() {
		if a.ID.Container() == container && !a.Anonymous && (best == nil || asset.CompareVersions(best.ID.Version, a.ID.Version) < 0) {
			best = a
		}
	}
	if best != nil {
		return x.wanted(best)
	}
	version, status := x.facts.Latest(container)
	switch {
	case status == resolve.Unknown:
		return promote.Had{Unknown: x.why(container)}
	case version == "":
		return promote.Had{}
	}
	container.Version = version
	got := x.found(container)
	return promote.Had{Asset: got.Asset, Unknown: got.Unknown}
}

// asTarget is what package promote must know of the side; the error says why
// that is not known.
func (x *side) asTarget() (*promote.Target, error) {
	t := &promote.Target{
		Name: x.target.Name, Scope: x.ws.Scope(), Have: x.have, Newest: x.newest,
		Read: func(file string) ([]byte, bool) {
			data, err := fs.ReadFile(x.fsys, file)
			return data, err == nil
		},
	}
	if n := len(x.target.Overlays); n > 0 {
		t.Overlay = path.Clean(x.target.Overlays[n-1])
		pins, err := readPins(x.fsys, t.Overlay)
		if err != nil {
			return nil, err
		}
		t.Pins = pins
	}
	if x.ws.Scope().Registry != "" {
		return t, nil
	}
	d, status := x.facts.Datastore(resolve.DefaultDatastore)
	if status == resolve.Unknown {
		return nil, fmt.Errorf("the datastore %s of target %s could not be read: %s", resolve.DefaultDatastore, t.Name, x.why(asset.ID{Kind: "datastore", Name: resolve.DefaultDatastore}))
	}
	t.Context = d.Protocol + "://" + d.Account + ".blob." + d.Endpoint + "/" + d.Container + "/"
	return t, nil
}
