package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Shares are percentages of the requests by the name of the contained asset
// that gets them. Those that get none are left out.
type Shares map[string]int

// sharesOf reads the shares of a field. What is no whole number is left out.
func sharesOf(v *asset.Value) Shares {
	out := Shares{}
	if v.Type() != asset.Map {
		return out
	}
	for name, n := range v.Entries() {
		if i, ok := n.Int64(); ok && i > 0 {
			out[name] = int(i)
		}
	}
	return out
}

// value is the field that holds the shares, sorted.
func (s Shares) value() *asset.Value {
	out := asset.NewMap()
	for _, name := range s.names() {
		out.Set(name, asset.NewInt(int64(s[name])))
	}
	return out
}

func (s Shares) names() []string { return slices.Sorted(maps.Keys(s)) }

// Sum is that of all shares.
func (s Shares) Sum() int {
	sum := 0
	for _, n := range s {
		sum += n
	}
	return sum
}

// Equal reports whether the shares are the same.
func (s Shares) Equal(o Shares) bool { return maps.Equal(s, o) }

// String is blue 95, green 5.
func (s Shares) String() string {
	var out []string
	for _, name := range s.names() {
		out = append(out, fmt.Sprintf("%s %d", name, s[name]))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// Rising are the names whose share grows from s to want, sorted.
func (s Shares) Rising(want Shares) []string {
	var out []string
	for name, n := range want {
		if n > s[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// of is how much the names have together.
func (s Shares) of(names []string) int {
	sum := 0
	for _, name := range names {
		sum += s[name]
	}
	return sum
}

// toward is how much of what is wanted for the names they have together.
func (s Shares) toward(want Shares, names []string) int {
	sum := 0
	for _, name := range names {
		sum += min(s[name], want[name])
	}
	return sum
}

// Toward are the shares one step on from live to want, both of which sum to
// 100: what has more in want than it had before, or has now, gets as much
// together as the first of the steps that is more than it has now, and no single share goes
// beyond what is wanted. n is the number of that step, from 1. The last step
// is want.
func Toward(before, live, want Shares, steps []int) (next Shares, n int) {
	rising := growing(before, live, want)
	now, end := live.toward(want, rising), want.of(rising)
	for i, step := range steps {
		if step > now && step < end {
			return between(live, want, step-now), i + 1
		}
	}
	return want, len(steps)
}

// On is the number of the step that live is on; 0 is none.
func On(before, live, want Shares, steps []int) int {
	if live.Equal(want) {
		return len(steps)
	}
	now, n := live.toward(want, growing(before, live, want)), 0
	for i, step := range steps[:len(steps)-1] {
		if now >= step {
			n = i + 1
		}
	}
	return n
}

// growing are the names that the steps hold back.
func growing(before, live, want Shares) []string {
	out := append(before.Rising(want), live.Rising(want)...)
	slices.Sort(out)
	return slices.Compact(out)
}

// between moves part of what live and want differ in. It is split into whole
// numbers by the largest remainder, so that the sum stays.
func between(live, want Shares, part int) Shares {
	up, down := Shares{}, Shares{}
	for name := range union(live, want) {
		switch d := want[name] - live[name]; {
		case d > 0:
			up[name] = d
		case d < 0:
			down[name] = -d
		}
	}
	whole := up.Sum()
	part = min(part, whole)
	out := maps.Clone(live)
	for name, n := range up.scaled(part, whole) {
		out[name] += n
	}
	for name, n := range down.scaled(part, whole) {
		out[name] -= n
	}
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

func union(a, b Shares) map[string]bool {
	out := map[string]bool{}
	for name := range a {
		out[name] = true
	}
	for name := range b {
		out[name] = true
	}
	return out
}

// scaled are parts of the shares, which sum to whole, that sum to part.
func (s Shares) scaled(part, whole int) Shares {
	type rest struct {
		name string
		left int
	}
	out := Shares{}
	var rests []rest
	lack := part
	for _, name := range s.names() {
		out[name] = s[name] * part / whole
		lack -= out[name]
		rests = append(rests, rest{name, s[name] * part % whole})
	}
	slices.SortStableFunc(rests, func(a, b rest) int { return cmp.Compare(b.left, a.left) })
	for i := range lack {
		out[rests[i].name]++
	}
	maps.DeleteFunc(out, func(_ string, n int) bool { return n == 0 })
	return out
}

// Back are the shares in which nothing has more than wanted shares brought it:
// what grows from live to want gives all it has back to what shrinks. They are
// what traffic was before as far as it can be told from live alone.
func Back(live, want Shares) Shares {
	return live.Within(func(name string) bool { return live[name] > want[name] })
}

// Within are the shares among the names for which ok holds, in proportion and
// summing to 100; nil if none of them has any.
func (s Shares) Within(ok func(name string) bool) Shares {
	out := maps.Clone(s)
	maps.DeleteFunc(out, func(name string, _ int) bool { return !ok(name) })
	sum := out.Sum()
	if sum == 0 {
		return nil
	}
	return out.scaled(100, sum)
}
