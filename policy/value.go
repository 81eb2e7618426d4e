package policy

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// hidden stands for every secret.
const hidden = "(secret)"

// native is a value as an expression takes it. Whole numbers that do not fit
// are numbers.
func native(v *asset.Value) ref.Val {
	switch v.Type() {
	case asset.Null:
		return types.NullValue
	case asset.Bool:
		return types.Bool(v.Bool())
	case asset.Int:
		if i, ok := v.Int64(); ok {
			return types.Int(i)
		}
		f, _ := v.Float64()
		return types.Double(f)
	case asset.Float:
		f, _ := v.Float64()
		return types.Double(f)
	case asset.List:
		out := make([]ref.Val, v.Len())
		for i, item := range v.Items() {
			out[i] = native(item)
		}
		return types.NewRefValList(types.DefaultTypeAdapter, out)
	case asset.Map:
		return object(v)
	}
	if _, ok := kind.SecretName(v); ok {
		return types.String(hidden)
	}
	return types.String(v.Text()) // of texts and timestamps: as it stands
}

// object is a map as an expression takes it. What is no map is an empty one.
func object(v *asset.Value) ref.Val {
	items := make(map[string]any, v.Len())
	for k, item := range v.Entries() {
		items[k] = native(item)
	}
	return sorted{types.NewStringInterfaceMap(types.DefaultTypeAdapter, items), slices.Sorted(maps.Keys(items))}
}

// sorted is a map whose keys come in the order of the alphabet, so that equal
// inputs give equal messages.
type sorted struct {
	traits.Mapper
	keys []string
}

// Iterator implements traits.Iterable.
func (s sorted) Iterator() traits.Iterator {
	return types.NewStringList(types.DefaultTypeAdapter, s.keys).Iterator()
}

// written is an asset as its file would say it, without $schema and with every
// secret hidden; empty for none.
func written(a *asset.Asset) ref.Val {
	if a == nil {
		return object(nil)
	}
	v := kind.VariantOf(a)
	body := kind.Rewrite(a, func(s kind.Site) *asset.Value {
		if s.Field != nil && (s.Field.Secret || s.Field.Hidden) && !s.Value.IsNull() {
			return asset.NewString(hidden)
		}
		return s.Value
	})
	out := asset.NewMap()
	for k, item := range body.Entries() {
		out.Set(k, item)
	}
	head := func(key, value string) {
		if !out.Has(key) && key != "" && value != "" {
			out.Set(key, asset.NewString(value))
		}
	}
	if len(v.Types) > 0 {
		head("type", v.Types[0])
	}
	head("name", a.ID.Name)
	head("version", a.ID.Version)
	head(v.Table().ParentKey, a.ID.Parent)
	return object(out)
}

// tagsOf are the tags of an asset.
func tagsOf(a *asset.Asset) ref.Val {
	out := asset.NewMap()
	if a != nil {
		for k, v := range a.Body.Get("tags").Entries() {
			out.Set(k, asset.NewString(v.Text()))
		}
	}
	return object(out)
}

// placeOf is where a field of an asset stands: the field, else what it would
// be in, else the asset.
func placeOf(body *asset.Value, path []string, whole problem.Pos) problem.Pos {
	pos := whole
	for _, key := range path {
		body = body.Get(key)
		if body == nil {
			break
		}
		if p := body.Pos(); !p.IsZero() {
			pos = p
		}
	}
	return pos
}

// fieldPath is a dotted path as its keys.
func fieldPath(dotted string) []string {
	if dotted == "" {
		return nil
	}
	return strings.Split(dotted, ".")
}
