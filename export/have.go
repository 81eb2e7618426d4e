package export

import (
	"fmt"
	"io/fs"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// held is a tree by identity. A nil one holds nothing.
type held struct {
	*Have
	byID  map[asset.ID]*heldAsset
	autos map[asset.ID]*heldAsset // by name, of assets whose file gives no version
	// inside are the files of the assets that are written inside others.
	inside map[asset.ID]string
}

// heldAsset is an asset of the tree.
type heldAsset struct {
	file *tree.File
	// written is what the file says, want what it means in the workspace.
	written, want *asset.Asset
}

func newHeld(have *Have) *held {
	if have == nil {
		return nil
	}
	h := &held{Have: have, byID: map[asset.ID]*heldAsset{}, autos: map[asset.ID]*heldAsset{}, inside: map[asset.ID]string{}}
	byPos := map[problem.Pos]*asset.Asset{}
	for _, a := range have.Want.All() {
		if !a.Anonymous && !a.Pos.IsZero() {
			byPos[a.Pos] = a
		}
	}
	for _, f := range have.Tree.Files {
		for _, a := range f.Assets {
			x := &heldAsset{file: f, written: a, want: byPos[a.Pos]}
			if x.want != nil && x.want.ID.Kind != a.ID.Kind {
				x.want = nil
			}
			switch {
			case x.want != nil:
				h.byID[x.want.ID] = x
			case !a.Auto:
				h.byID[a.ID] = x
			}
			if a.Auto {
				h.autos[a.ID.Container()] = x
			}
		}
	}
	for _, a := range byPos {
		if h.byID[a.ID] == nil {
			h.inside[a.ID] = a.Pos.File
		}
	}
	return h
}

// find is the asset of the tree that a live one is. why is set if a live
// asset has no place in the tree although the tree does not hold it.
func (h *held) find(id asset.ID) (x *heldAsset, why string) {
	if h == nil {
		return nil, ""
	}
	if x := h.byID[id]; x != nil {
		return x, ""
	}
	if file, ok := h.inside[id]; ok {
		return nil, "it is written inside another asset, in " + file
	}
	if x := h.autos[id.Container()]; x != nil && kind.Of(id.Kind).Versioned {
		return nil, x.file.Path + " leaves the versions of this name to mlsync"
	}
	return nil, ""
}

func (h *held) read(name string) ([]byte, error) {
	if h == nil {
		return nil, fs.ErrNotExist
	}
	return fs.ReadFile(h.FS, name)
}

// exists reports whether something else is at a path. A link is left to the
// writer of files, who refuses it.
func (h *held) exists(name string) bool {
	if h == nil {
		return false
	}
	info, err := fs.Lstat(h.FS, name)
	return err == nil && info.Mode()&fs.ModeSymlink == 0
}

// update brings the file of an asset to what is live. Fields that the file
// does not mention are not its business, and stay unsaid.
func (e *exporter) update(a *asset.Asset, x *heldAsset) {
	if x.want == nil {
		e.leave(a.ID, x.file.Path+" holds it, and could not be compared")
		return
	}
	v := kind.VariantOf(a)
	if kind.Of(a.ID.Kind).Once || x.want.Variant == a.Variant && kind.Same(v, x.want.Body, a.Body) {
		e.same(a, x)
		return
	}
	if x.file.Preview {
		e.leave(a.ID, x.file.Path+" differs and is of the 2020 preview: run mlsync fmt --upgrade")
		return
	}
	w := &writer{exporter: e, asset: a, file: x.file.Path, lone: true}
	next := *x.written
	next.Variant = a.Variant
	next.Body = w.body()
	if x.want.Variant == a.Variant {
		next.Body = merge(v.AllFields(), x.written.Body, x.want.Body, a.Body, next.Body)
	}
	data, err := e.current(x.file.Path)
	if err == nil {
		data, err = tree.UpdateWith(data, &next, e.have.Vars)
	}
	if err != nil {
		e.leave(a.ID, fmt.Sprintf("%s differs, and cannot be changed: %v", x.file.Path, err))
		return
	}
	e.changed[x.file.Path] = data
	e.result.Files = append(e.result.Files, used(w.beside, next.Body)...)
	next.ID = a.ID
	e.done(&next)
}

// current is a file of the tree with the changes so far.
func (e *exporter) current(name string) ([]byte, error) {
	if data, ok := e.changed[name]; ok {
		return data, nil
	}
	return e.have.read(name)
}

// same keeps the file of an asset as it is.
func (e *exporter) same(a *asset.Asset, x *heldAsset) {
	e.result.Same = append(e.result.Same, x.file.Path)
	written := *x.written
	written.ID = a.ID
	e.done(&written)
}

// merge is written in which the fields that it mentions and that mean
// something else than live are as in fresh, the written form of live.
func merge(rows []kind.Field, written, want, live, fresh *asset.Value) *asset.Value {
	out := written.Clone()
	for _, f := range rows {
		w := want.Get(f.YAML)
		if !written.Has(f.YAML) || w.IsNull() || f.Secret || f.ReadOnly || kind.SameValue(f.As, w, live.Get(f.YAML)) {
			continue
		}
		got := changed(f, written.Get(f.YAML), w, live.Get(f.YAML), fresh.Get(f.YAML))
		if got.IsNull() {
			out.Delete(f.YAML)
			continue
		}
		out.Set(f.YAML, got)
	}
	return out
}

// changed is the new value of one field.
func changed(f kind.Field, written, want, live, fresh *asset.Value) *asset.Value {
	if fresh.IsNull() {
		// Left out as what the service fills in; here it must be said,
		// because the file says something else.
		fresh = live
	}
	if o, ok := f.As.(kind.Object); ok && written.Type() == asset.Map && want.Type() == asset.Map && live.Type() == asset.Map {
		if fresh.Type() != asset.Map {
			fresh = live
		}
		return merge(o.Fields, written, want, live, fresh)
	}
	if m, ok := f.As.(kind.Map); ok && m.Owned && written.Type() == asset.Map {
		out := written.Clone()
		for _, k := range written.Keys() {
			if kind.SameValue(m.Of, want.Get(k), live.Get(k)) {
				continue
			}
			if live.Has(k) {
				out.Set(k, live.Get(k))
			} else {
				out.Delete(k)
			}
		}
		return out
	}
	return keepSecrets(fresh, written)
}

// keepSecrets is fresh with the names that the file has for secrets.
func keepSecrets(fresh, written *asset.Value) *asset.Value {
	if fresh.Type() != asset.Map || written.Type() != asset.Map {
		return fresh
	}
	out := asset.NewMap()
	for k, v := range fresh.Entries() {
		if _, ok := kind.SecretName(written.Get(k)); ok {
			v = written.Get(k)
		}
		out.Set(k, v)
	}
	return out
}

// used are the files that a body still names.
func used(files []File, body *asset.Value) []File {
	var out []File
	for _, f := range files {
		if names(body, f) {
			out = append(out, f)
		}
	}
	return out
}

func names(v *asset.Value, f File) bool {
	if s := v.Str(); s != "" && (f.Path == s || len(f.Path) > len(s) && f.Path[len(f.Path)-len(s)-1:] == "/"+s) {
		return true
	}
	for _, item := range v.Items() {
		if names(item, f) {
			return true
		}
	}
	return false
}
