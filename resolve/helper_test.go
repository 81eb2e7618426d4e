package resolve_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

var scope = kind.Scope{Subscription: "s", ResourceGroup: "g", Workspace: "w"}

// world is a workspace in memory: a twin of what reconcile answers.
type world struct {
	assets []*asset.Asset // in the order of their creation
	// unknown are kinds, names (kind/name) and assets that cannot be read.
	unknown map[string]bool
	stores  map[string]resolve.Datastore
	codes   map[string]string // names by hash
	asked   []string          // names whose versions were asked for
}

func (w *world) unread(id asset.ID) bool {
	return w.unknown[string(id.Kind)] || w.unknown[id.Container().String()] || w.unknown[id.String()]
}

func (w *world) Exists(id asset.ID) resolve.Status {
	if w.unread(id) {
		return resolve.Unknown
	}
	for _, a := range w.assets {
		if a.ID == id {
			return resolve.Present
		}
	}
	return resolve.Absent
}

func (w *world) Asset(id asset.ID) (*asset.Asset, resolve.Status) {
	s := w.Exists(id)
	for _, a := range w.assets {
		if a.ID == id && s == resolve.Present {
			return a, s
		}
	}
	return nil, s
}

func (w *world) Latest(c asset.ID) (string, resolve.Status) {
	versions, s := w.versions(c)
	if len(versions) == 0 {
		return "", s
	}
	return versions[len(versions)-1].ID.Version, s
}

func (w *world) Versions(c asset.ID) ([]*asset.Asset, resolve.Status) {
	w.asked = append(w.asked, c.String())
	return w.versions(c)
}

func (w *world) versions(c asset.ID) ([]*asset.Asset, resolve.Status) {
	if w.unknown[string(c.Kind)] || w.unknown[c.String()] {
		return nil, resolve.Unknown
	}
	var out []*asset.Asset
	for _, a := range w.assets {
		if a.ID.Container() == c {
			out = append(out, a)
		}
	}
	if out == nil {
		return nil, resolve.Absent
	}
	return out, resolve.Present
}

func (w *world) Next(c asset.ID) (string, resolve.Status) {
	versions, s := w.versions(c)
	next := "1"
	for _, a := range versions {
		if strings.Trim(a.ID.Version, "0123456789") == "" && asset.CompareVersions(a.ID.Version, next) >= 0 {
			next = resolve.Increment(a.ID.Version)
		}
	}
	return next, s
}

func (w *world) Datastore(name string) (resolve.Datastore, resolve.Status) {
	id := asset.ID{Kind: "datastore", Name: name}
	if w.unread(id) {
		return resolve.Datastore{}, resolve.Unknown
	}
	d, ok := w.stores[name]
	if !ok {
		return d, resolve.Absent
	}
	return d, resolve.Present
}

func (w *world) Part(*asset.Asset, asset.ID) string { return "" }

func (w *world) Code(hash string, _ asset.ID) string { return w.codes[hash] }

// add makes an asset live as an apply would leave it.
func (w *world) add(assets ...*asset.Asset) *world {
	for _, a := range assets {
		live := *a
		if kind.Of(a.ID.Kind).Versioned {
			live.Stamps = map[string]string{"content": resolve.ContentDigest(a)}
		}
		w.assets = append(w.assets, &live)
	}
	return w
}

// liveEnv is an environment that nobody stamped.
func liveEnv(name, version, image string) *asset.Asset {
	return &asset.Asset{ID: id("environment/" + name + ":" + version), Body: asset.NewMap().Set("image", asset.NewString(image))}
}

func id(text string) asset.ID {
	got, err := asset.ParseID(text)
	if err != nil {
		panic(err)
	}
	return got
}

// files is a tree: contents by path.
type files map[string]string

func (f files) with(more files) files {
	out := files{}
	for name, text := range f {
		out[name] = text
	}
	for name, text := range more {
		out[name] = text
	}
	return out
}

