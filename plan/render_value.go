package plan

import (
	"slices"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"

	"mlsync.dev/mlsync/asset"
)

// line is one line of a line diff: sign is '+', '-', ' ' or, for lines that
// are left out, '…'.
type line struct {
	sign rune
	text string
}

// lines compares texts line by line, with some lines of context.
func lines(before, after string, context int) []line {
	dmp := diffmatchpatch.New()
	dmp.DiffTimeout = 0 // the clock must not decide what a plan looks like
	a, b, table := dmp.DiffLinesToChars(before, after)
	var all []line
	for _, d := range dmp.DiffCharsToLines(dmp.DiffMain(a, b, false), table) {
		sign := map[diffmatchpatch.Operation]rune{diffmatchpatch.DiffInsert: '+', diffmatchpatch.DiffDelete: '-', diffmatchpatch.DiffEqual: ' '}[d.Type]
		for _, text := range strings.Split(strings.TrimSuffix(d.Text, "\n"), "\n") {
			all = append(all, line{sign, text})
		}
	}
	return near(all, context)
}

// near keeps the changed lines and those at most context lines away.
func near(all []line, context int) []line {
	keep := make([]bool, len(all))
	for i, l := range all {
		if l.sign == ' ' {
			continue
		}
		for j := max(0, i-context); j <= min(len(all)-1, i+context); j++ {
			keep[j] = true
		}
	}
	var out []line
	for i, l := range all {
		switch {
		case keep[i]:
			out = append(out, l)
		case len(out) == 0 || out[len(out)-1].sign != '…':
			out = append(out, line{sign: '…'})
		}
	}
	return out
}

func multiline(v *asset.Value) bool {
	return v.Type() == asset.String && strings.Contains(strings.TrimSuffix(v.Str(), "\n"), "\n")
}

// parts says how two maps or lists differ, entry by entry: "pip: + a, - b".
// It is empty if they are no such thing.
func parts(before, after *asset.Value, limit int) []string {
	switch {
	case before.Type() == asset.Map && after.Type() == asset.Map:
		return mapParts(before, after, limit)
	case before.Type() == asset.List && after.Type() == asset.List:
		return listParts(before, after, limit)
	}
	return nil
}

func mapParts(before, after *asset.Value, limit int) []string {
	keys := append(slices.Clone(before.Keys()), after.Keys()...)
	slices.Sort(keys)
	var out []string
	for _, k := range slices.Compact(keys) {
		b, a := before.Get(k), after.Get(k)
		if !b.Equal(a) {
			out = append(out, clean(k)+": "+strings.Join(change(b, a, limit), ", "))
		}
	}
	return out
}

// change is one difference in words.
func change(b, a *asset.Value, limit int) []string {
	if inner := parts(b, a, limit); len(inner) > 0 {
		return inner
	}
	switch {
	case b.IsNull():
		return []string{"+ " + elide(shown(a), limit)}
	case a.IsNull():
		return []string{"- " + elide(shown(b), limit)}
	}
	x, y := pair(shown(b), shown(a), limit)
	return []string{x + " -> " + y}
}

// listParts pairs maps of the same keys and texts of the same beginning, as
// requirements of packages have; the rest was added or removed.
func listParts(before, after *asset.Value, limit int) []string {
	gone, come := without(before.Items(), after.Items()), without(after.Items(), before.Items())
	var out []string
	for _, b := range gone {
		i := slices.IndexFunc(come, func(a *asset.Value) bool { return stem(a) != "" && stem(a) == stem(b) })
		if i < 0 {
			out = append(out, "- "+elide(shown(b), limit))
			continue
		}
		out = append(out, change(b, come[i], limit)...)
		come = slices.Delete(come, i, i+1)
	}
	for _, a := range come {
		out = append(out, "+ "+elide(shown(a), limit))
	}
	if len(out) == 0 {
		out = append(out, "the order")
	}
	return out
}

// without are the items of a that b has not, each as often as it is missing.
func without(a, b []*asset.Value) []*asset.Value {
	count := map[string]int{}
	for _, v := range b {
		count[string(v.Canonical())]++
	}
	var out []*asset.Value
	for _, v := range a {
		key := string(v.Canonical())
		if count[key]--; count[key] < 0 {
			out = append(out, v)
		}
	}
	return out
}

// stem is what an item of a list keeps when it changes: the name of a package,
// the keys of a map; "" if nothing tells.
func stem(v *asset.Value) string {
	switch v.Type() {
	case asset.Map:
		keys := slices.Clone(v.Keys())
		slices.Sort(keys)
		return "{" + strings.Join(keys, ",")
	case asset.String:
		if i := strings.IndexAny(v.Str(), "=<>~! ["); i > 0 {
			return v.Str()[:i]
		}
	}
	return ""
}
