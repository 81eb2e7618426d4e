package tree

import (
	"slices"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// schemaBase is where the service publishes the schemas of its YAML files.
const schemaBase = "https://azuremlschemas.azureedge.net/latest/"

// Write is the canonical file of an asset: $schema and type where the kind
// has them, name, version and endpoint, then the fields in the order of the
// kind's table and free keys by the alphabet. Same asset, same bytes. Read
// gives the asset back.
func Write(a *asset.Asset) []byte { return emit(Document(a)) }

// Document is the written form of an asset, in the order of Write.
func Document(a *asset.Asset) *asset.Value {
	v := kind.VariantOf(a)
	t := v.Table()
	doc := asset.NewMap()
	if len(v.Schemas) > 0 {
		doc.Set("$schema", asset.NewString(schemaBase+v.Schemas[0]+".schema.json"))
	}
	if len(v.Types) > 0 {
		doc.Set("type", asset.NewString(v.Types[0]))
	}
	if !t.Once || !a.Auto {
		doc.Set("name", asset.NewString(a.ID.Name))
	}
	if t.Versioned && a.ID.Version != "" && !a.Auto {
		doc.Set("version", asset.NewString(a.ID.Version))
	}
	if t.Parent != "" {
		doc.Set(t.ParentKey, asset.NewString(a.ID.Parent))
	}
	for k, item := range ordered(kind.Object{Fields: v.AllFields()}, a.Body).Entries() {
		if !doc.Has(k) {
			doc.Set(k, item)
		}
	}
	return doc
}

// ordered is v with the keys of each map in the order of the rows or, where
// there are none, of the alphabet.
func ordered(t kind.Type, v *asset.Value) *asset.Value {
	parent, _ := t.(kind.Parent)
	parts := map[string]kind.Child{}
	var order []string
	if parent != nil {
		var same kind.Type
		parent.Children(v, func(c kind.Child) {
			if c.Key == "" {
				same = c.Type
				return
			}
			parts[c.Key] = c
			order = append(order, c.Key)
		})
		if same != nil {
			return ordered(same, v)
		}
	}
	part := func(key string, item *asset.Value) *asset.Value {
		return ordered(parts[key].Type, item)
	}
	switch v.Type() {
	case asset.List:
		out := asset.NewList().At(v.Pos())
		for i, item := range v.Items() {
			out.Append(part(itoa(i), item))
		}
		return out
	case asset.Map:
		out := asset.NewMap().At(v.Pos())
		for _, k := range keyOrder(t, v, order) {
			out.Set(k, part(k, v.Get(k)))
		}
		return out
	}
	return v
}

// keyOrder are the keys of v: what names an inline asset, then the rows in
// their order, then all others by the alphabet.
func keyOrder(t kind.Type, v *asset.Value, rows []string) []string {
	if _, free := t.(kind.Map); free {
		rows = nil
	}
	var out, rest []string
	for _, k := range v.Keys() {
		switch {
		case slices.Contains(rows, k):
		case k == "$schema" || k == "name" || k == "version" || k == "type":
			out = append(out, k)
		default:
			rest = append(rest, k)
		}
	}
	if len(rows) == 0 {
		out, rest = nil, append(rest, out...)
	}
	slices.Sort(out)
	slices.Sort(rest)
	for _, k := range rows {
		if v.Has(k) && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return append(out, rest...)
}
