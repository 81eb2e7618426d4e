package kind

import (
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Form says how a reference is written.
type Form uint8

// The forms of references. Short names an asset of the workspace:
// azureml:NAME, azureml:NAME:VERSION, azureml:NAME@LABEL. Registry is an
// azureml://registries/… URI. ARM is a resource id of another workspace. URI
// is any other address that the service reads by itself. File is file:PATH or
// a path. Expression is ${{…}}. Keep is a word with a meaning of its own,
// such as serverless.
const (
	Short Form = iota
	Registry
	ARM
	URI
	File
	Expression
	Keep
)

// Reference is a parsed reference.
type Reference struct {
	Form Form
	// Name, Version and Label are set for Short and, where they are known,
	// Registry; Registry is the registry's name. In the scope of a registry,
	// Short is an asset of that registry, which is named by its URI all the
	// same. Parent is what contains the asset, where the reference says it.
	Name, Version, Label, Registry, Parent string
	// Text is the reference as written, without the prefix azureml: of ids.
	Text string
}

// String is the normal spelling.
func (r Reference) String() string {
	switch {
	case r.Form != Short || r.Registry != "":
		return r.Text
	case r.Parent != "":
		return "azureml:" + r.Parent + ":" + r.Name
	case r.Version != "":
		return "azureml:" + r.Name + ":" + r.Version
	case r.Label != "":
		return "azureml:" + r.Name + "@" + r.Label
	}
	return "azureml:" + r.Name
}

// Ref is a reference to an asset of a kind.
type Ref struct {
	To asset.Kind
	// Inline allows the asset itself in place of a reference.
	Inline bool
	// File allows file:PATH, the path of a file that holds the asset.
	File bool
	// Path takes every text that is no reference for the path of a file.
	Path bool
	// Default takes a name without a version as one with the label default.
	Default bool
	// Prefix keeps azureml: before the resource id on the wire.
	Prefix bool
	// Named registers an inline asset that has a name under that name;
	// otherwise name and version of an inline asset mean nothing.
	Named bool
	// Bare takes a plain NAME as azureml:NAME (computes).
	Bare bool
	// Keep are words with a meaning of their own, sent as they are.
	Keep []string
	// Object sends {"referenceType":"Id","assetId":…} (batch deployments).
	Object bool
	// NameOnly sends the bare name (batch default deployment).
	NameOnly bool
	// Type is the only type that an inline asset may have, and the one that it
	// has if it names none; "" for any.
	Type string
	// NeedType says that it must name the type.
	NeedType bool
	// Apart says that the asset must stand in a file of its own and not in the
	// file that refers to it.
	Apart bool
	// Home refuses assets of registries.
	Home bool
	// Parented says that the reference names the asset that contains the other
	// one as well: azureml:PARENT:NAME.
	Parented bool
	// Plain sends NAME:VERSION, and leaves labels to the service.
	Plain bool
	// Verbatim sends the reference as it is written.
	Verbatim bool
	// NoPrefix is written without azureml:, as the reference client sends what is
	// written (the compute for images of a workspace).
	NoPrefix bool
	// Siblings says that the asset referred to is contained in the same
	// parent as, or in, the asset that refers.
	Siblings bool
	// Inlined finishes the written form of an inline asset before it is read;
	// nil leaves it.
	Inlined func(doc *asset.Value) *asset.Value
}

var registryURI = regexp.MustCompile(`^azureml://registries/([^/]+)/([^/]+)/([^/]+)(?:/(versions|labels)/([^/]+))?/?$`)

// Parse reads the text of a reference of type r; the scope decides what is
// of this workspace or registry. Problem is "" if the text is good, else what
// is wrong.
func (r Ref) Parse(text string, s Scope) (ref Reference, bad string) {
	ref, bad = r.parse(text, s)
	t := Of(r.To)
	switch {
	case s.Registry == "" || bad != "" || t == nil || ref.Form == File || ref.Form == Keep || ref.Form == Expression:
	case !t.InRegistry:
		return ref, "a registry has no " + t.Plural
	case ref.Form == Short && ref.Registry == "":
		return ref, "in a registry, it must be written as azureml://registries/REGISTRY/" + t.Collection + "/NAME/versions/VERSION"
	}
	return ref, bad
}

func (r Ref) parse(text string, s Scope) (ref Reference, bad string) {
	t := Of(r.To)
	switch {
	case strings.HasPrefix(text, "${{"):
		return Reference{Form: Expression, Text: text}, ""
	case hasFold(r.Keep, text):
		return Reference{Form: Keep, Text: text}, ""
	case r.isServerless(text):
		return Reference{Form: Keep, Text: text[len(text)-len(serverless):]}, ""
	case strings.HasPrefix(text, "file:"):
		if !r.File {
			return ref, "a file cannot be named here"
		}
		return Reference{Form: File, Text: strings.TrimPrefix(text, "file:")}, ""
	}
	if rest, twice := strings.CutPrefix(text, "azureml:azureml:"); twice {
		text = "azureml:" + rest
	}
	if m := registryURI.FindStringSubmatch(text); m != nil {
		ref = Reference{Form: Registry, Registry: m[1], Name: m[3], Text: text}
		if m[4] == "versions" {
			ref.Version = m[5]
		} else {
			ref.Label = m[5]
		}
		if t != nil && s.Registry != "" && strings.EqualFold(m[1], s.Registry) && strings.EqualFold(m[2], t.Collection) && ref.Version != "" {
			return s.own(t, ref.Name, ref.Version), ""
		}
		return ref, ""
	}
	if strings.HasPrefix(text, "azureml://") {
		return Reference{Form: URI, Text: text}, ""
	}
	short, prefixed := strings.CutPrefix(text, "azureml:")
	if strings.HasPrefix(short, "/") {
		return r.parseARM(short, s)
	}
	if !prefixed && r.Path {
		return Reference{Form: File, Text: text}, ""
	}
	if !prefixed && !r.Bare {
		return ref, "a reference begins with azureml:"
	}
	return r.parseShort(short, t)
}

// serverless is a compute that the service has for every workspace: nothing of
// that name is in its list.
const serverless = "serverless"

func (r Ref) isServerless(text string) bool {
	return r.To == compute.Kind && (strings.EqualFold(text, "azureml:"+serverless) || r.Bare && strings.EqualFold(text, serverless))
}

func (r Ref) parseARM(arm string, s Scope) (Reference, string) {
	if id, ok := s.ParseARM(arm); ok && id.Kind == r.To {
		if r.To == compute.Kind && strings.EqualFold(id.Name, serverless) {
			return Reference{Form: Keep, Text: id.Name}, ""
		}
		ref := s.own(Of(id.Kind), id.Name, id.Version)
		if r.Parented {
			ref.Parent = id.Parent
		}
		return ref, ""
	}
	if name, label, ok := strings.Cut(arm, labelsPath); ok {
		if id, ok := s.ParseARM(name); ok && id.Kind == r.To && id.Version == "" {
			return Reference{Form: Short, Name: id.Name, Label: label}, ""
		}
	}
	if !strings.HasPrefix(strings.ToLower(arm), "/subscriptions/") {
		return Reference{}, "it is not a resource id"
	}
	return Reference{Form: ARM, Text: arm}, ""
}

func (r Ref) parseShort(short string, t *Table) (ref Reference, bad string) {
	if strings.Contains(short, "/") && !r.Bare {
		// The 2021 preview wrote azureml:NAME/versions/VERSION.
		name, version, ok := strings.Cut(short, "/versions/")
		if !ok || name == "" || version == "" || strings.Contains(name+version, "/") {
			return ref, "a name cannot hold a /"
		}
		return Reference{Form: Short, Name: name, Version: version}, ""
	}
	ref = Reference{Form: Short, Name: short}
	if r.Parented {
		parent, name, _ := strings.Cut(short, ":")
		if parent == "" || name == "" || strings.Contains(name, ":") {
			return ref, "write azureml:" + string(t.Parent) + ":" + string(r.To)
		}
		ref.Parent, ref.Name = parent, name
		return ref, ""
	}
	if t == nil || t.Versioned {
		if name, version, ok := strings.Cut(short, ":"); ok {
			ref.Name, ref.Version = name, version
		} else if name, label, ok := strings.Cut(short, "@"); ok {
			ref.Name, ref.Label = name, label
		} else if r.To == "environment" && strings.HasPrefix(short, "AzureML-") {
			return ref, "" // one of Microsoft's, which the service finds
		} else if r.Default {
			ref.Label = "default"
		} else {
			return ref, "a version is missing: write azureml:" + short + ":VERSION or azureml:" + short + "@latest"
		}
	}
	switch {
	case ref.Name == "":
		return ref, "the name is missing"
	case ref.Version == "" && ref.Label == "" && ref.Name != short:
		return ref, "a version is missing behind the name"
	}
	return ref, ""
}

func hasFold(list []string, s string) bool {
	for _, k := range list {
		if strings.EqualFold(k, s) {
			return true
		}
	}
	return false
}

// Check brings a reference to its normal spelling and an inline asset to its
// normal form, in which name, version and, unless it is the first of the
// kind, the type that says the variant are still members.
func (r Ref) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Map && r.Inline && !r.Apart {
		if isFlow(v) && r.To == "component" {
			c.Badf(v, "bad_reference", "name the file of the flow", "a prompt flow stands in a file of its own")
			return nil
		}
		return r.CheckInline(c, v)
	}
	if v.Type() != asset.String {
		c.Badf(v, "wrong_type", r.hint(), "want a reference to %s, not %s", aKind(r.To), sort(v))
		return nil
	}
	ref, bad := r.Parse(v.Str(), Scope{})
	if bad != "" {
		c.Badf(v, "bad_reference", r.hint(), "%q does not refer to %s: %s", v.Str(), aKind(r.To), bad)
		return nil
	}
	switch {
	case ref.Form == File:
		return asset.NewString("file:" + ref.Text)
	case ref.Form == Expression && r.To == "environment":
		c.Badf(v, "bad_reference", r.hint(), "an expression cannot stand for an environment")
		return nil
	case ref.Form == Registry && r.Home:
		c.Badf(v, "bad_reference", r.hint(), "%q is of a registry, which cannot be named here", v.Str())
		return nil
	}
	return asset.NewString(r.Spell(ref, v.Str()))
}

