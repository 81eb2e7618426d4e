package tree

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

var (
	ours     = regexp.MustCompile(`\$\{\{\s*(var|secret)\.([^}\s]*)\s*\}\}`)
	wholeVar = regexp.MustCompile(`\A\$\{\{\s*var\.([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}\z`)
	varName  = regexp.MustCompile(`\A[A-Za-z_][A-Za-z0-9_.-]*\z`)
	secretOK = regexp.MustCompile(`\A\$\{\{\s*secret\.[A-Za-z_][A-Za-z0-9_.-]*\s*\}\}\z`)
)

// maxText is how many bytes variables may add to one text.
const maxText = limit.VarText

// Substitute replaces ${{ var.NAME }} in the values of v. A value that is
// nothing else takes the variable with its sort, within a text the variable's
// text. ${{ secret.NAME }} may only stand alone and stays; all other ${{…}}
// are Azure ML's and stay. Values without variables are shared with v.
func Substitute(v *asset.Value, vars map[string]*asset.Value, bad *problem.List) *asset.Value {
	switch v.Type() {
	case asset.String:
		if strings.Contains(v.Str(), "${{") {
			return substituteText(v, vars, bad)
		}
	case asset.List:
		for i, item := range v.Items() {
			if got := Substitute(item, vars, bad); got != item {
				return substituteRest(v, i, got, vars, bad)
			}
		}
	case asset.Map:
		for i, item := range v.Items() {
			if got := Substitute(item, vars, bad); got != item {
				return substituteRest(v, i, got, vars, bad)
			}
		}
	}
	return v
}

// substituteRest copies v, whose item at index first became got.
func substituteRest(v *asset.Value, first int, got *asset.Value, vars map[string]*asset.Value, bad *problem.List) *asset.Value {
	items := make([]*asset.Value, v.Len())
	for i, item := range v.Items() {
		switch {
		case i < first:
			items[i] = item
		case i == first:
			items[i] = got
		default:
			items[i] = Substitute(item, vars, bad)
		}
	}
	if v.Type() == asset.List {
		return asset.NewList(items...).At(v.Pos())
	}
	out := asset.NewMap().At(v.Pos())
	for i, k := range v.Keys() {
		out.Set(k, items[i])
	}
	return out
}

func substituteText(v *asset.Value, vars map[string]*asset.Value, bad *problem.List) *asset.Value {
	text := v.Str()
	if m := wholeVar.FindStringSubmatch(text); m != nil {
		if got := lookup(m[1], v, vars, bad); got != nil {
			return place(got, v.Pos())
		}
		return v
	}
	if secretOK.MatchString(text) {
		return v
	}
	changed, size := false, 0
	out := ours.ReplaceAllStringFunc(text, func(part string) string {
		m := ours.FindStringSubmatch(part)
		switch {
		case !varName.MatchString(m[2]):
			bad.Hintf(v.Pos(), "bad_name", "use letters, digits, dots, dashes and underscores", "%q cannot be the name of a variable or secret", m[2])
		case m[1] == "secret":
			bad.Hintf(v.Pos(), "bad_secret", "make the whole value one secret", "%s must be the whole value, not a part of it", part)
		default:
			if got := lookup(m[2], v, vars, bad); got.IsScalar() && size+len(got.Text()) <= maxText {
				changed = true
				size += len(got.Text())
				return got.Text()
			} else if got.IsScalar() {
				size = maxText
				bad.Addf(v.Pos(), "too_large", "the text with its variables has more than %d bytes", maxText)
			} else if got != nil {
				bad.Addf(v.Pos(), "bad_variable", "the variable %s is %s and cannot stand within a text", m[2], aType(got))
			}
		}
		return part
	})
	if !changed {
		return v
	}
	return asset.NewString(out).At(v.Pos())
}

func lookup(name string, v *asset.Value, vars map[string]*asset.Value, bad *problem.List) *asset.Value {
	got, ok := vars[name]
	if !ok {
		var names []string
		for k := range vars {
			names = append(names, k)
		}
		hint := problem.DidYouMean(name, names)
		if hint == "" {
			hint = "give it under vars in mlsync.yaml"
		}
		bad.Hintf(v.Pos(), "unknown_variable", hint, "there is no variable %q", name)
		return nil
	}
	if got == nil {
		return asset.NewNull()
	}
	return got
}

// place is a copy of v in which every part has one place.
func place(v *asset.Value, pos problem.Pos) *asset.Value {
	c := v.Clone()
	var all func(*asset.Value)
	all = func(v *asset.Value) {
		v.At(pos)
		for _, item := range v.Items() {
			all(item)
		}
	}
	all(c)
	return c
}
