package kind

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Checker brings a written document to its normal form and collects what is
// wrong with it.
type Checker struct {
	Problems problem.List
	// Literals allows secrets in clear, for render, which shows what other
	// clients would send.
	Literals bool
	// AsClient refuses what the reference client refuses and the service takes,
	// for render; otherwise that is a warning.
	AsClient bool
	// Part says that what is completed is a part of another asset.
	Part    bool
	variant *Variant
	id      asset.ID // of the asset that is being read
	path    []string
}

// Variant is the variant that is being checked.
func (c *Checker) Variant() *Variant { return c.variant }

// Path is the dotted path of the field that is being checked.
func (c *Checker) Path() string { return strings.Join(c.path, ".") }

// Badf records a problem of the value v; the text begins with the field's path.
func (c *Checker) Badf(v *asset.Value, code, hint, format string, args ...any) {
	if p := c.Path(); p != "" {
		format = strings.ReplaceAll(p, "%", "%%") + ": " + format
	}
	c.Problems.Hintf(v.Pos(), code, hint, format, args...)
}

// in runs f with key on the path.
func (c *Checker) in(key string, f func()) {
	c.path = append(c.path, key)
	f()
	c.path = c.path[:len(c.path)-1]
}

// Read makes an asset of a written document of the released dialect. The
// document is of variant v. The asset is nil only if the document has no
// usable identity at all; with problems it is for looking at, not for applying.
func (v *Variant) Read(c *Checker, doc *asset.Value) *asset.Asset {
	c.variant = v
	if v.Before != nil {
		doc = v.Before(c, doc)
	}
	t := v.table
	a := &asset.Asset{ID: asset.ID{Kind: t.Kind}, Variant: v.Name, Pos: doc.Pos()}
	a.ID.Name = c.name(doc.Get("name"), t)
	if t.Versioned {
		if t.NeedVersion {
			c.needVersion(doc)
		}
		a.ID.Version, a.Auto = c.version(doc.Get("version"))
	}
	if t.Parent != "" {
		a.ID.Parent = c.parentName(doc.Get(t.ParentKey), Of(t.Parent))
		if a.ID.Parent == "" {
			c.Problems.Hintf(doc.Pos(), "missing_field", "add "+t.ParentKey+": and the name of the endpoint", "%s is missing", t.ParentKey)
		}
	}
	if a.ID.Name == "" && !t.Once && (doc.Get("name").IsNull() || doc.Get("name").Type() == asset.String) {
		c.Problems.Hintf(doc.Pos(), "missing_field", "add name: and a name", "name is missing")
	}
	c.id = a.ID
	c.typeOf(doc, t)
	a.Body = v.body(c, doc)
	if v.Check != nil {
		v.Check(c, a.Body)
	}
	return a
}

// ReadInline is Read for an asset written inside another: it needs no name.
func (v *Variant) ReadInline(c *Checker, doc *asset.Value) *asset.Value {
	outer := c.variant
	c.variant = v
	defer func() { c.variant = outer }()
	c.typeOf(doc, v.table)
	body := v.body(c, doc)
	if v.Check != nil {
		v.Check(c, body)
	}
	return body
}

// body checks the fields of a document.
func (v *Variant) body(c *Checker, doc *asset.Value) *asset.Value {
	heads := v.heads()
	if v.Lax {
		heads = append(heads, c.idle(doc, v.all, heads...)...)
	}
	return c.object(doc, v.all, heads, v.Open != "")
}

// typeOf looks at the field type, which has chosen the variant already.
func (c *Checker) typeOf(doc *asset.Value, t *Table) {
	names := t.typeNames()
	v := doc.Get("type")
	switch {
	case len(names) == 0:
	case v.IsNull():
		if t.NeedType || t.ExactType && c.variant != t.Variants[0] {
			c.Problems.Hintf(doc.Pos(), "missing_field", "one of "+strings.Join(names, ", "), "type is missing")
		}
	case v.Type() == asset.String && slices.ContainsFunc(names, func(n string) bool { return n == v.Str() || !t.OneSpelling && t.spells(v.Str(), n) }):
	default:
		hint := problem.DidYouMean(v.Text(), names)
		if hint == "" {
			hint = "one of " + strings.Join(names, ", ")
		}
		c.Problems.Hintf(v.Pos(), "bad_value", hint, "type: %s is not a type of %s", sort(v), t.Kind)
	}
}