// Spell is the normal spelling of a reference of this type that was written as
// text.
func (r Ref) Spell(ref Reference, text string) string {
	switch {
	case r.Verbatim:
		return text
	case r.NoPrefix && ref.Form == Short:
		return ref.Name
	}
	return ref.String()
}

// CheckInline brings an asset that stands inside another, or in a file that the
// other names, to its normal form.
func (r Ref) CheckInline(c *Checker, v *asset.Value) *asset.Value {
	if r.Inlined != nil {
		v = r.Inlined(v)
	}
	switch typ := v.Get("type"); {
	case isFlow(v) && r.To == "component":
		if r.Type != "parallel" {
			c.Badf(v, "bad_value", "write type: parallel in the step", "a prompt flow is a component of parallel steps, and cannot stand here")
			return nil
		}
		c.in("name", func() { c.name(v.Get("name"), Of(r.To)) })
		v = prepareFlow(c, v)
	case r.Type == "":
	case typ.IsNull() && r.NeedType:
		c.Badf(v, "missing_field", "add type: "+r.Type, "type is missing")
		return nil
	case typ.IsNull():
		v = v.Clone().Set("type", asset.NewString(r.Type).At(v.Pos()))
	case squash(typ.Text()) != squash(r.Type):
		c.Badf(typ, "bad_value", "name a "+string(r.To)+" of type "+r.Type, "a %s of type %s cannot stand here", r.To, typ.Text())
		return nil
	}
	variant, _ := Of(r.To).pick(v)
	if variant == nil {
		c.Badf(v, "unknown_kind", "name one with azureml:", "this is not %s", aKind(r.To))
		return nil
	}
	if typ := v.Get("type"); !typ.IsNull() && len(variant.Types) > 0 && squash(variant.Types[0]) != squash(typ.Text()) {
		c.Badf(typ, "unknown_kind", "say what it does, such as task:", "this is no %s of type %s", r.To, typ.Text())
		return nil
	}
	body := variant.ReadInline(c, v)
	for _, head := range []string{"name", "version"} {
		if item := v.Get(head); !item.IsNull() {
			body.Set(head, asset.NewString(item.Text()).At(item.Pos()))
		}
	}
	if t := variant.table; len(variant.Types) > 0 && variant != t.Variants[0] {
		body.Set("type", asset.NewString(variant.Types[0]).At(v.Pos()))
	}
	return body
}

