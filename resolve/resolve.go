package resolve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// Resolve returns the wanted assets in resolved form. With errors among the
// problems, the result is for looking at and not for applying.
func Resolve(ctx context.Context, in Input) (*Want, problem.List) {
	r := &resolver{
		ctx: ctx, in: in, byContainer: map[asset.ID][]*asset.Asset{}, done: map[*asset.Asset]*asset.Asset{}, active: map[*asset.Asset]bool{},
		opened: map[string]*hashed{}, holds: map[*kind.Variant]bool{},
		want: &Want{Set: &asset.Set{}, Uploads: map[asset.ID][]Upload{}, Copies: map[asset.ID][]Copy{}, Unresolved: map[asset.ID]string{}},
	}
	for _, a := range in.Assets {
		c := a.ID.Container()
		r.byContainer[c] = append(r.byContainer[c], a)
	}
	for _, a := range in.Assets {
		if ctx.Err() != nil {
			break
		}
		r.asset(a)
	}
	return r.want, r.problems.Sorted()
}

type resolver struct {
	ctx         context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	in          Input
	byContainer map[asset.ID][]*asset.Asset
	done        map[*asset.Asset]*asset.Asset
	active      map[*asset.Asset]bool
	opened      map[string]*hashed
	holds       map[*kind.Variant]bool // variants whose assets may hold others
	named       map[string]Source      // see codes
	included    int                    // files that assets were put together of
	want        *Want
	problems    problem.List
}

// asset resolves one asset of the tree and puts it into the result. It
// returns nil if the asset cannot be resolved.
func (r *resolver) asset(a *asset.Asset) *asset.Asset {
	if got, ok := r.done[a]; ok {
		return got
	}
	if r.active[a] {
		r.problems.Hintf(a.Pos, "cycle", "break the circle of references", "%s refers to itself through other assets", a.ID)
		return nil
	}
	r.active[a] = true
	defer delete(r.active, a)
	got := r.resolve(a)
	r.done[a] = got
	if got != nil {
		r.add(got)
	}
	return got
}

func (r *resolver) resolve(a *asset.Asset) *asset.Asset {
	w := &work{resolver: r, asset: a}
	out, variant := *a, kind.VariantOf(a)
	out.Body = kind.RewriteBody(variant, w.include(variant, w.complete(), nil), w.site)
	w.inspect(variant, out.Body, nil)
	t := kind.Of(a.ID.Kind)
	switch {
	case w.unknown != "":
		r.want.Unresolved[a.ID] = w.unknown
		return nil
	case t.Once && a.Auto:
		out.ID.Name += "-" + Digest(&out)[:12]
	case t.Versioned && a.Auto:
		version, why := r.version(&out)
		if version == "" {
			r.want.Unresolved[a.ID] = why
			return nil
		}
		out.ID.Version = version
	}
	for _, p := range w.parts {
		r.addPart(p)
	}
	r.content(out.ID, w.uploads, w.copies)
	return &out
}

func (r *resolver) add(a *asset.Asset) {
	if old := r.want.Set.Get(a.ID); old != nil {
		if !a.Anonymous && !old.Pos.IsZero() && old.Pos != a.Pos {
			r.problems.Hintf(a.Pos, "duplicate", "remove one of them", "%s is already defined at %s", a.ID, old.Pos)
		}
		return
	}
	r.want.Set.Add(a)
	r.want.Order = append(r.want.Order, a.ID)
}

// version gives a version to an asset that leaves it to mlsync: that of the
// live version with the same content, else the next.
func (r *resolver) version(a *asset.Asset) (version, why string) {
	c := a.ID.Container()
	if r.in.Remembered != nil {
		if version = equal(a, r.in.Remembered(c)); version != "" {
			return version, ""
		}
	}
	live, s := r.in.Facts.Versions(c)
	if s == Unknown {
		return "", "the versions of " + c.String() + " could not be read"
	}
	if version = equal(a, live); version != "" {
		return version, ""
	}
	next, s := r.in.Facts.Next(c)
	if s == Unknown {
		return "", "the next version of " + c.String() + " could not be read"
	}
	if next == "" {
		next = "1"
	}
	return r.free(c, next), ""
}

// equal is the first of the versions that has the content of a: by its stamp
// or, if none has that, by itself. It is "" if there is none.
func equal(a *asset.Asset, versions []*asset.Asset) string {
	digest := ContentDigest(a)
	for _, l := range versions {
		if l.Stamps["content"] == digest {
			return l.ID.Version
		}
	}
	for _, l := range versions {
		if l.Variant == a.Variant && l.Stamps["content"] == "" && sameContent(a, l) {
			return l.ID.Version
		}
	}
	return ""
}

// free is version, or a later one if the tree itself takes it.
func (r *resolver) free(c asset.ID, version string) string {
	for _, other := range r.byContainer[c] {
		if !other.Auto && other.ID.Version == version {
			return r.free(c, Increment(version))
		}
	}
	return version
}

// Increment is the version after version: its last number plus one.
func Increment(version string) string {
	digits := []byte(version)
	for i := len(digits) - 1; i >= 0; i-- {
		switch {
		case digits[i] < '0' || digits[i] > '9':
			return version + ".1"
		case digits[i] < '9':
			digits[i]++
			return string(digits)
		}
		digits[i] = '0'
	}
	return "1" + string(digits)
}

// sameContent reports whether a live version has the content of a: all fields
// that are fixed with a version.
func sameContent(a, live *asset.Asset) bool {
	v := kind.VariantOf(a)
	return kind.Same(v, kind.FixedPart(a), kind.FixedPart(live))
}

// ContentDigest is the digest of what is fixed with a version: the value of
// the stamp mlsync-content. It is 32 hexadecimal digits.
func ContentDigest(a *asset.Asset) string { return digest(a, kind.FixedPart(a)) }

// Digest is the digest of the whole resolved content, 32 hexadecimal digits.
func Digest(a *asset.Asset) string { return digest(a, a.Body) }

func digest(a *asset.Asset, body *asset.Value) string {
	h := sha256.New()
	h.Write([]byte(string(a.ID.Kind) + "\x00" + a.Variant + "\x00"))
	h.Write(body.Canonical())
	return hex.EncodeToString(h.Sum(nil)[:16])
}