// spells reports whether a written type means the one with the name.
func (t *Table) spells(written, name string) bool {
	if t.ExactType {
		return snakeWord(written) == name
	}
	return squash(written) == squash(name)
}

func (t *Table) typeNames() []string {
	var names []string
	for _, v := range t.Variants {
		names = append(names, v.Types...)
	}
	return names
}

func (v *Variant) heads() []string {
	heads := []string{"$schema", "name"}
	if len(v.table.typeNames()) > 0 {
		heads = append(heads, "type")
	}
	if v.table.Versioned {
		heads = append(heads, "version")
	}
	if v.table.ParentKey != "" {
		heads = append(heads, v.table.ParentKey)
	}
	return heads
}

func (c *Checker) name(v *asset.Value, t *Table) string {
	if v.IsNull() {
		return ""
	}
	if v.Type() != asset.String {
		c.Problems.Hintf(v.Pos(), "wrong_type", "put it in quotes", "a name is a text, not a %s", v.Type())
		return ""
	}
	name := v.Str()
	if t.LowerName {
		name = strings.ToLower(name)
	}
	if t.Names.Pattern != "" && !matches(t.Names.Pattern, name) {
		if t.Names.Warn {
			c.Problems.Warnf(v.Pos(), "bad_name", t.Names.Text, "the service does not take %q as the name of %s", name, aKind(t.Kind))
		} else {
			c.Problems.Hintf(v.Pos(), "bad_name", t.Names.Text, "%q cannot be the name of %s", name, aKind(t.Kind))
		}
	}
	return name
}

// parentName reads the name of the asset that contains this one. A text that
// cannot be a name is kept as it is, as by the reference client: it names
// nothing, which is found where references are bound.
func (c *Checker) parentName(v *asset.Value, t *Table) string {
	name := strings.TrimSpace(v.Str())
	if t != nil && t.LowerName && matches(t.Names.Pattern, name) {
		return strings.ToLower(name)
	}
	if name == "" && !v.IsNull() {
		c.Problems.Hintf(v.Pos(), "wrong_type", "put it in quotes", "a name is a text, not a %s", v.Type())
	}
	return name
}

// matches reports whether the whole of s fits a pattern of a table.
func matches(pattern, s string) bool {
	re, ok := compiled.Load(pattern)
	if !ok {
		re, _ = compiled.LoadOrStore(pattern, regexp.MustCompile(`\A(?:`+pattern+`)\z`))
	}
	return re.(*regexp.Regexp).MatchString(s)
}

// compiled are the patterns of the tables that were needed so far: each is
// compiled once, and none before it is needed.
var compiled sync.Map

// version reads a version: a text or a number, whose text is what YAML 1.1
// makes of it (1.10 is 1.1, 010 is 8), as for the reference client.
func (c *Checker) version(v *asset.Value) (version string, auto bool) {
	switch v.Type() {
	case asset.Null:
		if v != nil {
			c.Problems.Hintf(v.Pos(), "no_value", "write a value, or remove the key", "version has no value")
		}
		return "", true
	case asset.String, asset.Int, asset.Float, asset.Bool:
		version = v.Text()
	case asset.Time:
		if version = v.Text(); !c.variant.table.DateVersion {
			c.Problems.Hintf(v.Pos(), "wrong_type", "put it in quotes", "a version is a text or a number, not a %s", v.Type())
		}
	default:
		c.Problems.Hintf(v.Pos(), "wrong_type", "put it in quotes", "a version is a text or a number, not a %s", v.Type())
		return "", true
	}
	if version == "auto" || version == "" {
		return "", true
	}
	if most := c.variant.table.VersionMax; most > 0 && !c.Literals && len(version) > most {
		c.Problems.Hintf(v.Pos(), "bad_version", fmt.Sprintf("use at most %d characters", most), "the version %q is too long", version)
	} else if !c.Literals && !matches(`[A-Za-z0-9._-]+`, version) {
		c.Problems.Warnf(v.Pos(), "bad_version", "use letters, digits, dots, dashes and underscores", "the service may not take %q as a version", version)
	}
	return version, false
}