func (r Ref) hint() string {
	t := Of(r.To)
	h := "write azureml:NAME"
	if r.Parented {
		h = "write azureml:ENDPOINT:DEPLOYMENT"
	}
	if t != nil && t.Versioned {
		h = "write azureml:NAME:VERSION, azureml:NAME@latest"
	}
	if r.File {
		h += ", file:PATH"
	}
	if r.Inline {
		h += " or the " + string(r.To) + " itself"
	}
	return h
}

// Encode sends the resource id of an asset of the workspace, and every other
// reference as it is.
func (r Ref) Encode(e *Encoder, v *asset.Value) *asset.Value {
	text := v.Text()
	ref, bad := r.Parse(text, e.Scope)
	switch {
	case bad != "" || r.Verbatim:
	case ref.Form == Short && r.Plain:
		text = strings.TrimPrefix(ref.String(), "azureml:")
	case ref.Form == Short && r.NameOnly:
		text = ref.Name
	case ref.Form == Short:
		text = r.address(ref, e)
	case ref.Form == Keep && r.To == compute.Kind && strings.EqualFold(ref.Text, serverless) && !r.NameOnly:
		text = e.Scope.ARM(asset.ID{Kind: compute.Kind, Name: ref.Text})
	case ref.Form == Registry, ref.Form == ARM:
		text = ref.Text
	}
	if r.Prefix && strings.HasPrefix(text, "/") {
		text = "azureml:" + text
	}
	if r.Object {
		return asset.NewMap().Set("referenceType", asset.NewString("Id")).Set("assetId", asset.NewString(text))
	}
	return asset.NewString(text)
}

