package tree

import (
	"path"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// draft is a document on its way to be an asset: of the released dialect,
// with its variables filled in, and not yet checked.
type draft struct {
	file    *File
	path    string // below the root or, in an overlay, below the overlay
	variant *kind.Variant
	doc     *asset.Value
	stem    string // provisional name of a job that has none; "" for others
	lost    bool   // its endpoint was looked for and not found; it is said already
}

func (d *draft) table() *kind.Table { return d.variant.Table() }

// name is the name that the document gives, in the spelling that the service
// knows, or the provisional one.
func (d *draft) name() string {
	name := d.doc.Get("name").Text()
	if name == "" {
		return d.stem
	}
	return spell(name, d.table())
}

// spell is a name as the service knows it.
func spell(name string, t *kind.Table) string {
	if t != nil && t.LowerName {
		return strings.ToLower(name)
	}
	return name
}

// parent is the endpoint that the document names, "" if it names none.
func (d *draft) parent() string {
	t := d.table()
	if t.Parent == "" {
		return ""
	}
	return spell(d.doc.Get(t.ParentKey).Text(), kind.Of(t.Parent))
}

// version is the version that the document gives, "" for none.
func (d *draft) version() string {
	if v := d.doc.Get("version").Text(); v != "auto" {
		return v
	}
	return ""
}

func (d *draft) id() asset.ID {
	id := asset.ID{Kind: d.table().Kind, Parent: d.parent(), Name: d.name()}
	if d.table().Versioned {
		id.Version = d.version()
	}
	return id
}

// released makes the drafts of one written document.
func (r *reader) released(f *File, doc *asset.Value, rel string, v kind.Verdict) []*draft {
	doc = Substitute(doc, r.opts.Vars, &r.bad)
	docs := []*asset.Value{doc}
	if v.Preview {
		up, bad := v.Variant.Preview.Run(doc)
		r.bad.Append(bad)
		docs = up
	}
	var out []*draft
	for i, doc := range docs {
		d := &draft{file: f, path: rel, variant: v.Variant, doc: doc}
		if i > 0 || v.Preview {
			d.variant = r.variantOf(doc, v.Variant, i)
		}
		if d.variant != nil {
			out = append(out, d)
		}
	}
	for _, d := range out {
		if d.table().Once && d.doc.Get("name").IsNull() {
			d.stem = provisional(d.doc, rel)
		}
	}
	return out
}

// variantOf is the variant of a document that an upgrade made: what its
// $schema says, else that of the preview document.
func (r *reader) variantOf(doc *asset.Value, preview *kind.Variant, i int) *kind.Variant {
	if v := kind.Identify(doc, preview.Table().Plural); v.Variant != nil && (i > 0 || v.Variant.Table() == preview.Table()) {
		return v.Variant
	}
	if i > 0 {
		r.bad.Addf(doc.Pos(), "unknown_kind", "the upgraded form of this %s cannot be recognised", preview.FullName())
		return nil
	}
	return preview
}

var notSlug = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// slug is a text as part of a name: letters, digits, dashes, underscores.
func slug(s string) string {
	s = strings.Trim(notSlug.ReplaceAllString(s, "-"), "-_")
	if len(s) > 200 {
		s = strings.TrimRight(s[:200], "-_")
	}
	return s
}

// provisional is the name of a job that has none: what the display name, else
// the file is called.
func provisional(doc *asset.Value, file string) string {
	if s := slug(doc.Get("display_name").Str()); s != "" {
		return s
	}
	if s := slug(strings.TrimSuffix(path.Base(file), path.Ext(file))); s != "" {
		return s
	}
	return "job"
}
