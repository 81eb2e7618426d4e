package sim_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// An item is one asset file of the simulated repository. Items are values: a
// commit holds copies.
type item struct {
	Kind, Name, Parent string
	// Version is the version that is written; 0 is none.
	Version int
	// Rev is the revision of what may change in place, or of the content where
	// the version is automatic.
	Rev int
	// Large is the revision of what cannot change in place.
	Large int
	// Mute leaves the description out: the field is nobody's.
	Mute bool
	// Folder is where the file is; moving it changes nothing else.
	Folder string
	// Uses are the items that it refers to, by their keys.
	Uses []string
	// Traffic is that of an online endpoint, the default of a batch endpoint.
	Traffic map[string]int
}

// key names the item, whatever its version and place.
func (i item) key() string {
	if i.Parent != "" {
		return i.Kind + " " + i.Parent + "/" + i.Name
	}
	return i.Kind + " " + i.Name
}

// A forest is what a commit says: items by key.
type forest map[string]item

func (f forest) clone() forest {
	out := maps.Clone(f)
	for k, i := range out {
		i.Uses, i.Traffic = slices.Clone(i.Uses), maps.Clone(i.Traffic)
		out[k] = i
	}
	return out
}

func (f forest) keys() []string { return slices.Sorted(maps.Keys(f)) }

// of are the keys of the items of a kind.
func (f forest) of(kind string) []string {
	var out []string
	for _, k := range f.keys() {
		if f[k].Kind == kind {
			out = append(out, k)
		}
	}
	return out
}

// users are the keys of the items that need the one of the key.
func (f forest) users(key string) []string {
	var out []string
	for _, k := range f.keys() {
		if i := f[k]; slices.Contains(i.Uses, key) || i.Parent != "" && parentKey(i) == key {
			out = append(out, k)
		}
	}
	return out
}

func parentKey(i item) string {
	return map[string]string{"online-deployment": "online-endpoint ", "batch-deployment": "batch-endpoint "}[i.Kind] + i.Parent
}

// A rule of the grammar says how items of a kind come to be.
type rule struct {
	kind string
	// names is how many names there are, so that removed ones come back.
	names int
	// versioned items have a written version, auto ones get theirs.
	versioned, auto bool
	// weight is how often one is made.
	weight int
	// needs are the kinds that it refers to.
	needs []string
	// mute items may leave the description out.
	mute bool
}

var grammar = []rule{
	{kind: "datastore", names: 2, weight: 2, mute: true},
	{kind: "compute", names: 2, weight: 2, mute: true},
	{kind: "environment", names: 2, versioned: true, weight: 2},
	{kind: "auto-environment", names: 2, auto: true, weight: 2},
	{kind: "data", names: 3, versioned: true, weight: 3, mute: true},
	{kind: "model", names: 2, versioned: true, weight: 2, mute: true},
	{kind: "component", names: 2, versioned: true, weight: 2, mute: true},
	{kind: "command-job", names: 2, weight: 2, needs: []string{"environment", "compute"}},
	{kind: "pipeline-job", names: 1, weight: 1, needs: []string{"component", "compute"}},
	{kind: "online-endpoint", names: 2, weight: 2, mute: true},
	{kind: "online-deployment", names: 3, weight: 3, needs: []string{"model", "environment"}},
	{kind: "batch-endpoint", names: 1, weight: 1},
	{kind: "batch-deployment", names: 2, weight: 1, needs: []string{"model", "environment", "compute"}},
}

func ruleFor(kind string) rule {
	for _, r := range grammar {
		if r.kind == kind {
			return r
		}
	}
	panic("no rule for " + kind)
}

// grow adds an item of the kind with all it needs and returns its key; what is
// there already is used rather than made.
func (f forest) grow(rng *rand.Rand, kind string) string {
	r := ruleFor(kind)
	i := item{Kind: kind, Name: fmt.Sprintf("%s-%d", short(kind), rng.IntN(r.names)), Folder: "assets", Large: 1, Rev: 1}
	if kind == "datastore" || kind == "component" {
		i.Name = strings.ReplaceAll(i.Name, "-", "_")
	}
	if r.versioned {
		i.Version = 1
	}
	i.Mute = r.mute && rng.IntN(3) == 0
	if of := map[string]string{"online-deployment": "online-endpoint", "batch-deployment": "batch-endpoint"}[kind]; of != "" {
		i.Parent = f[f.any(rng, of)].Name
		i.Name = []string{"blue", "green", "grey"}[rng.IntN(r.names)]
	}
	if _, ok := f[i.key()]; ok {
		return i.key()
	}
	for _, need := range r.needs {
		i.Uses = append(i.Uses, f.any(rng, need))
	}
	f[i.key()] = i
	return i.key()
}

// any is the key of an item of the kind, made if there is none.
func (f forest) any(rng *rand.Rand, kind string) string {
	if have := f.of(kind); len(have) > 0 && rng.IntN(3) > 0 {
		return have[rng.IntN(len(have))]
	}
	return f.grow(rng, kind)
}

func short(kind string) string {
	return map[string]string{
		"datastore": "store", "compute": "cpu", "environment": "env", "auto-environment": "auto", "data": "data", "model": "model", "component": "comp",
		"command-job": "job", "pipeline-job": "pipe", "online-endpoint": "online", "batch-endpoint": "batch",
	}[kind]
}

// random is a kind of the grammar, by weight.
func random(rng *rand.Rand) string {
	sum := 0
	for _, r := range grammar {
		sum += r.weight
	}
	n := rng.IntN(sum)
	for _, r := range grammar {
		if n -= r.weight; n < 0 {
			return r.kind
		}
	}
	panic("weights")
}

// drop takes an item out, with those that are in it and, of the others, those
// that need it: a reference to nothing is a problem of the whole tree.
func (f forest) drop(key string) {
	users := f.users(key)
	delete(f, key)
	for _, u := range users {
		f.drop(u)
	}
	f.tidy()
}

// tidy takes from traffic and defaults what is no longer there.
func (f forest) tidy() {
	for k, i := range f {
		left := 0
		for name := range i.Traffic {
			kind := map[string]string{"online-endpoint": "online-deployment ", "batch-endpoint": "batch-deployment "}[i.Kind]
			if _, ok := f[kind+i.Name+"/"+name]; !ok {
				delete(i.Traffic, name)
				continue
			}
			left += i.Traffic[name]
		}
		if left != 100 {
			i.Traffic = nil
		}
		f[k] = i
	}
}

// route gives an endpoint new traffic.
func (f forest) route(rng *rand.Rand, key string) {
	i := f[key]
	kind := map[string]string{"online-endpoint": "online-deployment", "batch-endpoint": "batch-deployment"}[i.Kind]
	var names []string
	for _, k := range f.of(kind) {
		if f[k].Parent == i.Name {
			names = append(names, f[k].Name)
		}
	}
	if len(names) == 0 {
		return
	}
	first, second := names[rng.IntN(len(names))], names[rng.IntN(len(names))]
	i.Traffic = map[string]int{first: 100}
	if first != second && i.Kind == "online-endpoint" {
		i.Traffic = map[string]int{first: 70, second: 30}
	}
	f[key] = i
}
