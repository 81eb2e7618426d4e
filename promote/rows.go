package promote

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/tree"
)

// row is one key of a map in a file: how it is written and how it is read. One
// table does both, so that what is written is read.
type row struct {
	key  string
	need bool
	// put is the value to write; null leaves the key out.
	put  func() *asset.Value
	take func(d *decoder, v *asset.Value)
}

// writeRows is the map that the rows say.
func writeRows(rows []row) *asset.Value {
	out := asset.NewMap()
	for _, r := range rows {
		if v := r.put(); !v.IsNull() {
			out.Set(r.key, v)
		}
	}
	return out
}

// decoder reads a file strictly, with all problems at once.
type decoder struct {
	bad  problem.List
	path []string
	code string
}

func (d *decoder) badf(v *asset.Value, hint, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if len(d.path) > 0 {
		text = strings.Join(d.path, ".") + ": " + text
	}
	d.bad.Hintf(v.Pos(), d.code, hint, "%s", text)
}

func (d *decoder) in(key string, f func()) {
	d.path = append(d.path, key)
	f()
	d.path = d.path[:len(d.path)-1]
}

// read takes a map of known keys.
func (d *decoder) read(v *asset.Value, rows []row) {
	if v.Type() != asset.Map {
		d.badf(v, "", "want a map, not %s", describe(v))
		return
	}
	for key, item := range v.Entries() {
		i := slices.IndexFunc(rows, func(r row) bool { return r.key == key })
		switch {
		case i < 0:
			var known []string
			for _, r := range rows {
				known = append(known, r.key)
			}
			hint := problem.DidYouMean(key, known)
			d.badf(item, cmp.Or(hint, "known here: "+strings.Join(known, ", ")), "unknown key %q", key)
		case item.IsNull():
			d.badf(item, "give it a value, or remove it", "%s has no value", key)
		default:
			d.in(key, func() { rows[i].take(d, item) })
		}
	}
	for _, r := range rows {
		if r.need && !v.Has(r.key) {
			d.badf(v, "", "%s is missing", r.key)
		}
	}
}

func describe(v *asset.Value) string {
	if v.IsScalar() {
		return fmt.Sprintf("%q", v.Text())
	}
	return "a " + v.Type().String()
}

// document is the only document of a file, nil if there is another number.
func document(data []byte, file, code string) (*asset.Value, problem.List) {
	docs, bad := tree.Parse(data, file, tree.ParseOptions{})
	switch {
	case len(bad.Errors()) > 0:
		return nil, bad
	case len(docs) != 1:
		bad.Addf(problem.Pos{File: file, Line: 1}, code, "want one document, not %d", len(docs))
		return nil, bad
	}
	return docs[0], bad
}

// textRow is a text; "" is left out.
func textRow(key string, need bool, to *string, check func(string) string) row {
	return row{
		key: key, need: need,
		put: func() *asset.Value {
			if *to == "" {
				return asset.NewNull()
			}
			return asset.NewString(*to)
		},
		take: func(d *decoder, v *asset.Value) {
			if v.Type() != asset.String {
				d.badf(v, "put it in quotes", "want a text, not %s", describe(v))
				return
			}
			if bad := check(v.Str()); bad != "" {
				d.badf(v, "", "%q: %s", v.Str(), bad)
				return
			}
			*to = v.Str()
		},
	}
}

func anyText(s string) string {
	if s == "" {
		return "it is empty"
	}
	return ""
}

var (
	hashPattern   = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
	commitPattern = regexp.MustCompile(`\A([0-9a-f]{40}|[0-9a-f]{64})\z`)
)

func hashText(s string) string {
	if !hashPattern.MatchString(s) {
		return "want 64 hexadecimal digits"
	}
	return ""
}

func commitText(s string) string {
	if !commitPattern.MatchString(s) {
		return "it is not the hash of a commit"
	}
	return ""
}

// numberRow is a number that is not negative; 0 is left out.
func numberRow[T ~int | ~int64](key string, to *T) row {
	return row{
		key: key,
		put: func() *asset.Value {
			if *to == 0 {
				return asset.NewNull()
			}
			return asset.NewInt(int64(*to))
		},
		take: func(d *decoder, v *asset.Value) {
			n, ok := v.Int64()
			if !ok || n <= 0 || int64(T(n)) != n {
				d.badf(v, "", "want a whole number above 0, not %s", describe(v))
				return
			}
			*to = T(n)
		},
	}
}

