package export

import (
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// writer makes the written form of one asset.
type writer struct {
	*exporter
	asset *asset.Asset
	// file is the path of the asset's file.
	file string
	// lone says that no other version of the name is exported.
	lone bool
	// beside are the files that the asset names.
	beside []File
}

// body is the written form of the live asset.
func (w *writer) body() *asset.Value {
	v := kind.VariantOf(w.asset)
	return tidy(v, kind.RewriteBody(v, required(v, w.asset.Body), w.site), w.opt.Scope)
}

// required adds what a file must hold and the service never gives back: names of
// secrets stand for it.
func required(v *kind.Variant, body *asset.Value) *asset.Value {
	return secretRows(kind.Object{Fields: v.AllFields()}, body)
}

func secretRows(t kind.Type, v *asset.Value) *asset.Value {
	parent, ok := t.(kind.Parent)
	if !ok {
		return v
	}
	out := v
	parent.Children(v, func(c kind.Child) {
		if got := secretRows(c.Type, c.Value); got != c.Value {
			if c.Key == "" {
				out = got
				return
			}
			out = parent.With(out, c.Key, got)
		}
	})
	o, ok := t.(kind.Object)
	if !ok || v.Type() != asset.Map {
		return out
	}
	for _, f := range o.Fields {
		if (f.Secret || f.Hidden) && f.Required && v.Get(f.YAML).IsNull() {
			if out == v {
				out = v.Clone()
			}
			out.Set(f.YAML, asset.NewString("${{ secret."+f.YAML+" }}"))
		}
	}
	return out
}

// site writes one reference, address or secret.
func (w *writer) site(s kind.Site) *asset.Value {
	switch t := s.Type.(type) {
	case kind.Ref:
		return w.ref(t, s)
	case kind.Local:
		if t.What == kind.Document {
			return w.document(s.Value)
		}
		if at, ok := w.opt.Local[s.Value.Str()]; ok {
			if rel := w.relative(at); !t.IsRemote(rel) {
				return asset.NewString(rel)
			}
		}
		return s.Value
	}
	if _, ok := kind.SecretName(s.Value); ok {
		return asset.NewString("${{ secret." + w.secrets[secretKey(w.asset.ID, s)] + " }}")
	}
	return s.Value
}

// ref puts an anonymous environment in the place where it is used, which is
// how it was written. If the result would not get the same name, the
// reference stays.
func (w *writer) ref(t kind.Ref, s kind.Site) *asset.Value {
	id, ok := referred(w.asset, s)
	if !ok || !t.Inline || kind.Of(t.To).Anonymous != id.Name || id.Name == "" {
		return s.Value
	}
	env := w.live.Get(id)
	if env == nil {
		return s.Value
	}
	v := kind.VariantOf(env)
	inline := asset.NewMap()
	for _, f := range v.AllFields() {
		if kind.Fixed(f) && !env.Body.Get(f.YAML).IsNull() {
			inline.Set(f.YAML, env.Body.Get(f.YAML))
		}
	}
	inline = rows(v.AllFields(), inline)
	if kind.AnonymousID(&asset.Asset{ID: asset.ID{Kind: id.Kind}, Variant: env.Variant, Body: inline}, "") != id {
		return s.Value
	}
	return kind.RewriteBody(v, inline, w.site)
}

// document puts a document into a file beside that of the asset. It stays
// where it is if a reader would take the file for an asset.
func (w *writer) document(doc *asset.Value) *asset.Value {
	text := kind.DumpYAML(doc)
	if !w.readsBack(text, doc) {
		return doc
	}
	stem := strings.TrimSuffix(path.Base(w.file), path.Ext(w.file))
	names := []string{"conda.yml", stem + ".conda.yml", stem + ".conda_file.yml"}
	if !kind.Of(w.asset.ID.Kind).Versioned || !w.lone {
		names = names[1:]
	}
	for _, name := range names {
		at := path.Join(path.Dir(w.file), name)
		if w.reserve(at, text) {
			w.beside = append(w.beside, File{at, []byte(text)})
			return asset.NewString(name)
		}
	}
	return doc
}

// relative is a path below the root as the asset's file names it.
func (w *writer) relative(at string) string {
	dir := path.Dir(w.file)
	up := ""
	for dir != "." && !strings.HasPrefix(at, dir+"/") {
		dir = path.Dir(dir)
		up += "../"
	}
	if dir != "." {
		at = strings.TrimPrefix(at, dir+"/")
	}
	if up == "" {
		up = "./"
	}
	return up + at
}
