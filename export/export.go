package export

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// Files says which files the live assets are. With have, which may be nil,
// only what differs from it is written: its layout, comments and file names
// stay, and no file of it goes. Same live assets, same bytes.
func Files(live []*asset.Asset, have *Have, opt Options) Result {
	e := &exporter{opt: opt, live: asset.NewSet(live...), have: newHeld(have), taken: map[string]string{}, secrets: map[string]string{}, changed: map[string][]byte{}}
	p := pick(e.live, opt)
	e.result.Left = p.left
	e.nameSecrets(p.assets)
	versions := map[asset.ID]int{}
	var fresh []*asset.Asset
	for _, a := range p.assets {
		versions[a.ID.Container()]++
		switch held, why := e.have.find(a.ID); {
		case why != "":
			e.leave(a.ID, why)
		case held != nil:
			e.update(a, held)
		case kind.VariantOf(a).NoFile != "":
			e.leave(a.ID, kind.VariantOf(a).NoFile)
		default:
			fresh = append(fresh, a)
		}
	}
	layouts := tree.Layouts(p.assets)
	for _, a := range fresh {
		layouts[a.ID] = e.place(layouts[a.ID])
	}
	for _, a := range fresh {
		e.add(a, layouts[a.ID], versions[a.ID.Container()] == 1)
	}
	return e.finish()
}

// exporter is one export.
type exporter struct {
	opt     Options
	live    *asset.Set
	have    *held
	taken   map[string]string // path in lower case: the content of the file, once it is known
	secrets map[string]string // names of secrets, by secretKey
	changed map[string][]byte // files of the tree that differ so far
	result  Result
}

func (e *exporter) leave(id asset.ID, why string) {
	e.result.Left = append(e.result.Left, Left{id, why})
}

// add makes the file of an asset that is in no file yet.
func (e *exporter) add(a *asset.Asset, at string, lone bool) {
	w := &writer{exporter: e, asset: a, file: at, lone: lone}
	out := *a
	out.Body, out.Auto = w.body(), false
	data := tree.Write(&out)
	if bad := unreadable(data, &out); bad != "" {
		e.leave(a.ID, "its file could not be read back: "+bad)
		return
	}
	e.result.Files = append(e.result.Files, w.beside...)
	e.result.Files = append(e.result.Files, File{at, data})
	e.done(&out)
}

// done notes that an asset is in the tree, and the secrets that it needs. a is
// in written form.
func (e *exporter) done(a *asset.Asset) {
	id := a.ID
	e.result.Assets = append(e.result.Assets, id)
	kind.Walk(a, func(s kind.Site) {
		if name, ok := kind.SecretName(s.Value); ok {
			e.result.Secrets = append(e.result.Secrets, Missing{name, id, s.Dotted()})
		}
	})
}

// unreadable says why a file would not be taken for the asset; "" if it would.
func unreadable(data []byte, a *asset.Asset) string {
	docs, bad := tree.Parse(data, "", tree.ParseOptions{})
	if len(bad.Errors()) > 0 || len(docs) != 1 {
		return first(bad, "it is no document")
	}
	doc := tree.Substitute(docs[0], nil, &bad)
	c := &kind.Checker{Problems: bad}
	got := kind.VariantOf(a).Read(c, doc)
	switch {
	case len(c.Problems.Errors()) > 0:
		return first(c.Problems, "")
	case got == nil || got.ID != a.ID:
		return "it says another name"
	}
	return ""
}

func first(bad problem.List, otherwise string) string {
	if list := bad.Errors(); len(list) > 0 {
		return list[0].Text
	}
	return otherwise
}

// place reserves the path of a new file: the canonical one unless the tree
// has another file there.
func (e *exporter) place(at string) string {
	stem := strings.TrimSuffix(at, ".yml")
	for n := 1; ; n++ {
		if n > 1 {
			at = stem + "~" + string(rune('0'+n)) + ".yml"
		}
		key := strings.ToLower(at)
		if _, ok := e.taken[key]; !ok && !e.have.exists(at) {
			e.taken[key] = ""
			return at
		}
		if n == 9 {
			stem, n = stem+"~9", 0
		}
	}
}

// reserve takes a path for a file of the content; false if another file is
// there. A file of the same content is shared.
func (e *exporter) reserve(at, text string) bool {
	key := strings.ToLower(at)
	if old, ok := e.taken[key]; ok {
		return old == text
	}
	if data, err := e.have.read(at); err == nil {
		if !bytes.Equal(data, []byte(text)) {
			return false
		}
	} else if e.have.exists(at) {
		return false
	}
	e.taken[key] = text
	return true
}

// readsBack reports whether a reader takes the text for the document and for
// no asset, whatever folder it is in.
func (e *exporter) readsBack(text string, doc *asset.Value) bool {
	docs, bad := tree.Parse([]byte(text), "", tree.ParseOptions{})
	if len(bad) > 0 || len(docs) != 1 || !docs[0].Equal(doc) {
		return false
	}
	for _, t := range kind.All() {
		if v := kind.Identify(docs[0], t.Plural); v.Variant != nil || v.Doubt != "" || v.Unmanaged != "" {
			return false
		}
	}
	return true
}

func (e *exporter) finish() Result {
	r := e.result
	for name, data := range e.changed {
		r.Files = append(r.Files, File{name, data})
	}
	slices.SortFunc(r.Files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	r.Files = slices.CompactFunc(r.Files, func(a, b File) bool { return a.Path == b.Path })
	r.Files = slices.DeleteFunc(r.Files, func(f File) bool {
		data, err := e.have.read(f.Path)
		same := err == nil && bytes.Equal(data, f.Bytes)
		if same {
			r.Same = append(r.Same, f.Path)
		}
		return same
	})
	r.Same = slices.DeleteFunc(r.Same, func(name string) bool {
		return slices.ContainsFunc(r.Files, func(f File) bool { return f.Path == name })
	})
	slices.Sort(r.Same)
	r.Same = slices.Compact(r.Same)
	slices.SortFunc(r.Assets, asset.ID.Compare)
	slices.SortFunc(r.Left, func(a, b Left) int { return a.ID.Compare(b.ID) })
	slices.SortFunc(r.Secrets, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.ID.Compare(b.ID), cmp.Compare(a.Field, b.Field))
	})
	return r
}

var notName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// nameSecrets gives the secrets of all assets their names: kind, name and
// key, in letters that an environment variable may have. Names that come out
// alike get a part of the hash of what they stand for.
func (e *exporter) nameSecrets(assets []*asset.Asset) {
	count := map[string]int{}
	names := map[string]string{}
	for _, a := range assets {
		v := kind.VariantOf(a)
		kind.RewriteBody(v, required(v, a.Body), func(s kind.Site) *asset.Value {
			if _, ok := kind.SecretName(s.Value); ok {
				parts := []string{string(a.ID.Kind), a.ID.Parent, a.ID.Name, a.ID.Version, s.Path[len(s.Path)-1]}
				parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
				name := strings.Trim(notName.ReplaceAllString(strings.Join(parts, "_"), "_"), "_")
				key := secretKey(a.ID, s)
				names[key] = name
				count[strings.ToLower(name)]++
			}
			return s.Value
		})
	}
	for key, name := range names {
		if count[strings.ToLower(name)] > 1 {
			sum := sha256.Sum256([]byte(key))
			name += "_" + hex.EncodeToString(sum[:4])
		}
		e.secrets[key] = name
	}
}

func secretKey(id asset.ID, s kind.Site) string { return id.String() + " " + s.Dotted() }
