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
	own, moved := w.takeContent(body)
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
	w.parts = append(w.parts, part{a, own, moved})
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

// part is an asset that was made of a part of another, with its content. It is
// kept until it is known that the whole is wanted.
type part struct {
	asset   *asset.Asset
	uploads []Upload
	copies  []Copy
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
		delete(r.want.Copies, a.ID)
		r.content(a.ID, p.uploads, p.copies)
	}
	if again {
		r.want.Set.Add(a)
		return
	}
	r.add(a)
}

// content notes what an asset needs in storage.
func (r *resolver) content(id asset.ID, uploads []Upload, copies []Copy) {
	if len(uploads) > 0 {
		r.want.Uploads[id] = uploads
	}
	if len(copies) > 0 {
		r.want.Copies[id] = copies
	}
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

// takeContent moves the uploads and copies whose address stands in body from
// the asset to the inline asset that is lifted out of it.
func (w *work) takeContent(body *asset.Value) (uploads []Upload, copies []Copy) {
	held := map[string]bool{}
	texts(body, held)
	uploads, w.uploads = split(w.uploads, func(u Upload) bool { return held[u.URI] })
	copies, w.copies = split(w.copies, func(c Copy) bool { return held[c.URI] })
	return uploads, copies
}

func split[T any](list []T, mine func(T) bool) (own, rest []T) {
	for _, item := range list {
		if mine(item) {
			own = append(own, item)
		} else {
			rest = append(rest, item)
		}
	}
	return own, rest
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
