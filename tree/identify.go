package tree

import (
	"bytes"
	"encoding/binary"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf16"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// ConfigFile is the name of mlsync's own file, which is never an asset.
const ConfigFile = "mlsync.yaml"

// PinsFile is the name of the record in an overlay that says which release the
// target is at, and ReleasesFolder where the releases are. They are mlsync's
// own, and never assets.
const (
	PinsFile       = "release.yml"
	ReleasesFolder = "releases"
)

// ownFile says what a file of mlsync's own is; "" for all others.
func (r *reader) ownFile(name string, overlay bool, rel string) string {
	switch {
	case !overlay && strings.HasPrefix(name, ReleasesFolder+"/"):
		return "a release of mlsync, which is no asset"
	case overlay && rel == PinsFile:
		return "the record of the release that this target is at, which is no asset"
	}
	return ""
}

var (
	schemaLine    = regexp.MustCompile(`(?m)^\$schema:[ \t]*["']?([^\s"'#]+)`)
	schemaComment = regexp.MustCompile(`(?m)^#[ \t]*yaml-language-server:[ \t]*\$schema=(\S+)`)
	schemaRow     = regexp.MustCompile(`(?m)^#[ \t]*yaml-language-server:[ \t]*\$schema=.*$`)
	topLevel      = regexp.MustCompile(`(?m)^["']?([A-Za-z_][A-Za-z0-9_-]*)["']?:[ \t]*([^\r\n]*)`)
)

// IsYAML reports whether a path is one that may hold assets: it ends in .yml
// or .yaml in any case and no folder or file of it begins with a dot.
func IsYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	if ext != ".yml" && ext != ".yaml" || name == ConfigFile {
		return false
	}
	for seg := range strings.SplitSeq(name, "/") {
		if strings.HasPrefix(seg, ".") {
			return false
		}
	}
	return true
}

// folderOf is the plural of the kind whose place in the canonical tree a path
// is, and the endpoint that the path names; "" for other places.
func folderOf(name string) (plural, parent string) {
	dirs := strings.Split(path.Dir(name), "/")
	n := len(dirs)
	for _, t := range kind.All() {
		if t.Parent != "" {
			if n >= 3 && dirs[n-1] == t.Collection && dirs[n-3] == kind.Of(t.Parent).Plural {
				return t.Plural, dirs[n-2]
			}
		}
	}
	for _, t := range kind.All() {
		if dirs[n-1] == t.Plural || n >= 2 && dirs[n-2] == t.Plural {
			return t.Plural, ""
		}
	}
	return "", ""
}

// identify finds what a document is. Kinds that are managed only where they are
// asked for are left alone elsewhere.
func (r *reader) identify(doc *asset.Value, name, comment string) kind.Verdict {
	v := r.recognise(doc, name, comment)
	if v.Variant == nil || !v.Variant.Table().OptIn || slices.Contains(r.opts.Manage, v.Variant.Table().Kind) {
		return v
	}
	return kind.Verdict{
		Unmanaged: v.Variant.FullName(),
		Why:       v.Why + "; to manage it, write manage: [" + string(v.Variant.Table().Kind) + "] into mlsync.yaml",
	}
}

// recognise is kind.Identify, with the address of a yaml-language-server
// comment in place of $schema, and with the rules.
func (r *reader) recognise(doc *asset.Value, name, comment string) kind.Verdict {
	folder, _ := folderOf(name)
	if r.opts.AsClient && folder == "" {
		folder = kind.Asked(doc)
	}
	if comment != "" && doc.Type() == asset.Map && !doc.Has("$schema") {
		with := withFirst(doc, "$schema", asset.NewString(comment))
		if v := kind.Identify(with, folder); v.Variant != nil || v.Unmanaged != "" {
			return v
		}
	}
	forced := false
	for _, rule := range r.opts.KindRules {
		if glob.Path(rule.Path, name) {
			if rule.Ignore {
				return kind.Verdict{Why: "a rule of mlsync.yaml says that it is no asset"}
			}
			folder, forced = rule.Kind, true
		}
	}
	if forced && doc.Type() == asset.Map && !doc.Has("name") {
		doc = withFirst(doc, "name", asset.NewString("unnamed")) // jobs need none
	}
	return kind.Identify(doc, folder)
}

// withFirst is a copy of a map with one entry more in front. The copy shares
// the values.
func withFirst(doc *asset.Value, key string, v *asset.Value) *asset.Value {
	out := asset.NewMap().At(doc.Pos()).Set(key, v)
	for k, item := range doc.Entries() {
		if k != key {
			out.Set(k, item)
		}
	}
	return out
}

// unreadable decides from its text what a file is that does not parse: an
// asset with a problem, or something else that is left alone.
func (r *reader) unreadable(data []byte, name string) kind.Verdict {
	data = fromUTF16(data)
	if m := schemaLine.FindSubmatch(data); m != nil {
		doc := asset.NewMap().Set("$schema", asset.NewString(string(m[1])))
		return r.identify(doc, name, "")
	}
	comment := commentSchema(data)
	doc := asset.NewMap()
	for _, m := range topLevel.FindAllSubmatch(data, 100) {
		v := asset.NewString(strings.Trim(strings.TrimSpace(string(m[2])), `"'`))
		if v.Str() == "" {
			doc.Set(string(m[1]), asset.NewMap())
			continue
		}
		doc.Set(string(m[1]), v)
	}
	return r.identify(doc, name, comment)
}

// fromUTF16 is a text that an editor saved as UTF-16, as UTF-8; other texts
// stay as they are.
func fromUTF16(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	var units []uint16
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	return []byte(string(utf16.Decode(units)))
}

func commentSchema(data []byte) string {
	if !bytes.Contains(data, []byte("yaml-language-server")) {
		return ""
	}
	if m := schemaComment.FindSubmatch(data); m != nil {
		return string(m[1])
	}
	return ""
}

// doubt reports a document that looks like an asset and cannot be decided.
func doubt(v kind.Verdict, doc *asset.Value, bad *problem.List) {
	bad.Hintf(doc.Pos(), "unknown_kind", "add $schema: or type:, or a rule with kind_is: or asset: false to mlsync.yaml", "what this is cannot be decided: %s", v.Doubt)
}