// flagRow is true or left out.
func flagRow(key string, to *bool) row {
	return row{
		key: key,
		put: func() *asset.Value {
			if !*to {
				return asset.NewNull()
			}
			return asset.NewBool(true)
		},
		take: func(d *decoder, v *asset.Value) {
			if v.Type() != asset.Bool || !v.Bool() {
				d.badf(v, "write true, or remove it", "want true, not %s", describe(v))
				return
			}
			*to = true
		},
	}
}

// idRow is the id of an asset.
func idRow(key string, to *asset.ID) row {
	return row{
		key: key, need: true,
		put:  func() *asset.Value { return asset.NewString(to.String()) },
		take: func(d *decoder, v *asset.Value) { *to = d.id(v) },
	}
}

func (d *decoder) id(v *asset.Value) asset.ID {
	id, err := asset.ParseID(v.Str())
	if err != nil || v.Type() != asset.String || id.String() != v.Str() {
		d.badf(v, "write it as kind/name:version", "%s is not the id of an asset", describe(v))
		return asset.ID{}
	}
	return id
}

// mapRow is a map of its own; one without entries is left out.
func mapRow(key string, need bool, rows []row) row {
	return row{
		key: key, need: need,
		put: func() *asset.Value {
			if m := writeRows(rows); m.Len() > 0 {
				return m
			}
			return asset.NewNull()
		},
		take: func(d *decoder, v *asset.Value) { d.read(v, rows) },
	}
}

// listRow is a list of which one describes an item; an empty one is left out.
func listRow[T any](key string, need bool, to *[]T, put func(*T) *asset.Value, take func(*decoder, *asset.Value, *T)) row {
	return row{
		key: key, need: need,
		put: func() *asset.Value {
			if len(*to) == 0 {
				return asset.NewNull()
			}
			list := asset.NewList()
			for i := range *to {
				list.Append(put(&(*to)[i]))
			}
			return list
		},
		take: func(d *decoder, v *asset.Value) {
			if v.Type() != asset.List || v.Len() == 0 {
				d.badf(v, "begin each entry with a dash", "want a list, not %s", describe(v))
				return
			}
			*to = make([]T, v.Len())
			for i, item := range v.Items() {
				d.in(fmt.Sprint(i), func() { take(d, item, &(*to)[i]) })
			}
		},
	}
}

// recordsRow is a list of maps.
func recordsRow[T any](key string, need bool, to *[]T, rows func(*T) []row) row {
	return listRow(key, need, to,
		func(x *T) *asset.Value { return writeRows(rows(x)) },
		func(d *decoder, v *asset.Value, x *T) { d.read(v, rows(x)) })
}

func idsRow(key string, need bool, to *[]asset.ID) row {
	return listRow(key, need, to,
		func(id *asset.ID) *asset.Value { return asset.NewString(id.String()) },
		func(d *decoder, v *asset.Value, id *asset.ID) { *id = d.id(v) })
}

func textsRow(key string, to *[]string) row {
	return listRow(key, false, to,
		func(s *string) *asset.Value { return asset.NewString(*s) },
		func(d *decoder, v *asset.Value, s *string) {
			textRow("", false, s, anyText).take(d, v)
		})
}

// wordsRow is a map of texts.
func wordsRow(key string, to *map[string]string) row {
	return row{
		key: key,
		put: func() *asset.Value {
			if len(*to) == 0 {
				return asset.NewNull()
			}
			m := asset.NewMap()
			for _, k := range slices.Sorted(maps.Keys(*to)) {
				m.Set(k, asset.NewString((*to)[k]))
			}
			return m
		},
		take: func(d *decoder, v *asset.Value) {
			if v.Type() != asset.Map || v.Len() == 0 {
				d.badf(v, "", "want a map of texts, not %s", describe(v))
				return
			}
			*to = map[string]string{}
			for k, item := range v.Entries() {
				if item.Type() != asset.String {
					d.badf(item, "put it in quotes", "%s: want a text, not %s", k, describe(item))
					continue
				}
				(*to)[k] = item.Str()
			}
		},
	}
}

// sorted reports ids that are out of order or there twice.
func (d *decoder) sorted(v *asset.Value, ids []asset.ID) {
	for i := 1; i < len(ids); i++ {
		if ids[i-1].Compare(ids[i]) >= 0 {
			d.badf(v, "", "%s must come before %s, and only once", ids[i], ids[i-1])
			return
		}
	}
}