// needVersion looks at the version of a kind that must have one.
func (c *Checker) needVersion(doc *asset.Value) {
	v := doc.Get("version")
	switch {
	case v.IsNull():
		c.Problems.Hintf(doc.Pos(), "missing_field", `add version: and a text, such as "1"`, "version is missing")
	case v.Type() != asset.String:
		c.Problems.Hintf(v.Pos(), "wrong_type", quoteHint(v), "version: want a text, not a %s", v.Type())
	case v.Str() == "auto":
		c.Problems.Hintf(v.Pos(), "bad_version", `write the version itself, such as "1"`, "version: the service gives no version to a %s", c.variant.table.Kind)
	}
}

// object checks the fields of a map, in the order of the rows. Keys in skip
// are left to the caller; open maps keep keys that have no row.
func (c *Checker) object(doc *asset.Value, rows []Field, skip []string, open bool) *asset.Value {
	out := asset.NewMap().At(doc.Pos())
	if doc.Type() != asset.Map {
		c.Badf(doc, "wrong_type", mapHint, "want a map, not a %s", doc.Type())
		return out
	}
	for i := range rows {
		c.in(rows[i].YAML, func() { c.row(&rows[i], doc, out) })
	}
	for key, item := range doc.Entries() {
		if slices.Contains(skip, key) || fieldOf(rows, key) != nil {
			continue
		}
		if open {
			out.Set(key, item)
			continue
		}
		if len(c.path) == 0 && c.variant.table.Lax {
			c.Problems.Warnf(item.Pos(), "unknown_field", knownHint(key, rows, skip), "unknown field %q: it means nothing", key)
			continue
		}
		c.Badf(item, "unknown_field", knownHint(key, rows, skip), "unknown field %q", key)
	}
	return out
}

// idle are the keys of a map that have no row, with a warning for each: they
// mean nothing to the reference client.
func (c *Checker) idle(v *asset.Value, rows []Field, known ...string) []string {
	var keys []string
	for key, item := range v.Entries() {
		if fieldOf(rows, key) == nil && !slices.Contains(known, key) {
			keys = append(keys, key)
			c.warn(item.Pos(), "unknown_field", "remove it, or correct its name", "%q means nothing here and is not sent", key)
		}
	}
	return keys
}

// knownHint names the field that was meant, or all that there are.
func knownHint(key string, rows []Field, skip []string) string {
	var known []string
	for _, f := range rows {
		known = append(known, f.YAML)
	}
	for _, k := range skip {
		if k != "$schema" {
			known = append(known, k)
		}
	}
	if hint := problem.DidYouMean(key, known); hint != "" {
		return hint
	}
	slices.Sort(known)
	return "known here: " + strings.Join(slices.Compact(known), ", ")
}

func (c *Checker) row(f *Field, doc, out *asset.Value) {
	v := doc.Get(f.YAML)
	switch {
	case f.ReadOnly:
	case f.Made && !v.IsNull():
		c.Badf(v, "unknown_field", "remove it", "unknown field %q", f.YAML)
	case v.IsNull():
		if v != nil && f.Nullable {
			return
		}
		if v != nil {
			c.Badf(v, "no_value", "write a value, or remove the key", "has no value")
		} else if f.Required {
			c.Badf(doc, "missing_field", "add "+f.YAML+": "+f.As.Describe(), "is missing")
		}
	case f.Secret && !c.Literals && !isSecretRef(v):
		c.Badf(v, "plain_secret", "write ${{ secret.NAME }} and say in mlsync.yaml where NAME comes from", "a secret must not stand in a file")
	default:
		if got := f.As.Check(c, v); got != nil {
			out.Set(f.YAML, got.At(v.Pos()))
		}
	}
}

var secretRef = regexp.MustCompile(`\A\$\{\{\s*secret\.([A-Za-z_][A-Za-z0-9_.-]*)\s*\}\}\z`)

// SecretName is the NAME of a value ${{ secret.NAME }}, and false for others.
func SecretName(v *asset.Value) (string, bool) {
	m := secretRef.FindStringSubmatch(v.Str())
	if m == nil {
		return "", false
	}
	return m[1], true
}

func isSecretRef(v *asset.Value) bool {
	_, ok := SecretName(v)
	return ok
}
