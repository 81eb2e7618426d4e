package promote

import (
	"fmt"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// body is the pinned body: that of the release in the target's terms, with the
// fields that are the target's own.
func (p *planner) body(a *Asset, want *asset.Asset, own Had) *asset.Value {
	v := kind.VariantOf(want)
	body := kind.WithoutStays(v, kind.RewriteBody(v, want.Body, func(s kind.Site) *asset.Value { return p.site(a, want, s) }))
	var mine []string // what the target has fields of: the asset, its steps
	if from := own.own(); from != nil {
		for _, s := range kind.Stays(v, from.Body) {
			mine = append(mine, strings.Join(s.Of(), "."))
			next, ok := s.Put(body)
			if body = next; ok {
				p.keep(a.ID, s, "target", "")
			}
		}
	}
	for _, s := range kind.Stays(v, want.Body) {
		if own.own() != nil && (len(s.Of()) == 0 || slices.Contains(mine, strings.Join(s.Of(), ".")) || own.own().Body.GetPath(s.Of()...) != nil) {
			continue // the target has its own, or has chosen to have none
		}
		s.Value = p.fits(a.ID, s)
		if s.Value == nil {
			continue
		}
		next, ok := s.Put(body)
		if body = next; ok {
			p.keep(a.ID, s, "source", "")
		}
	}
	out := *want
	out.Body = body
	p.needs(&out)
	return body
}

func (p *planner) keep(id asset.ID, s kind.Stay, from, left string) {
	p.out.Kept = append(p.out.Kept, Kept{ID: id, Field: strings.Join(s.Path, "."), Value: s.Value, From: from, Left: left})
}

// fits is a value of the source for a field that the target has nothing for:
// nil if it names assets that the target will not have, such as deployments
// that get traffic.
func (p *planner) fits(id asset.ID, s kind.Stay) *asset.Value {
	if m, ok := s.Field.As.(kind.Map); ok && s.Field.Late && m.Of != nil {
		for name := range s.Value.Entries() {
			if !p.contains(id, name) {
				p.keep(id, s, "source", "it names "+name+", which target "+p.target.Name+" does not have")
				return nil
			}
		}
		return s.Value
	}
	one := &asset.Asset{ID: id, Variant: p.release.Get(id).Written().Variant}
	one.Body, _ = s.Put(p.release.Get(id).Written().Body)
	for _, l := range links(one) {
		if !strings.HasPrefix(l.site.Dotted()+".", strings.Join(s.Path, ".")+".") || l.to.IsZero() || !kind.Of(l.to.Kind).Promotable {
			continue
		}
		if p.release.Get(l.to) == nil && !p.has(l.to) {
			p.keep(id, s, "source", "it names "+l.to.String()+", which target "+p.target.Name+" does not have")
			return nil
		}
	}
	return s.Value
}

// contains reports whether the target will have an asset of the name in id.
func (p *planner) contains(id asset.ID, name string) bool {
	for _, t := range kind.All() {
		if t.Parent != id.Kind {
			continue
		}
		part := asset.ID{Kind: t.Kind, Parent: id.Name, Name: name}
		if p.release.Get(part) != nil || p.has(part) {
			return true
		}
	}
	return false
}

// needs blocks an asset of which the target lacks what is its own.
func (p *planner) needs(a *asset.Asset) {
	if p.target.Scope.Registry != "" {
		return
	}
	seen := map[asset.ID]bool{}
	for _, l := range links(a) {
		id := l.to
		if l.store != "" {
			id = asset.ID{Kind: "datastore", Name: l.store}
		}
		if id.IsZero() || l.code || kind.Of(id.Kind).Promotable || seen[id] {
			continue
		}
		seen[id] = true
		if !p.has(id) {
			p.block(a.ID, "add it to the target, or change "+l.site.Dotted()+" there", "it needs %s (%s), which is neither in the tree of target %s nor live there", id, l.site.Dotted(), p.target.Name)
		}
	}
}

// has reports whether the target has an asset. What nobody knows ends the
// promotion, whatever the answer is.
func (p *planner) has(id asset.ID) bool {
	had := p.target.Have(id)
	if had.Unknown != "" {
		p.unread = append(p.unread, fmt.Sprintf("%s in target %s: %s", id, p.target.Name, had.Unknown))
		return true
	}
	return had.Asset != nil
}
