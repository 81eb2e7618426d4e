package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
)

// SearchSpace is what one hyperparameter may be: a choice of values or a
// distribution. On the wire it is a list: ["uniform",[0.1,1]],
// ["choice",[[1,2]]].
type SearchSpace struct{}

// distributions are the distributions and the names of their parameters, in
// the order of the wire.
var distributions = []struct {
	name   string
	params []string
}{
	{"choice", []string{"values"}},
	{"uniform", []string{"min_value", "max_value"}},
	{"loguniform", []string{"min_value", "max_value"}},
	{"quniform", []string{"min_value", "max_value", "q"}},
	{"qloguniform", []string{"min_value", "max_value", "q"}},
	{"normal", []string{"mu", "sigma"}},
	{"lognormal", []string{"mu", "sigma"}},
	{"qnormal", []string{"mu", "sigma", "q"}},
	{"qlognormal", []string{"mu", "sigma", "q"}},
	{"randint", []string{"upper"}},
}

func paramsOf(name string) (canonical string, params []string) {
	for _, d := range distributions {
		if squash(d.name) == squash(name) {
			return d.name, d.params
		}
	}
	return "", nil
}

// spaceRows are the rows of one distribution.
func spaceRows(name string, params []string) []Field {
	rows := []Field{{YAML: "type", As: Words(name, name), Required: true}}
	for _, p := range params {
		f := Field{YAML: p, As: Num{}, Required: true}
		switch p {
		case "values":
			f.As, f.Required = List{Of: choiceValue{}}, false
		case "upper":
			f.As = Int{}
		}
		rows = append(rows, f)
	}
	return rows
}

// Check checks the parameters of the distribution.
func (SearchSpace) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		c.Badf(v, "wrong_type", "write type: choice and values, or a distribution", "want a map, not %s", sort(v))
		return nil
	}
	name, params := paramsOf(v.Get("type").Text())
	if name == "" {
		var names []string
		for _, d := range distributions {
			names = append(names, d.name)
		}
		c.in("type", func() { c.Badf(v, "bad_value", "one of "+strings.Join(names, ", "), "there is no such distribution") })
		return nil
	}
	got := c.object(v, spaceRows(name, params), nil, false)
	if name == "choice" && got.Get("values").IsNull() {
		got.Set("values", asset.NewList())
	}
	return got
}

// Encode makes the list.
func (SearchSpace) Encode(e *Encoder, v *asset.Value) *asset.Value {
	name, params := paramsOf(v.Get("type").Text())
	args := asset.NewList()
	for _, p := range params {
		if p == "values" {
			args.Append(List{Of: choiceValue{}}.Encode(e, v.Get(p)))
			continue
		}
		args.Append(plain(v.Get(p)))
	}
	return asset.NewList(asset.NewString(name), args)
}

// Decode reads the list; what is none is kept.
func (SearchSpace) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.List || rest.Len() != 2 {
		return present(rest)
	}
	name, params := paramsOf(rest.Items()[0].Text())
	args := rest.Items()[1].Items()
	if name == "" || len(args) != len(params) {
		return rest
	}
	v := asset.NewMap().Set("type", asset.NewString(name))
	for i, p := range params {
		if p == "values" {
			v.Set(p, orEmpty(List{Of: choiceValue{}}.Decode(d, args[i])))
			continue
		}
		v.Set(p, decodeNumber(args[i]))
	}
	return v
}

func orEmpty(v *asset.Value) *asset.Value {
	if v == nil {
		return asset.NewList()
	}
	return v
}

// Schema lists the distributions.
func (SearchSpace) Schema() map[string]any {
	var alts []any
	for _, d := range distributions {
		alts = append(alts, objectSchema(spaceRows(d.name, d.params), false))
	}
	return map[string]any{"anyOf": alts}
}

// Describe names the type in the docs.
func (SearchSpace) Describe() string { return "choice or distribution" }

// choiceValue is a value of a choice: a scalar, or a map of further
// hyperparameters, which may be distributions themselves.
type choiceValue struct{}

func (t choiceValue) each(v *asset.Value, f func(*asset.Value) *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		return plain(v)
	}
	out := asset.NewMap()
	for key, item := range v.Entries() {
		if got := f(item); got != nil {
			out.Set(key, got)
		}
	}
	return out
}

func (t choiceValue) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Bool || v.Type() == asset.List {
		c.Badf(v, "wrong_type", quoteHint(v), "want a text, a number or a map, not a %s", v.Type())
		return nil
	}
	return t.each(v, func(item *asset.Value) *asset.Value {
		if item.Type() == asset.Map {
			return SearchSpace{}.Check(c, item)
		}
		return plain(item)
	})
}

func (t choiceValue) Encode(e *Encoder, v *asset.Value) *asset.Value {
	return t.each(v, func(item *asset.Value) *asset.Value {
		if item.Type() == asset.Map {
			return SearchSpace{}.Encode(e, item)
		}
		return item
	})
}

func (t choiceValue) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	return t.each(rest, func(item *asset.Value) *asset.Value { return SearchSpace{}.Decode(d, item) })
}

func (choiceValue) Schema() map[string]any { return map[string]any{} }
func (choiceValue) Describe() string       { return "value" }
