package kind

import (
	"regexp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Verdict is what a document was found to be.
type Verdict struct {
	// Variant is nil if the document is no asset that mlsync manages.
	Variant *Variant
	// Preview is set if the document is written in the 2020 preview dialect.
	Preview bool
	// Unmanaged names a kind that Azure ML knows and mlsync leaves alone.
	Unmanaged string
	// Why says what decided, for check -v.
	Why string
	// Doubt is set if the document looks like an asset and cannot be decided.
	Doubt string
}

var schemaName = regexp.MustCompile(`(?i)/([A-Za-z0-9]+)(?:\.schema)?\.json\s*$`)

// Asked is the folder in which a document would be an asset that is none
// elsewhere, for those who ask for a file by its name; "" for most.
func Asked(doc *asset.Value) string {
	if isFlow(doc) {
		return flowComponent.table.Plural
	}
	return ""
}

// SchemaName is the last segment of a $schema address without its ending, in
// lower case: what names the kind.
func SchemaName(url string) string {
	m := schemaName.FindStringSubmatch(url)
	if m == nil {
		return ""
	}
	return strings.ToLower(m[1])
}

// Identify finds the kind and variant of a written document. folder is the
// name of the folder of a canonical tree that the file is in, or a kind that a
// rule of mlsync.yaml names; "" for none.
func Identify(doc *asset.Value, folder string) Verdict {
	if doc.Type() != asset.Map {
		return Verdict{Why: "not a map"}
	}
	if url := doc.Get("$schema").Str(); url != "" {
		return identifySchema(doc, url, folder)
	}
	for _, key := range []string{"dependencies", "channels", "build_dependencies"} {
		if doc.Has(key) {
			return Verdict{Why: "has " + key + ": a conda or pip file"}
		}
	}
	if v := tell(doc); v.Variant != nil {
		return byFolder(v, doc, folder)
	}
	if u := unmanagedType(doc); u != "" {
		return Verdict{Unmanaged: u, Why: "looks like " + u}
	}
	return identifyFolder(doc, folder)
}

// byFolder lets the folder decide where the keys of a document are those of
// two kinds: a step that is run by itself, and one that pipelines are made of.
func byFolder(v Verdict, doc *asset.Value, folder string) Verdict {
	t := folderTable(folder)
	if t == nil || t == v.Variant.table || v.Preview || !doc.Has("name") {
		return v
	}
	if t.LooksLike == v.Variant.table.Kind {
		return Verdict{Variant: t.Variants[0], Why: "in the folder " + folder}
	}
	if other, sure := t.pick(doc); sure && len(other.Types) > 0 && typeIs(doc, other.Types...) {
		return Verdict{Variant: other, Why: "type " + doc.Get("type").Str() + " in the folder " + folder}
	}
	return v
}

func tell(doc *asset.Value) Verdict {
	for _, t := range All() {
		for _, v := range t.Variants {
			if v.Preview != nil && v.Preview.Tell(doc) {
				return Verdict{Variant: v, Preview: true, Why: "keys of the preview form of " + v.FullName()}
			}
		}
	}
	for _, t := range slices.Concat(all, actions) {
		for _, v := range t.Variants {
			if v.Tell != nil && v.Tell(doc) {
				return Verdict{Variant: v, Why: "keys of " + v.FullName()}
			}
		}
	}
	return Verdict{}
}

func identifySchema(doc *asset.Value, url, folder string) Verdict {
	why := "$schema " + url
	if strings.Contains(url, "/promptflow/") {
		if t := folderTable(folder); t != nil && isFlow(doc) && flowComponent.table == t {
			return Verdict{Variant: flowComponent, Why: why + " in the folder " + folder}
		}
		return Verdict{Why: why + ": a prompt flow file"}
	}
	name := SchemaName(url)
	for _, t := range slices.Concat(all, actions) {
		for _, v := range t.Variants {
			for _, s := range v.Schemas {
				if strings.EqualFold(s, name) {
					if bad := refusedForm(t.Kind, doc); bad != "" {
						return Verdict{Doubt: bad, Why: why}
					}
					// The schema names the kind; type may say the variant closer.
					if w, ok := t.pick(doc); ok {
						v = w
					}
					return Verdict{Variant: v, Preview: v.Preview != nil && v.Preview.Tell(doc), Why: why}
				}
			}
		}
	}
	if near := nearSchema(name); near != "" && strings.Contains(strings.ToLower(url), "azuremlschemas") {
		return Verdict{Why: why, Doubt: "$schema names " + name + ", which is no schema of Azure ML: did you mean " + near + "?"}
	}
	return Verdict{Why: why + ": not a kind of Azure ML"}
}

// nearSchema is the schema of a managed kind that a name with a slip of the pen
// means; "" if none is near.
func nearSchema(name string) string {
	var known []string
	for _, t := range All() {
		for _, v := range t.Variants {
			known = append(known, v.Schemas...)
		}
	}
	near, ok := problem.Suggest(name, known)
	if !ok || len(near) > len(name)+2 || len(name) > len(near)+2 {
		return ""
	}
	return near
}

func identifyFolder(doc *asset.Value, folder string) Verdict {
	if folder == "" || !doc.Has("name") {
		return Verdict{Why: "no $schema, type or keys of an asset"}
	}
	t := folderTable(folder)
	if t == nil {
		return Verdict{Why: "no $schema, type or keys of an asset"}
	}
	if bad := refusedForm(t.Kind, doc); bad != "" {
		return Verdict{Doubt: bad, Why: "in the folder " + folder}
	}
	if v, _ := t.pick(doc); v != nil {
		return Verdict{Variant: v, Why: "in the folder " + folder}
	}
	return Verdict{Doubt: "it is in the folder " + folder + " but has no form of a " + string(t.Kind)}
}

// folderTable is the kind that a folder, or a rule, names; nil if none.
func folderTable(folder string) *Table {
	i := slices.IndexFunc(All(), func(t *Table) bool { return t.Plural == folder || string(t.Kind) == folder })
	if i < 0 {
		return nil
	}
	return All()[i]
}

// pick is the variant of t that a written document has: by its type, else by
// its keys, else the first. sure says that type or keys decided.
func (t *Table) pick(doc *asset.Value) (v *Variant, sure bool) {
	if v := t.ofType(doc); v != nil {
		return v, true
	}
	for _, v := range t.Variants {
		if v.Tell != nil && v.Tell(doc) {
			return v, true
		}
	}
	if len(t.Variants) > 0 {
		return t.Variants[0], len(t.Variants) == 1
	}
	return nil, false
}

// ofType is the variant that the type of a written document says: of several
// with one type, the one that the document is told to be, else the first.
func (t *Table) ofType(doc *asset.Value) (first *Variant) {
	typ := doc.Get("type").Str()
	if typ == "" {
		return nil
	}
	for _, v := range t.Variants {
		if !slices.ContainsFunc(v.Types, func(name string) bool { return squash(name) == squash(typ) }) {
			continue
		}
		if v.When == nil || v.When(doc) {
			return v
		}
		if first == nil {
			first = v
		}
	}
	return first
}

func hasAll(doc *asset.Value, keys ...string) bool {
	for _, k := range keys {
		if !doc.Has(k) {
			return false
		}
	}
	return true
}

func hasAny(doc *asset.Value, keys ...string) bool {
	for _, k := range keys {
		if doc.Has(k) {
			return true
		}
	}
	return false
}

func typeIs(doc *asset.Value, names ...string) bool {
	t := doc.Get("type").Str()
	for _, n := range names {
		if t != "" && squash(t) == squash(n) {
			return true
		}
	}
	return false
}