// address is what stands on the wire for an asset of the workspace. Labels
// that only the service resolves stay as they are.
func (r Ref) address(ref Reference, e *Encoder) string {
	s := e.Scope
	if ref.Registry != "" {
		return ref.Text
	}
	if ref.Label != "" && Of(r.To).LabelPath {
		return s.ARM(asset.ID{Kind: r.To, Name: ref.Name}) + labelsPath + ref.Label
	}
	if ref.Label != "" || strings.HasPrefix(ref.Name, "AzureML-") && r.To == "environment" {
		return ref.String()
	}
	id := asset.ID{Kind: r.To, Parent: ref.Parent, Name: ref.Name, Version: ref.Version}
	if e.Address != nil {
		if arm := e.Address(id); arm != "" {
			return arm
		}
	}
	return s.ARM(id)
}

// labelsPath stands between the resource id of a name and one of its labels.
const labelsPath = "/labels/"

func (r Ref) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if r.Object && rest.Type() == asset.Map {
		rest = rest.Get("assetId")
	}
	if rest.Type() != asset.String || rest.Str() == "" {
		return nil
	}
	if r.NameOnly {
		name := rest.Str()[strings.LastIndex(rest.Str(), "/")+1:]
		return asset.NewString(r.Spell(Reference{Form: Short, Name: name}, rest.Str()))
	}
	if r.Verbatim {
		return rest
	}
	if r.Plain && !strings.Contains(rest.Str(), "/") {
		return asset.NewString("azureml:" + strings.TrimPrefix(rest.Str(), "azureml:"))
	}
	ref, bad := r.Parse(rest.Str(), d.Scope)
	if bad != "" {
		return rest
	}
	return asset.NewString(ref.String())
}

// Equal compares references: names exactly, resource ids without case. Of
// serverless compute the service says nothing (recorded 2026-03).
func (r Ref) Equal(a, b *asset.Value) bool {
	if r.To == compute.Kind && strings.EqualFold(a.Text(), serverless) && b.IsNull() {
		return true
	}
	if strings.HasPrefix(a.Text(), "/") {
		return strings.EqualFold(a.Text(), b.Text())
	}
	if r.Verbatim {
		return strings.TrimPrefix(a.Text(), "azureml:") == strings.TrimPrefix(b.Text(), "azureml:")
	}
	if a.Equal(b) || r.To != environment.Kind {
		return a.Equal(b)
	}
	want, live := curated(a.Text()), curated(b.Text())
	if strings.HasPrefix(want, "azureml:AzureML-") && strings.Count(want, ":") == 1 && !strings.Contains(want, "@") {
		live = live[:max(strings.LastIndexByte(live, ':'), len("azureml"))] // any version will do
	}
	return want == live
}

// curated is the short form of a reference to an environment of Microsoft's
// registry, which the service spells out (recorded 2026-03).
func curated(text string) string {
	if m := registryURI.FindStringSubmatch(text); m != nil && m[1] == "azureml" && m[4] == "versions" && strings.HasPrefix(m[3], "AzureML-") {
		return "azureml:" + m[3] + ":" + m[5]
	}
	return text
}

func (r Ref) Schema() map[string]any {
	s := map[string]any{"type": "string"}
	if r.Inline {
		return map[string]any{"anyOf": []any{s, map[string]any{"type": "object"}}}
	}
	return s
}

func (r Ref) Describe() string { return "reference to " + string(r.To) }

// Children are the parts of an inline asset.
func (r Ref) Children(v *asset.Value, visit func(Child)) {
	if v.Type() != asset.Map || !r.Inline {
		return
	}
	if variant, _ := Of(r.To).pick(v); variant != nil {
		children(variant.all, v, visit)
	}
}

func (r Ref) With(v *asset.Value, key string, part *asset.Value) *asset.Value {
	return withKey(v, key, part)
}