func (f files) fs() fstest.MapFS {
	out := fstest.MapFS{}
	for name, text := range f {
		out[name] = &fstest.MapFile{Data: []byte(text), Mode: 0o644}
	}
	return out
}

func document(data []byte, file string) (*asset.Value, problem.List) {
	docs, bad := tree.Parse(data, file, tree.ParseOptions{LastWins: true})
	if len(docs) == 0 {
		return nil, bad
	}
	return docs[0], bad
}

// reporter is a *testing.T or a *rapid.T.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}

// input reads the tree, which must be sound by itself.
func input(t reporter, f files, w *world) resolve.Input {
	t.Helper()
	got, bad := tree.Read(f.fs(), tree.Options{})
	if len(bad) > 0 {
		t.Fatalf("the tree has problems of its own: %v", bad)
	}
	return resolve.Input{FS: f.fs(), Assets: got.Assets, Scope: scope, Facts: w, Document: document}
}

func resolveAll(t reporter, f files, w *world) (*resolve.Want, problem.List) {
	t.Helper()
	return resolve.Resolve(context.Background(), input(t, f, w))
}

// good resolves a tree that has no problems.
func good(t reporter, f files, w *world) *resolve.Want {
	t.Helper()
	want, bad := resolveAll(t, f, w)
	if len(bad) > 0 {
		t.Fatalf("problems: %v", bad)
	}
	return want
}

// bad resolves a tree that has the one problem that begins with text.
func bad(t reporter, f files, w *world, text string) problem.Problem {
	t.Helper()
	_, got := resolveAll(t, f, w)
	if len(got) != 1 || !strings.HasPrefix(got[0].String(), text) {
		t.Fatalf("got problems\n%v\nwant one that begins with\n%s", got, text)
	}
	return got[0]
}

// field is the text of a field of an asset, which must be wanted.
func field(t reporter, want *resolve.Want, of, path string) string {
	t.Helper()
	a := want.Set.Get(id(of))
	if a == nil {
		t.Fatalf("%s is not wanted; got %v", of, want.Order)
	}
	return a.Body.GetPath(strings.Split(path, ".")...).Text()
}

// only is the one wanted asset of a kind.
func only(t reporter, want *resolve.Want, k asset.Kind) *asset.Asset {
	t.Helper()
	var out []*asset.Asset
	for _, a := range want.Set.All() {
		if a.ID.Kind == k {
			out = append(out, a)
		}
	}
	if len(out) != 1 {
		t.Fatalf("got %d of kind %s, want one: %v", len(out), k, want.Order)
	}
	return out[0]
}

// show is all that is wanted, for comparing.
func show(want *resolve.Want) string {
	var b strings.Builder
	for _, a := range want.Set.All() {
		b.WriteString(a.ID.String() + " " + a.Variant + " " + string(a.Body.Canonical()) + "\n")
		for _, u := range want.Uploads[a.ID] {
			b.WriteString("  " + u.Path + " " + u.Hash + " " + u.URI + " " + u.Content.Path + "\n")
		}
	}
	var ids []string
	for id, why := range want.Unresolved {
		ids = append(ids, "unresolved "+id.String()+": "+why+"\n")
	}
	slices.Sort(ids)
	return b.String() + strings.Join(ids, "")
}

const (
	envSchema = "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\n"
	jobSchema = "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ntype: command\n"
)

// env is an environment; version "" leaves it out.
func env(name, version, image string) string {
	text := envSchema + "name: " + name + "\nimage: " + image + "\n"
	if version != "" {
		text += "version: \"" + version + "\"\n"
	}
	return text
}

// job is a command job with more lines behind.
func job(environment string, more ...string) string {
	return jobSchema + "command: echo\nenvironment: " + environment + "\n" + strings.Join(more, "\n") + "\n"
}

// jobID is the only job that is wanted.
func jobID(t testing.TB, want *resolve.Want) string {
	t.Helper()
	return only(t, want, "job").ID.Name
}
