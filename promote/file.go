package promote

import (
	"errors"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/graph"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// codeRelease is the code of all problems of a release's file.
const codeRelease = "release"

// releaseHead stands above every release.
const releaseHead = "# Written by mlsync release create. A release never changes: make another one.\n"

// WriteRelease is the file of a release. Same release, same bytes; ReadRelease
// gives it back.
func WriteRelease(r *Release) []byte {
	doc := r.document()
	doc.Set("fingerprint", asset.NewString(r.Fingerprint()))
	return append([]byte(releaseHead), tree.WriteValue(doc)...)
}

// document is all that the file holds, without the fingerprint.
func (r *Release) document() *asset.Value {
	out := asset.NewMap().Set("schema", asset.NewString(ReleaseSchema))
	for k, v := range writeRows(releaseRows(r)).Entries() {
		out.Set(k, v)
	}
	return out
}

// ReadRelease reads the file of a release, strictly: every key is known, the
// file is called as the release, and the fingerprint is that of the rest. It is
// nil if there is a problem.
func ReadRelease(data []byte, file string) (*Release, problem.List) {
	doc, bad := document(data, file, codeRelease)
	if doc == nil {
		return nil, bad
	}
	d := &decoder{bad: bad, code: codeRelease}
	r, fingerprint, schema := &Release{}, "", ""
	rows := append(releaseRows(r), textRow("schema", true, &schema, anyText), textRow("fingerprint", true, &fingerprint, hashText))
	d.read(doc, rows)
	if schema != "" && schema != ReleaseSchema {
		d.badf(doc.Get("schema"), "use the mlsync that made it, or a newer one", "schema: %q is not %s", schema, ReleaseSchema)
	}
	if len(d.bad.Errors()) == 0 {
		d.consistent(doc, r)
	}
	if base := strings.TrimSuffix(path.Base(file), FileExt); file != "" && r.Name != "" && base != r.Name {
		d.badf(doc.Get("name"), "a release keeps its name: rename the file to "+r.Name+FileExt, "name: the file is called %s, and the release %s", base, r.Name)
	}
	if len(d.bad.Errors()) == 0 && r.Fingerprint() != fingerprint {
		d.badf(doc.Get("fingerprint"), "restore the file from git, and make another release with mlsync release create", "fingerprint: the file was changed after it was made")
	}
	if len(d.bad.Errors()) > 0 {
		return nil, d.bad.Sorted()
	}
	return r, d.bad.Sorted()
}

func releaseRows(r *Release) []row {
	s := &r.Source
	return []row{
		textRow("name", true, &r.Name, BadName),
		mapRow("source", true, []row{
			textRow("target", true, &s.Target, anyText),
			textRow("subscription", true, &s.Subscription, anyText),
			textRow("resource_group", true, &s.ResourceGroup, anyText),
			textRow("workspace", true, &s.Workspace, anyText),
			textRow("repo", false, &s.Repo, anyText),
			textRow("commit", false, &s.Commit, commitText),
			textRow("run", false, &s.Run, anyText),
		}),
		idsRow("roots", true, &r.Roots),
		recordsRow("assets", true, &r.Assets, assetRows),
		recordsRow("needs", false, &r.Needs, func(n *Need) []row {
			return []row{idRow("id", &n.ID), idsRow("by", true, &n.By)}
		}),
	}
}

func assetRows(a *Asset) []row {
	return []row{
		{
			key: "kind", need: true,
			put: func() *asset.Value { return asset.NewString(string(a.ID.Kind)) },
			take: func(d *decoder, v *asset.Value) {
				t := kind.Of(asset.Kind(v.Str()))
				if t == nil || !t.Promotable {
					d.badf(v, "", "%s is no kind that can be promoted", describe(v))
					return
				}
				a.ID.Kind = t.Kind
			},
		},
		textRow("parent", false, &a.ID.Parent, anyText),
		textRow("name", true, &a.ID.Name, anyText),
		textRow("version", false, &a.ID.Version, anyText),
		textRow("digest", true, &a.Digest, hashText),
		recordsRow("content", false, &a.Content, contentRows),
		mapRow("origin", false, []row{
			textRow("job", false, &a.Origin.Job, anyText),
			textsRow("data", &a.Origin.Data),
			textsRow("uses", &a.Origin.Uses),
			wordsRow("metrics", &a.Origin.Metrics),
			textRow("job_commit", false, &a.Origin.JobCommit, anyText),
			textRow("commit", false, &a.Origin.Commit, anyText),
			textRow("release", false, &a.Origin.Release, BadName),
		}),
		{
			key: "spec", need: true,
			put: func() *asset.Value { return a.Spec },
			take: func(d *decoder, v *asset.Value) {
				if v.Type() != asset.Map {
					d.badf(v, "", "want a map, not %s", describe(v))
					return
				}
				a.Spec = v
			},
		},
	}
}

func contentRows(c *Content) []row {
	return []row{
		textRow("field", true, &c.Field, anyText),
		flagRow("code", &c.Code),
		textRow("hash", true, &c.Hash, hashText),
		textRow("listing", false, &c.Listing, anyText),
		flagRow("dir", &c.Dir),
		numberRow("files", &c.Files),
		numberRow("bytes", &c.Bytes),
		mapRow("from", true, []row{
			textRow("datastore", false, &c.From.Datastore, anyText),
			textRow("path", false, &c.From.Path, anyText),
			textRow("url", false, &c.From.URL, anyText),
		}),
	}
}

// consistent looks at what no row alone can say: the order, and that every
// spec is the asset that it stands for.
func (d *decoder) consistent(doc *asset.Value, r *Release) {
	ids := make([]asset.ID, len(r.Assets))
	for i := range r.Assets {
		ids[i] = r.Assets[i].ID
	}
	d.sorted(doc.Get("assets"), ids)
	d.sorted(doc.Get("roots"), r.Roots)
	for _, root := range r.Roots {
		if !slices.Contains(ids, root) {
			d.badf(doc.Get("roots"), "", "roots: %s is not among the assets", root)
		}
	}
	needs := make([]asset.ID, len(r.Needs))
	for i, n := range r.Needs {
		needs[i] = n.ID
	}
	d.sorted(doc.Get("needs"), needs)
	for i := range r.Assets {
		d.spec(doc.Get("assets").Items()[i], &r.Assets[i])
	}
	if len(d.bad.Errors()) == 0 {
		d.closed(doc.Get("assets"), r)
	}
}

// closed reports assets that refer to what the release does not hold, and
// circles of references.
func (d *decoder) closed(v *asset.Value, r *Release) {
	g := graph.New(asset.ID.Compare)
	for i := range r.Assets {
		a := &r.Assets[i]
		g.Add(a.ID)
		to := []asset.ID{parentOf(a.ID)}
		for _, l := range links(a.Written()) {
			if l.lost == "" && !l.content && l.store == "" && !l.stays {
				to = append(to, l.to)
			}
		}
		for _, id := range to {
			switch {
			case id.IsZero() || !kind.Of(id.Kind).Promotable:
			case r.Get(id) == nil:
				d.badf(v.Items()[i], "make it anew with mlsync release create", "%s refers to %s, which the release does not hold", a.ID, id)
			default:
				g.Edge(a.ID, id)
			}
		}
	}
	var cycle *graph.CycleError[asset.ID]
	if _, err := g.Order(); errors.As(err, &cycle) {
		d.badf(v, "break the circle of references", "the assets refer to each other in a %s", cycle)
	}
}

// spec reads a spec through the table of its kind.
func (d *decoder) spec(v *asset.Value, a *Asset) {
	got, bad := a.written()
	d.bad.Append(bad)
	if len(bad.Errors()) == 0 && (got == nil || got.ID != a.ID) {
		d.badf(v, "", "the spec is not that of %s", a.ID)
	}
	for _, c := range a.Content {
		if (c.From.URL == "") == (c.From.Datastore == "") {
			d.badf(v, "", "the content of %s must be in a datastore or at an address", c.Field)
		}
	}
}

// Written is the asset in written form. It is of a release that was read or
// made, so its spec is good.
func (a *Asset) Written() *asset.Asset {
	got, _ := a.written()
	return got
}

func (a *Asset) written() (*asset.Asset, problem.List) {
	t := kind.Of(a.ID.Kind)
	verdict := kind.Identify(a.Spec, t.Plural)
	c := &kind.Checker{}
	if verdict.Variant == nil || verdict.Variant.Table() != t {
		c.Problems.Hintf(a.Spec.Pos(), codeRelease, "", "the spec of %s is no %s", a.ID, t.Kind)
		return nil, c.Problems
	}
	got := verdict.Variant.Read(c, a.Spec)
	return got, c.Problems
}
