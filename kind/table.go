package kind

import (
	"cmp"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Table is all that mlsync knows of one kind.
type Table struct {
	Kind asset.Kind
	// Plural is the kind's folder in a canonical tree, such as "environments".
	Plural string
	// Collection is the REST collection, below the workspace or, for a kind
	// with a Parent, below the parent's resource.
	Collection string
	// Parent is the kind that contains this one (an endpoint of a
	// deployment), and ParentKey the field that names it.
	Parent    asset.Kind
	ParentKey string
	// Partner are assets that must be there first although nothing names them.
	Partner Partner
	// LooksLike is the kind that documents of this one cannot be told from: the
	// folder, or a rule of mlsync.yaml, says that they are of this one.
	LooksLike asset.Kind
	// Versioned kinds have versions; the others are one resource a name.
	Versioned bool
	// NeedVersion says that a file must say its version, as a text: the
	// service gives these kinds none.
	NeedVersion bool
	// VersionMax is the most characters that the service takes for a version;
	// 0 if none is known.
	VersionMax int
	// DateVersion takes a date for a version.
	DateVersion bool
	// Anonymous is the name under which inline assets of this kind are
	// registered; "" if the kind is never written inline.
	Anonymous string
	// Top says that it is no part of a workspace: it stands at the provider, as
	// the workspace of the target itself does. There is one of it or few, so it
	// is asked for by itself and not listed, and it is never deleted.
	Top bool
	// OptIn kinds are managed only where mlsync.yaml asks for it.
	OptIn bool
	// InRegistry kinds may be in a registry.
	InRegistry bool
	// Patches says that updates go as PATCH, with the fields that git mentions.
	Patches bool
	// LowerName says that the service knows names in lower case only.
	LowerName bool
	// Names checks a name at creation: a regular expression and its meaning.
	Names NameRule
	// Tags is the REST path of the map of tags, which carries mlsync's
	// stamps: "properties.tags" or "tags"; "" if the kind cannot carry any.
	Tags string
	// StampsFixed says that tags of an existing asset cannot be changed, so
	// stamps are given at creation or never (environment versions).
	StampsFixed bool
	// Patchable kinds hide secrets that a PUT must hold, so stamps are taken off
	// by PATCH.
	Patchable bool
	// ArchiveStage says that archiving sets the stage as well, as the reference
	// client does for these kinds.
	ArchiveStage bool
	// PutQuery are query members that a PUT carries.
	PutQuery map[string]string
	// ListQuery are query members without which a list is not complete.
	ListQuery map[string]string
	// Disable is the REST path of a flag that must be false before the service
	// deletes an asset; "" if there is none.
	Disable string
	// Resend makes a body as the service sent it one that it takes back; nil
	// for kinds of which it takes any.
	Resend func(rest *asset.Value)
	// Location says that the body carries the region of the workspace.
	Location bool
	// Remove is what removal from git means by default.
	Remove Removal
	// Costly kinds are removed only with an approval.
	Costly bool
	// Promotable kinds may move to another workspace. What of them stays is
	// Field.Stays.
	Promotable bool
	// Carries says that its bytes are the asset itself, so that they move with
	// it wherever they are. Of the others, bytes move that are in the storage
	// that comes with the workspace; a datastore that somebody made is each
	// workspace's own, and so is what is in it.
	Carries bool
	// Routes are the fields that share requests out among contained assets;
	// the zero Routes are none.
	Routes Routes
	// Action kinds are no assets: files that ask for something to be done.
	Action bool
	// Once says that an asset is written once and never compared field by
	// field (jobs).
	Once bool
	// ReadBack says that a write must be read again, because the service may
	// answer success without doing it.
	ReadBack bool
	// LabelPath says that a label is a part of the resource id on the wire.
	LabelPath bool
	// Renames says that the service chooses the version of an anonymous asset:
	// the answer of a PUT has another id (recorded 2024-02).
	Renames bool
	// System reports assets that nobody wrote: the service makes them.
	System func(asset.ID) bool
	// Variants are the forms of the kind. Fields of the variant come on top
	// of Fields, or in their place.
	Variants []*Variant
	Fields   []Field
	// NeedType says that a file must name its type.
	NeedType bool
	// ExactType says that a type is taken in snake or camel case only, not in
	// any spelling, OneSpelling that it is taken as the table writes it only,
	// as the reference client does for these kinds.
	ExactType, OneSpelling bool
	// Lax kinds take fields that have no row, and send nothing of them: the
	// reference client passes over them. They are warned of.
	Lax bool
	// Apart says that the variants are kinds of their own to the reference
	// client (job/command).
	Apart bool
	// Doc is one sentence for the reference docs.
	Doc string
}

// Partner is a kind of which assets go with those of another: those that have
// the same value in the field.
type Partner struct {
	Kind  asset.Kind
	Field string
}

// Removal is what may be done with an asset that git no longer has.
type Removal string

// The removals. Orphan leaves the asset alone and forgets it; Confirm waits
// for an approval and then deletes.
const (
	Archive Removal = "archive"
	Delete  Removal = "delete"
	Orphan  Removal = "orphan"
	Confirm Removal = "confirm"
)

// NameRule restricts names of new assets.
type NameRule struct {
	Pattern string // a regular expression for the whole name; "" allows all
	Text    string // the same in words, for problems
	// Warn makes a bad name a warning: the service refuses it, not the
	// reference client.
	Warn bool
}

// Variant is one form of a kind.
type Variant struct {
	// Name tells the variants of one kind apart; "" if there is one only.
	Name string
	// Family is what the reference client calls several variants, in place of
	// Name; "" for those with a name of their own.
	Family string
	// Schemas are the last segments of $schema URLs, without .schema.json,
	// that mean this variant; the first is the one that is written.
	Schemas []string
	// Types are the values of the field type that mean this variant; the
	// first is written, none if the field is not used.
	Types []string
	// When tells variants of the same type apart in a written document; nil
	// for a type that one variant has.
	When func(doc *asset.Value) bool
	// Const are members of the REST body that say the variant. They are sent,
	// and a live asset is of this variant if its own equal them, case aside.
	Const []Const
	// Live reports whether a body that the service sent is of this variant,
	// where Const cannot say; nil for those where it can.
	Live func(rest *asset.Value) bool
	// Tell recognises a written document that has no $schema.
	Tell func(doc *asset.Value) bool
	// Before brings a written document to the form that the rows are of; nil for
	// most.
	Before func(c *Checker, doc *asset.Value) *asset.Value
	// NoFile is why a live asset cannot be written as a file; "" if it can.
	NoFile string
	// Preview reads the form of the 2020 preview; nil if there was none.
	Preview *Preview
	Fields  []Field
	// Check looks at what rows cannot say; v is the normal form.
	Check func(c *Checker, v *asset.Value)
	// Complete adds to the normal form what other assets say, before
	// references are bound; nil for most.
	Complete func(in *Completion, body *asset.Value)
	// Whole completes the normal form once the files that it refers to have
	// taken the place of their names: what can be told only of all parts
	// together, such as the types of the ports of a pipeline's steps.
	Whole func(c *Checker, v *asset.Value)
	// Open is the path of the REST body that unknown fields of a file are
	// sent in, unchanged; "" refuses them.
	Open string
	// Lax takes unknown fields and leaves them out.
	Lax bool
	// Ignore are members at Open that mean nothing to us: the service or its
	// clients make them.
	Ignore []string
	// ToREST and FromREST finish what rows cannot say. rest is the body so
	// far; v the resolved form.
	ToREST   func(e *Encoder, v, rest *asset.Value)
	FromREST func(d *Decoder, rest, v *asset.Value)
	// Inspect looks into local content; body is the resolved form and may be
	// added to.
	Inspect func(in *Inspection, body *asset.Value)
	// Command is what carries out an action; nil for assets.
	Command *Command
	// DeleteQuery are query members that a DELETE needs.
	DeleteQuery map[string]string
	Doc         string

	table *Table
	all   []Field
}

// Const is a member of a REST body with a fixed text.
type Const struct{ REST, Text string }

// Change is what the service lets happen to a field of an existing asset.
type Change uint8

// The classes of change. InPlace: an update of the asset. NewVersion: the
// version is immutable, another one is made. Replace: delete and create.
// Append: entries may be added, not changed or removed. Once: said at
// creation only and not readable or not comparable later, so a difference is
// shown as ignored.
const (
	InPlace Change = iota
	NewVersion
	Replace
	Append
	Once
)

var changeNames = [...]string{"in place", "new version", "replace", "append only", "at creation"}

// String is the class in words.
func (c Change) String() string { return changeNames[c] }

// Field is one row of a table.
type Field struct {
	// YAML is the key in the file.
	YAML string
	// REST is the dotted path in the body, relative to that of the enclosing
	// field. "" sends nothing, save for an Object: its fields then live
	// directly in the enclosing body.
	REST string
	// As is how the value is checked, sent and read.
	As Type
	// Required fields must be in the file.
	Required bool
	// Nullable fields may stand in a file without a value, which is the same
	// as none; the reference client refuses all others that have no value.
	Nullable bool
	// Hidden fields are no secrets, and the service does not give them back
	// either: an export asks for those that are required as for secrets.
	Hidden bool
	// ReadOnly fields may stand in a file and mean nothing.
	ReadOnly bool
	// Made fields are filled in by the variant's Whole and never written.
	Made bool
	// Secret fields hold a reference ${{ secret.NAME }} and are never read
	// back from the service.
	Secret bool
	// Change is what the service allows on an existing asset.
	Change Change
	// Send is what the reference client sends on creation when the file is
	// silent, in normal form; nil for nothing.
	Send *asset.Value
	// Service is what the service fills in by itself; it is also what a field
	// is reset to when it is released. For the docs and for resets only.
	Service *asset.Value
	// Late says that the field can be set only after the assets contained in
	// this one exist (traffic of an endpoint): it is sent by a second step.
	Late bool
	// Stays says that the field is the workspace's own and not the asset's, so
	// that it stays when the asset moves to another one: sizes, counts,
	// identities, computes, traffic, what can be reached from where. A digest
	// of what moves leaves it out. It holds for all that is inside the field.
	Stays bool
	// Doc is one sentence for the reference docs, with the service's
	// behaviour and its source where it is odd.
	Doc string
}

// Routes are the fields of a container that say which of its contained assets
// get how much of the requests.
type Routes struct {
	// Shares is the key of the percentages: 100 in all, or none.
	Shares string
	// Mirror is the key of the percentage that one asset without a share gets
	// copies of, MirrorMax the most it may be.
	Mirror    string
	MirrorMax int
	// Unmirrored are the variants that send no copies.
	Unmirrored []string
}

// Fields of v: those of the kind and its own, in the order of writing.
func (v *Variant) AllFields() []Field { return v.all }

// Table is the kind v belongs to.
func (v *Variant) Table() *Table { return v.table }

// FullName is kind or kind/variant for kinds whose variants are kinds of
// their own to the reference client (job/command).
func (v *Variant) FullName() string {
	if v.table.Apart {
		return string(v.table.Kind) + "/" + cmp.Or(v.Family, strings.Join(v.Types[:min(1, len(v.Types))], ""), v.Name)
	}
	return string(v.table.Kind)
}

// Field is the row of a top-level key, or nil.
func (v *Variant) Field(key string) *Field { return fieldOf(v.all, key) }

func fieldOf(fields []Field, key string) *Field {
	if i := slices.IndexFunc(fields, func(f Field) bool { return f.YAML == key }); i >= 0 {
		return &fields[i]
	}
	return nil
}

// byKind are all tables: a kind is looked up several times for each asset.
var byKind = index(all, actions)

func index(lists ...[]*Table) map[asset.Kind]*Table {
	out := map[asset.Kind]*Table{}
	for _, t := range slices.Concat(lists...) {
		out[t.Kind] = t
	}
	return out
}

// Of is the table of a kind, or nil if there is none.
func Of(k asset.Kind) *Table { return byKind[k] }

// VariantOf is the variant of an asset. It panics for a kind or variant that
// has no table: assets are made by this package only.
func VariantOf(a *asset.Asset) *Variant {
	v := Of(a.ID.Kind).Variant(a.Variant)
	if v == nil {
		panic("kind: no variant " + a.Variant + " of " + string(a.ID.Kind))
	}
	return v
}

// Variant is the variant with the name, or nil.
func (t *Table) Variant(name string) *Variant {
	if i := slices.IndexFunc(t.Variants, func(v *Variant) bool { return v.Name == name }); i >= 0 {
		return t.Variants[i]
	}
	return nil
}

// IsSystem reports whether nobody wrote the asset: the service made it.
func (t *Table) IsSystem(id asset.ID) bool { return t.System != nil && t.System(id) }

// Single reports whether assets of the kind are asked for one by one, because
// no list of them is worth reading.
func (t *Table) Single() bool { return t.Once || t.Top }

// OptIns are the kinds that are managed only where mlsync.yaml asks for it.
func OptIns() []asset.Kind {
	var out []asset.Kind
	for _, t := range All() {
		if t.OptIn {
			out = append(out, t.Kind)
		}
	}
	return out
}

// link fills in what the tables leave to be derived.
func link(tables []*Table) []*Table {
	for _, t := range tables {
		for _, v := range t.Variants {
			v.table = t
			v.all = overlay(t.Fields, v.Fields)
		}
	}
	return tables
}

// overlay are the rows of a kind with those of a variant, which replace rows of
// the same key.
func overlay(rows, own []Field) []Field {
	out := slices.Clone(rows)
	for _, f := range own {
		if i := slices.IndexFunc(out[:len(rows)], func(g Field) bool { return g.YAML == f.YAML }); i >= 0 {
			out[i] = f
			continue
		}
		out = append(out, f)
	}
	return out
}

func splitPath(dotted string) []string { return strings.Split(dotted, ".") }
