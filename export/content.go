package export

import (
	"path"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// defaultStore is the datastore that folders of the tree are uploaded to.
const defaultStore = "workspaceblobstore"

// Content is a file or folder that somebody uploaded, and that can stand in
// the tree in place of its address. It may do so only if its hash is equal:
// then it means the same.
type Content struct {
	// Ref is what stands in the asset: the key of Options.Local.
	Ref string
	// URL is the https address of the content, or "" for one below Path in
	// the default datastore.
	URL, Path string
	// Code says that Hash is that of a code asset; else it is the object hash.
	Code bool
	Hash string
	// At is the path in the tree, beside the file of the first asset that
	// uses it.
	At string
}

// Contents are the contents of assets that are exported and that have does
// not hold yet.
func Contents(live []*asset.Asset, have *Have, opt Options) []Content {
	set := asset.NewSet(live...)
	in := newHeld(have)
	assets := pick(set, opt).assets
	layouts := tree.Layouts(assets)
	seen, places := map[string]bool{}, map[string]bool{}
	var out []Content
	for _, a := range assets {
		if x, why := in.find(a.ID); x != nil || why != "" {
			continue
		}
		stem := strings.TrimSuffix(layouts[a.ID], ".yml")
		kind.Walk(a, func(s kind.Site) {
			c, ok := contentOf(set, a, s)
			if !ok || seen[c.Ref] {
				return
			}
			c.At = path.Join(stem, c.At)
			if key := strings.ToLower(c.At); places[key] || in.exists(c.At) {
				return
			}
			seen[c.Ref], places[strings.ToLower(c.At)] = true, true
			out = append(out, c)
		})
	}
	return out
}

var uploaded = regexp.MustCompile(`(?:^|/)LocalUpload/([0-9a-f]{64})/([^/?]+)/?$`)

// contentOf is the content that a site names; At is its base name.
func contentOf(live *asset.Set, a *asset.Asset, s kind.Site) (Content, bool) {
	l, ok := s.Type.(kind.Local)
	if !ok || s.Value.Type() != asset.String {
		return Content{}, false
	}
	c := Content{Ref: s.Value.Str()}
	if l.What == kind.Code {
		id, ok := referred(a, s)
		code := live.Get(id)
		if !ok || code == nil {
			return c, false
		}
		c.Code, c.Hash, c.URL = true, code.Body.Get("hash_sha256").Str(), code.Body.Get("path").Str()
		c.At = base(c.URL)
		return c, c.Hash != "" && c.At != ""
	}
	if l.What != kind.Upload && l.What != kind.Context {
		return c, false
	}
	m := uploaded.FindStringSubmatch(c.Ref)
	if m == nil {
		return c, false
	}
	c.Hash, c.At = m[1], m[2]
	if u, ok := kind.ParseStoreURI(c.Ref); ok {
		c.Path = u.Path
		return c, u.Datastore == defaultStore && u.Workspace == "" && safeBase(c.At)
	}
	c.URL = c.Ref
	return c, ours(live, c.Ref) && safeBase(c.At)
}

// ours reports whether an https address is in the container of the default
// datastore, where a folder of the tree would go to.
func ours(live *asset.Set, address string) bool {
	d := live.Get(asset.ID{Kind: "datastore", Name: defaultStore})
	if d == nil {
		return false
	}
	_, rest, ok := strings.Cut(address, "://")
	host, rest, _ := strings.Cut(rest, "/")
	container, _, _ := strings.Cut(rest, "/")
	host, _, _ = strings.Cut(host, ":")
	account, _, _ := strings.Cut(host, ".")
	return ok && account == d.Body.Get("account_name").Text() && container == d.Body.Get("container_name").Text()
}

// base is the last part of an address that can be the name of a folder.
func base(address string) string {
	name := path.Base(strings.TrimSuffix(address, "/"))
	if !safeBase(name) {
		return "code"
	}
	return name
}

var plainName = regexp.MustCompile(`\A[A-Za-z0-9_][A-Za-z0-9_.-]*[A-Za-z0-9_-]\z|\A[A-Za-z0-9_]\z`)

// safeBase reports whether all file systems take the name.
func safeBase(name string) bool { return plainName.MatchString(name) && len(name) <= 100 }
