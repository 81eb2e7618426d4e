package resolve

import (
	"cmp"
	"io"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// lift makes an asset of its own of an inline asset, whose inner sites are
// resolved already, and returns the reference to it. Without a name it is
// anonymous and named by its content, as the reference client names it; with
// a name it is registered under that name.
func (w *work) lift(t kind.Ref, s kind.Site) *asset.Value {
	variant := kind.PickVariant(t.To, s.Value)
	body := asset.NewMap().At(s.Value.Pos())
	for k, v := range s.Value.Entries() {
		if k != "name" && k != "version" && k != "type" {
			body.Set(k, v)
		}
	}
	a := &asset.Asset{ID: asset.ID{Kind: t.To, Name: s.Value.Get("name").Text(), Version: s.Value.Get("version").Text()}, Variant: variant.Name, Body: body, Pos: s.Value.Pos()}
	w.inspect(variant, body, s.Path)
	own := w.takeUploads(body)
	switch {
	case w.unknown != "":
		return s.Value
	case a.ID.Name == "" || !t.Named:
		a.Anonymous = true
		a.ID = kind.AnonymousID(a, uploadHash(own))
		w.given(a)
	case a.ID.Version == "":
		a.Auto = true
		version, why := w.version(a)
		if version == "" {
			w.unknown = why
			return s.Value
		}
		a.ID.Version = version
	}
	w.lifted(a, own)
	return asset.NewString(w.in.Scope.Refer(a.ID))
}

// given takes the version that the service gave to an inline asset, where what
// holds it is compared with what is live by more than a digest.
func (w *work) given(a *asset.Asset) {
	holder := kind.Of(w.asset.ID.Kind)
	if !kind.Of(a.ID.Kind).Renames || holder.Versioned || holder.Once {
		return
	}
	if version := w.in.Facts.Part(a, w.asset.ID); version != "" {
		a.ID.Version = version
	}
}

// part is an asset that was made of a part of another, with its uploads.
type part struct {
	asset   *asset.Asset
	uploads []Upload
}

// lifted keeps a part until it is known that the whole is wanted.
func (w *work) lifted(a *asset.Asset, uploads []Upload) {
	w.parts = append(w.parts, part{a, uploads})
}

// addPart wants a part. What stands in several places is one asset: that of
// the first place, in whatever order the assets come.
func (r *resolver) addPart(p part) {
	a, old := p.asset, r.want.Set.Get(p.asset.ID)
	again := old != nil && a.Anonymous && old.Anonymous
	if again && !before(a.Pos, old.Pos) {
		return
	}
	if old == nil || again {
		delete(r.want.Uploads, a.ID)
		if len(p.uploads) > 0 {
			r.want.Uploads[a.ID] = p.uploads
		}
	}
	if again {
		r.want.Set.Add(a)
		return
	}
	r.add(a)
}

func before(a, b problem.Pos) bool {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) < 0
}

func uploadHash(uploads []Upload) string {
	if len(uploads) == 0 {
		return ""
	}
	return uploads[0].Hash
}

// takeUploads moves the uploads whose address stands in body from the asset
// to the inline asset that is lifted out of it.
func (w *work) takeUploads(body *asset.Value) []Upload {
	held := map[string]bool{}
	texts(body, held)
	var own, rest []Upload
	for _, u := range w.uploads {
		if held[u.URI] {
			own = append(own, u)
		} else {
			rest = append(rest, u)
		}
	}
	w.uploads = rest
	return own
}

func texts(v *asset.Value, into map[string]bool) {
	if s := v.Str(); s != "" {
		into[s] = true
	}
	for _, item := range v.Items() {
		texts(item, into)
	}
}

func readAll(f content.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}
